"""Learning defocus maps from dual-pixel views without true maps: blur a sharp picture again, or compare the views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from refocal.learn.nets.kernel_bank import Config, KernelBank, blur_signed, half_disks
from refocal.learn.pairs.dual_pixel import smooth3
from refocal.learn.recipe import Recipe
from refocal.learn.tasks import make_network, make_pairs
from refocal.learn.tasks.estimate_map import map_figures


@dataclass(frozen=True)
class Options:
    """What a recipe's ``task_options`` may say.

    Attributes:
        data_weight: Of the mean absolute error of the blurred picture, or of the views' difference; 1000 in the
            released program.
        variation_weight: Of the map's total variation, summed over all pixels and channels: lambda of eq. 5.
        variation_from: The step from which it counts.
        first_steps: So many steps train the map network alone.
        turn_steps: Then kernels and network take turns, so many steps each; 0 never trains the kernels.
        kernels: Their kind, see ``kernel_bank.Config``.
        constrained: Whether learned ones are kept positive with sum 1.
        known_weight: Of the mean absolute error of the signed radius itself, in pixels. Not in the paper: simulated
            views come with their true map, and a short training gets further with it.
    """

    data_weight: float = 1000.0
    variation_weight: float = 1e-5
    variation_from: int = 3000
    first_steps: int = 0
    turn_steps: int = 0
    kernels: Literal["learned", "butterworth", "gaussian"] = "learned"
    constrained: bool = False
    known_weight: float = 0.0

    def bank(self) -> KernelBank:
        """The kernels, as they are before training."""
        return KernelBank(Config(self.kernels, self.constrained))


@dataclass(frozen=True)
class LearnKernels:
    """The map network f and the kernels g: the sharp picture, blurred again by both, is to be the photo (eqs. 1, 2,
    5).
    """

    recipe: Recipe

    @property
    def options(self) -> Options:
        """Of the recipe."""
        return Options(**self.recipe.task_options)

    def networks(self) -> dict[str, nn.Module]:
        """f, as ``network``, and g, as ``kernels``."""
        return {"network": make_network(self.recipe), "kernels": self.options.bank()}

    def turns(self, step: int) -> tuple[str, ...]:
        """First f alone, then g, f, g, ... for so many steps each."""
        options = self.options
        since = step - options.first_steps
        if not options.turn_steps or since < 0 or since // options.turn_steps % 2:
            return ("network",)
        return ("kernels",)

    def pairs(self, crops: Tensor, random: torch.Generator, step: int) -> dict[str, Tensor]:
        """As the recipe's pairs are made: left, right, blurred, sharp, signed_px, radius_px."""
        return make_pairs(self.recipe, crops, random, step)

    def losses(
        self, turn: str, networks: dict[str, nn.Module], batch: dict[str, Tensor], step: int
    ) -> dict[str, Tensor]:
        """The blurred picture's error, the map's variation, and the true map's part where there is one."""
        with torch.set_grad_enabled(turn == "network"):
            signed = networks["network"](batch["left"], batch["right"])
        with torch.autocast(signed.device.type, enabled=False):
            signed = signed.float()
            blurred = networks["kernels"](batch["sharp"], signed)
            losses = {"data": self.options.data_weight * (blurred.float() - batch["blurred"]).abs().mean()}
            return losses if turn == "kernels" else losses | map_terms(signed, batch, step, self.options)

    def validate(self, network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """See ``map_task.map_figures``."""
        return _figures(network, batch)


@dataclass(frozen=True)
class ViewConsistency:
    """BaMBNet's map: the left view, blurred as the right one is, is to be the right view, blurred as the left one
    is.
    """

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
        """As the recipe's pairs are made: left, right, signed_px, radius_px."""
        return make_pairs(self.recipe, crops, random, step)

    def losses(
        self, turn: str, networks: dict[str, nn.Module], batch: dict[str, Tensor], step: int
    ) -> dict[str, Tensor]:
        """The views' difference, smoothed, and the map's variation."""
        signed = networks[turn](batch["left"], batch["right"])
        with torch.autocast(signed.device.type, enabled=False):
            signed = signed.float()
            first, second = half_disks(signed.device)
            # Behind the plane of focus the views change places.
            as_right = blur_signed(batch["left"], signed, first, second)
            as_left = blur_signed(batch["right"], signed, second, first)
            difference = smooth3(as_right - as_left).abs().mean()
            return {"data": self.options.data_weight * difference} | map_terms(signed, batch, step, self.options)

    def validate(self, network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """See ``map_task.map_figures``."""
        return _figures(network, batch)


def map_terms(signed: Tensor, batch: dict[str, Tensor], step: int, options: Options) -> dict[str, Tensor]:
    """The summands that look at the map alone."""
    losses = {}
    if options.variation_weight and step >= options.variation_from:
        variation = signed.diff(dim=-1).abs().sum() + signed.diff(dim=-2).abs().sum()
        losses["variation"] = options.variation_weight * variation
    if options.known_weight:
        losses["known"] = options.known_weight * (signed - batch["signed_px"]).abs().mean()
    return losses


def _figures(network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Of the radius, whichever side of focus it is on."""
    return map_figures(network(batch["left"], batch["right"]).float().abs().amax(1), batch)
