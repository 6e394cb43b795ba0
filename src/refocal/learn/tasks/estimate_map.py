"""The task of estimating blur: one network, whose output is the radius in pixels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from refocal import metrics
from refocal.catalog import find
from refocal.learn.losses.pixelwise import LOSSES
from refocal.learn.recipe import Recipe
from refocal.learn.tasks import Batch, Networks, Task, predict


def losses(recipe: Recipe, updated: str, networks: Networks, batch: Batch, step: int) -> dict[str, Tensor]:
    """The recipe's terms against ``radius_px``, of the map and of the sum over the coarser maps, with the same weight.

    The network returns radii in pixels (N, 1, H, W), or while it trains a tuple of these and of coarser ones, which are
    compared with means of the true map.
    """
    radius_px, *coarser = _radii(networks[updated], batch)
    found = {}
    with torch.autocast(radius_px.device.type, enabled=False):
        true = batch["radius_px"]
        for term in recipe.loss_at(step):
            loss = find(LOSSES, term.loss, "loss").load()
            found[term.loss] = term.weight * loss(radius_px.float(), true, **term.options)
            if coarser:
                means = (nn.functional.adaptive_avg_pool2d(true, radii.shape[-2:]) for radii in coarser)
                each = [loss(radii.float(), mean, **term.options) for radii, mean in zip(coarser, means, strict=True)]
                found[f"{term.loss}_coarser"] = term.weight * torch.stack(each).sum()
    return found


def validate(network: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """See ``map_figures``."""
    return map_figures(_radii(network, batch)[0].float().clamp(min=0)[:, 0], batch)


def map_figures(radius_px: Tensor, batch: Batch) -> dict[str, Tensor]:
    """Minus the mean absolute error in pixels of maps (N, H, W), and that of the best constant map of each image."""
    true = batch["radius_px"][:, 0]
    median = true.flatten(1).median(dim=1).values
    return {
        "minus_mae_px": -metrics.map_mae(radius_px, true),
        "minus_mae_px_flat": -metrics.map_mae(median[:, None, None].expand_as(true), true),
    }


def _radii(network: nn.Module, batch: Batch) -> tuple[Tensor, ...]:
    """All maps that the network returns, the full-size one first."""
    given = predict(network, batch)
    return given if isinstance(given, tuple) else (given,)


ESTIMATE_MAP = Task(losses, validate)
