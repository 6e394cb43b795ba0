"""The default model's task: one network restores, tells the radius, and tells how sure it is of that."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from refocal import metrics
from refocal.catalog import find
from refocal.learn.losses.pixelwise import LOSSES
from refocal.learn.recipe import Recipe
from refocal.learn.tasks import answer, make_network, make_pairs
from refocal.learn.tasks.estimate_map import map_figures
from refocal.types import InputError

MAX_PSNR_DB = 60.0
"""Of crops in focus: what comes back as it was would be infinitely good."""


@dataclass(frozen=True)
class Options:
    """What a recipe's ``task_options`` may say.

    Attributes:
        scales: The recipe's terms are taken of the pictures and of their means over 2 x 2, 4 x 4, ... pixels: so many
            sizes.
        coarser_weight: What each of the coarser sizes counts, compared with the full one.
        map_weight: Of the map's likelihood.
    """

    scales: int = 3
    coarser_weight: float = 0.5
    map_weight: float = 0.01

    def __post_init__(self) -> None:
        if not 1 <= self.scales <= 5:
            raise InputError(f"The task's scales are 1 to 5 sizes of the pictures, not {self.scales}.")
        if min(self.coarser_weight, self.map_weight) < 0:
            raise InputError("The task's coarser_weight and map_weight are at least 0.")


@dataclass(frozen=True)
class RestoreAndMap:
    """A network that gives the restored picture, the radius and the scale of the radius's error; see ``FocusUNet``."""

    recipe: Recipe

    @property
    def options(self) -> Options:
        """Of the recipe."""
        return Options(**self.recipe.task_options)

    def networks(self) -> dict[str, nn.Module]:
        """The recipe's network."""
        return {"network": make_network(self.recipe)}

    def turns(self, step: int) -> tuple[str, ...]:  # noqa: ARG002
        """Always the same one."""
        return ("network",)

    def pairs(self, crops: Tensor, random: torch.Generator, step: int) -> dict[str, Tensor]:
        """As the recipe's pairs are made in the step's phase; ``radius_px`` is among them."""
        return make_pairs(self.recipe, crops, random, step)

    def losses(
        self, turn: str, networks: dict[str, nn.Module], batch: dict[str, Tensor], step: int
    ) -> dict[str, Tensor]:
        """The recipe's terms at all sizes, and minus the log-likelihood of the true radius."""
        restored, radius_px, scale_px = answer(networks[turn], batch)
        losses: dict[str, Tensor] = {}
        with torch.autocast(restored.device.type, enabled=False):
            pictures = restored.float(), batch["sharp"]
            for size in range(self.options.scales):
                share = self.options.coarser_weight if size else 1.0
                if size:
                    pictures = functional.avg_pool2d(pictures[0], 2), functional.avg_pool2d(pictures[1], 2)
                for term in self.recipe.loss:
                    value = share * term.weight * find(LOSSES, term.loss, "loss").load()(*pictures, **term.options)
                    losses[term.loss] = losses.get(term.loss, torch.zeros_like(value)) + value
            losses["map"] = self.options.map_weight * unlikely(radius_px.float(), scale_px.float(), batch["radius_px"])
        return losses

    def validate(self, network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """PSNR of what is clipped to [0, 1], and of the blurred picture; errors of the map; see ``map_figures``."""
        restored, radius_px, _ = answer(network, batch)
        return {
            "psnr": metrics.psnr(restored.float().clamp(0, 1), batch["sharp"]).clamp(max=MAX_PSNR_DB),
            "psnr_blurred": metrics.psnr(batch["blurred"], batch["sharp"]).clamp(max=MAX_PSNR_DB),
            **map_figures(radius_px.float()[:, 0], batch),
        }


def unlikely(radius_px: Tensor, scale_px: Tensor, true_px: Tensor) -> Tensor:
    """Minus the mean log-likelihood of the true radius under a Laplace distribution about the one told."""
    return ((radius_px - true_px).abs() / scale_px + (2 * scale_px).log()).mean()
