"""Recipes by name, for ``refocal train NAME``."""

from refocal.learn.recipe import Recipe
from refocal.learn.recipes import sharpness_loss

RECIPES: dict[str, Recipe] = {**sharpness_loss.RECIPES}
