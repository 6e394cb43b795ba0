"""Defocus maps learned from dual-pixel views without true maps: by blurring the sharp image or comparing the views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from refocal.learn.nets.kernel_bank import Config, KernelBank, blur_signed, half_disks
from refocal.learn.pairs.dual_pixel import smooth3
from refocal.learn.recipe import Recipe
from refocal.learn.tasks import Batch, Networks, Task, make_network, read_options
from refocal.learn.tasks.estimate_map import map_figures


@dataclass(frozen=True)
class Options:
    """Fields of a recipe's ``task_options``.

    Attributes:
        data_weight: Weight of the mean absolute error of the blurred image, or of the views' difference; 1000 in the
            released program.
        variation_weight: Weight of the map's total variation, summed over all pixels and channels: lambda of eq. 5.
        variation_from: First step that has this term.
        first_steps: Number of steps at the beginning that train the map network alone.
        turn_steps: Number of steps for which kernels, then network, then kernels, ... are updated; 0 never updates the
            kernels.
        kernels: Their kind, see ``kernel_bank.Config``.
        constrained: Whether learned kernels are kept positive with sum 1.
        known_weight: Weight of the mean absolute error of the signed radius itself, in pixels. Not in the paper:
            simulated views come with their true map, and a short training reaches a lower error with it.
    """

    data_weight: float = 1000.0
    variation_weight: float = 1e-5
    variation_from: int = 3000
    first_steps: int = 0
    turn_steps: int = 0
    kernels: Literal["learned", "butterworth", "gaussian"] = "learned"
    constrained: bool = False
    known_weight: float = 0.0

    def make_bank(self) -> KernelBank:
        """The kernels with their initial values."""
        return KernelBank(Config(self.kernels, self.constrained))


def network_and_kernels(recipe: Recipe) -> Networks:
    """The map network f as ``network`` and the kernels g as ``kernels``."""
    return {"network": make_network(recipe), "kernels": read_options(recipe, Options).make_bank()}


def alternate(recipe: Recipe, step: int) -> tuple[str, ...]:
    """The map network f alone for ``first_steps``, then g, f, g, ... for ``turn_steps`` each."""
    options = read_options(recipe, Options)
    since = step - options.first_steps
    if not options.turn_steps or since < 0 or since // options.turn_steps % 2:
        return ("network",)
    return ("kernels",)


def kernel_losses(recipe: Recipe, updated: str, networks: Networks, batch: Batch, step: int) -> dict[str, Tensor]:
    """Eqs. 1, 2 and 5: error of the sharp image blurred by map and kernels; for f also the terms of the map alone."""
    options = read_options(recipe, Options)
    with torch.set_grad_enabled(updated == "network"):
        signed = networks["network"](batch["left"], batch["right"])
    with torch.autocast(signed.device.type, enabled=False):
        signed = signed.float()
        blurred = networks["kernels"](batch["sharp"], signed)
        losses = {"data": options.data_weight * (blurred.float() - batch["blurred"]).abs().mean()}
        return losses if updated == "kernels" else losses | map_terms(signed, batch, step, options)


def consistency_losses(recipe: Recipe, updated: str, networks: Networks, batch: Batch, step: int) -> dict[str, Tensor]:
    """BaMBNet's: left view blurred by the right kernel against right view blurred by the left kernel, and map terms."""
    options = read_options(recipe, Options)
    signed = networks[updated](batch["left"], batch["right"])
    with torch.autocast(signed.device.type, enabled=False):
        signed = signed.float()
        first, second = half_disks(signed.device)
        # Behind the plane of focus the kernels of the two views are exchanged.
        as_right = blur_signed(batch["left"], signed, first, second)
        as_left = blur_signed(batch["right"], signed, second, first)
        difference = smooth3(as_right - as_left).abs().mean()
        return {"data": options.data_weight * difference} | map_terms(signed, batch, step, options)


def map_terms(signed: Tensor, batch: Batch, step: int, options: Options) -> dict[str, Tensor]:
    """The terms of the signed map (N, C, H, W) alone: total variation, and error against the true map if weighted."""
    losses = {}
    if options.variation_weight and step >= options.variation_from:
        variation = signed.diff(dim=-1).abs().sum() + signed.diff(dim=-2).abs().sum()
        losses["variation"] = options.variation_weight * variation
    if options.known_weight:
        losses["known"] = options.known_weight * (signed - batch["signed_px"]).abs().mean()
    return losses


def validate(network: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """``map_figures`` of the radius, without its sign."""
    return map_figures(network(batch["left"], batch["right"]).float().abs().amax(1), batch)


LEARN_KERNELS = Task(kernel_losses, validate, network_and_kernels, alternate)
VIEW_CONSISTENCY = Task(consistency_losses, validate)
