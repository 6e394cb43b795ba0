"""Recipes by name, for ``refocal train NAME``."""

from refocal.learn.recipe import Recipe
from refocal.learn.recipes import default, dmenet, learnable_blur_kernel_defocusgan, sharpness_loss, svbr_net

RECIPES: dict[str, Recipe] = {
    **default.RECIPES,
    **sharpness_loss.RECIPES,
    **svbr_net.RECIPES,
    **dmenet.RECIPES,
    **learnable_blur_kernel_defocusgan.RECIPES,
}
