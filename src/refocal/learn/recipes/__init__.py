"""Recipes by name, for ``refocal train NAME``."""

from refocal.learn.recipe import Recipe
from refocal.learn.recipes import sharpness_loss
from refocal.types import InputError

RECIPES: dict[str, Recipe] = {**sharpness_loss.RECIPES}


def recipe(name: str) -> Recipe:
    """Look a recipe up.

    Raises:
        InputError: If there is none of that name; the sentence tells the nearest.
    """
    import difflib

    if name in RECIPES:
        return RECIPES[name]
    near = difflib.get_close_matches(name, RECIPES, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"choose one of: {', '.join(RECIPES)}."
    raise InputError(f"There is no recipe named {name!r}: {hint}")
