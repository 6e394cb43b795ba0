"""The default model's task: one network predicts the restored image, the radius and the scale of its error."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from refocal import metrics
from refocal.catalog import find
from refocal.learn.losses.pixelwise import LOSSES
from refocal.learn.recipe import Recipe
from refocal.learn.tasks import Batch, Networks, Task, predict, read_options
from refocal.learn.tasks.estimate_map import map_figures
from refocal.types import InputError

MAX_PSNR_DB = 60.0
"""Cap on the PSNR of validation crops: it is infinite where a crop in focus is returned unchanged."""


@dataclass(frozen=True)
class Options:
    """Fields of a recipe's ``task_options``.

    Attributes:
        scales: Number of sizes at which the recipe's terms are taken: full size, and means over 2 x 2, 4 x 4, ...
            pixels.
        coarser_weight: Weight of each coarser size; the full size has weight 1.
        map_weight: Weight of the map's negative log-likelihood.
    """

    scales: int = 3
    coarser_weight: float = 0.5
    map_weight: float = 0.01

    def __post_init__(self) -> None:
        if not 1 <= self.scales <= 5:
            raise InputError(f"The task's scales are 1 to 5 image sizes, not {self.scales}.")
        if min(self.coarser_weight, self.map_weight) < 0:
            raise InputError("The task's coarser_weight and map_weight are at least 0.")


def losses(recipe: Recipe, updated: str, networks: Networks, batch: Batch, step: int) -> dict[str, Tensor]:
    """The recipe's terms at all sizes, and the negative log-likelihood of the true radius."""
    options = read_options(recipe, Options)
    restored, radius_px, scale_px = predict(networks[updated], batch)
    found: dict[str, Tensor] = {}
    with torch.autocast(restored.device.type, enabled=False):
        images = restored.float(), batch["sharp"]
        for size in range(options.scales):
            share = options.coarser_weight if size else 1.0
            if size:
                images = functional.avg_pool2d(images[0], 2), functional.avg_pool2d(images[1], 2)
            for term in recipe.loss_at(step):
                value = share * term.weight * find(LOSSES, term.loss, "loss").load()(*images, **term.options)
                found[term.loss] = found.get(term.loss, torch.zeros_like(value)) + value
        found["map"] = options.map_weight * laplace_nll(radius_px.float(), scale_px.float(), batch["radius_px"])
    return found


def validate(network: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """PSNR of the restored image clipped to [0, 1] and of the blurred image; errors of the map, see ``map_figures``."""
    restored, radius_px, _ = predict(network, batch)
    return {
        "psnr": metrics.psnr(restored.float().clamp(0, 1), batch["sharp"]).clamp(max=MAX_PSNR_DB),
        "psnr_blurred": metrics.psnr(batch["blurred"], batch["sharp"]).clamp(max=MAX_PSNR_DB),
        **map_figures(radius_px.float()[:, 0], batch),
    }


def laplace_nll(radius_px: Tensor, scale_px: Tensor, true_px: Tensor) -> Tensor:
    """Mean negative log-likelihood of the true radius under a Laplace distribution about the predicted radius.

    Args:
        radius_px: Predicted radius, the centre of the distribution.
        scale_px: Its scale, above 0; the same shape.
        true_px: The same shape.
    """
    return ((radius_px - true_px).abs() / scale_px + (2 * scale_px).log()).mean()


RESTORE_AND_MAP = Task(losses, validate)
