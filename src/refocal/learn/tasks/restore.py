"""The task of restoring: one network, whose output is compared with the sharp image."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from refocal import metrics
from refocal.catalog import find
from refocal.learn.losses.pixelwise import LOSSES
from refocal.learn.recipe import Recipe
from refocal.learn.tasks import Batch, Networks, Task, predict


def losses(recipe: Recipe, updated: str, networks: Networks, batch: Batch, step: int) -> dict[str, Tensor]:
    """The recipe's terms, of the restored image against ``sharp``, in float32."""
    restored = predict(networks[updated], batch)
    with torch.autocast(restored.device.type, enabled=False):
        restored = restored.float()
        return {
            term.loss: term.weight * find(LOSSES, term.loss, "loss").load()(restored, batch["sharp"], **term.options)
            for term in recipe.loss_at(step)
        }


def validate(network: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """PSNR and Q of the restored image clipped to [0, 1], and PSNR of the blurred image."""
    restored = predict(network, batch).float().clamp(0, 1)
    return {
        "psnr": metrics.psnr(restored, batch["sharp"]),
        "q": metrics.q(restored),
        "psnr_blurred": metrics.psnr(batch["blurred"], batch["sharp"]),
    }


RESTORE = Task(losses, validate)
