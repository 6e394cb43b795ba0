"""The task of estimating blur: one network, whose output is the radius in pixels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from refocal import metrics
from refocal.catalog import find
from refocal.learn.losses.pixelwise import LOSSES
from refocal.learn.recipe import Recipe
from refocal.learn.tasks import answer, make_network, make_pairs


@dataclass(frozen=True)
class EstimateMap:
    """One network that takes ``blurred``, or what its ``inputs`` name, and is compared with ``radius_px``.

    The network gives radii in pixels (N, 1, H, W); while training it may give a tuple of these and of coarser ones:
    each term of the loss is taken of all of them, with the same weight. Coarser ones are compared with means of the
    true map.
    """

    recipe: Recipe

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
        """The recipe's terms, of the map and of the sum over its coarser ones."""
        radius_px, *coarser = _radii(networks[turn], batch)
        losses = {}
        with torch.autocast(radius_px.device.type, enabled=False):
            true = batch["radius_px"]
            for term in self.recipe.loss:
                loss = find(LOSSES, term.loss, "loss").load()
                losses[term.loss] = term.weight * loss(radius_px.float(), true, **term.options)
                if coarser:
                    means = (nn.functional.adaptive_avg_pool2d(true, radii.shape[-2:]) for radii in coarser)
                    each = [
                        loss(radii.float(), mean, **term.options) for radii, mean in zip(coarser, means, strict=True)
                    ]
                    losses[f"{term.loss}_coarser"] = term.weight * torch.stack(each).sum()
        return losses

    def validate(self, network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """See ``map_figures``."""
        return map_figures(_radii(network, batch)[0].float().clamp(min=0)[:, 0], batch)


def map_figures(radius_px: Tensor, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Minus the mean absolute error of each map (N, H, W) in pixels, which is to be large, and that of the best flat
    map.
    """
    true = batch["radius_px"][:, 0]
    median = true.flatten(1).median(dim=1).values
    return {
        "minus_mae_px": -metrics.map_mae(radius_px, true),
        "minus_mae_px_flat": -metrics.map_mae(median[:, None, None].expand_as(true), true),
    }


def _radii(network: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, ...]:
    """What the network gives, the map first."""
    given = answer(network, batch)
    return given if isinstance(given, tuple) else (given,)
