"""Recipes by name, for ``refocal train NAME``."""

from __future__ import annotations

import importlib

from refocal.learn.recipe import Recipe

MODULES = (
    "default",
    "sharpness_loss",
    "svbr_net",
    "dmenet",
    "learnable_blur_kernel_defocusgan",
)
"""Modules of this package that hold ``RECIPES``: one for each paper, and one for refocal's own networks."""

RECIPES: dict[str, Recipe] = {
    name: recipe
    for module in MODULES
    for name, recipe in importlib.import_module(f"{__name__}.{module}").RECIPES.items()
}
