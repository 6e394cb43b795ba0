"""A generator that restores, guided by the blur map at first, and the critics that tell its photos from sharp ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import torch
from torch import Tensor, nn

from refocal import metrics
from refocal.learn.losses import adversarial
from refocal.learn.losses.adversarial import SHARE, WeightIn
from refocal.learn.losses.perceptual import Features, make_features, perceptual_loss
from refocal.learn.losses.pixelwise import l1
from refocal.learn.nets.defocusgan import guidance
from refocal.learn.nets.patch_discriminator import Config, PatchDiscriminator
from refocal.learn.recipe import Recipe
from refocal.learn.tasks import answer, make_network, make_pairs
from refocal.types import InputError


@dataclass(frozen=True)
class Options:
    """What a recipe's ``task_options`` may say; the defaults are those of learnable_blur_kernel_defocusgan.

    Attributes:
        guidance_steps: T of ``defocusgan.guidance``; 0 guides never (DG of Table 4).
        guidance_from: The step from which t counts; before it the guidance is whole.
        perceptual_weight: alpha of eq. 8; 0 without (Lp of Table 4).
        features: Of which network: ``auto``, or a file of weights, see ``make_features``.
        adversarial_weight: beta of eq. 8.
        critics: Their layers: 3 for the patch discriminator; 3 and 5 for DeblurGAN-v2's two ("doubleGAN" of Table 6,
            whose losses are averaged); none trains without (GAN of Table 4).
        critic_steps: So many steps of the critics come before each of the generator's.
        critic_from: The step from which they learn.
        adversarial_from: The step from which the generator hears of them.
        game: ``wasserstein`` with gradient penalty, or DeblurGAN-v2's ``relativistic`` least squares.
        weight_in: Where the radius weighs scores: in the critics' loss ``D``, the generator's ``G`` (eq. 7), ``both``
            or ``none``.
        share: Weight of a pixel of radius.
        penalty_weight: Of the gradient penalty.
        penalty_norm: See ``adversarial.gradient_penalty``.
    """

    guidance_steps: int = 20_000
    guidance_from: int = 0
    perceptual_weight: float = 0.012
    features: str = "auto"
    adversarial_weight: float = 0.002
    critics: tuple[int, ...] = (3,)
    critic_steps: int = 2
    critic_from: int = 0
    adversarial_from: int = 0
    game: Literal["wasserstein", "relativistic"] = "wasserstein"
    weight_in: WeightIn = "both"
    share: float = SHARE
    penalty_weight: float = 10.0
    penalty_norm: Literal["pixel", "sample"] = "pixel"


@dataclass(frozen=True)
class RestoreAdversarial:
    """L = L1 + alpha Lp + beta Ladv (eq. 8) for the generator, ``network``; a game against ``critic_3``,
    ``critic_5``.
    """

    recipe: Recipe

    @property
    def options(self) -> Options:
        """Of the recipe."""
        given = dict(self.recipe.task_options)
        if "critics" in given:
            given["critics"] = tuple(given["critics"])  # JSON, from which a checkpoint's recipe comes, knows no tuples
        return Options(**given)

    def networks(self) -> dict[str, nn.Module]:
        """The generator and its critics."""
        network = make_network(self.recipe)
        if self.options.guidance_steps and not getattr(network, "guided", False):
            raise InputError(f"{self.recipe.network} can't be guided by a map: set task_options.guidance_steps to 0.")
        layers = self.options.critics
        if not all(1 <= each <= 6 for each in layers) or len(set(layers)) < len(layers):
            raise InputError(
                f"The recipe's task_options.critics are different numbers of layers from 1 to 6, not {layers}."
            )
        critics = {f"critic_{each}": PatchDiscriminator(Config(layers=each)) for each in layers}
        return {"network": network} | critics

    def turns(self, step: int) -> tuple[str, ...]:
        """Every critic a few times, then the generator."""
        options = self.options
        critics = self._critics() * options.critic_steps if step >= options.critic_from else ()
        return (*critics, "network")

    def pairs(self, crops: Tensor, random: torch.Generator, step: int) -> dict[str, Tensor]:
        """As the recipe's pairs are made: blurred, sharp and radius_px."""
        return make_pairs(self.recipe, crops, random, step)

    def losses(
        self, turn: str, networks: dict[str, nn.Module], batch: dict[str, Tensor], step: int
    ) -> dict[str, Tensor]:
        """The terms of the generator or of a critic."""
        for name in self._critics():
            networks[name].requires_grad_(turn == name)  # the generator's turn needs no gradient of their weights
        if turn == "network":
            restored = self._restored(networks["network"], batch, step)
            with torch.autocast(restored.device.type, enabled=False):
                return self._generator_terms(networks, restored.float(), batch, step)
        if "restored" not in batch:  # the generator stands still while the critics learn
            with torch.no_grad():
                batch["restored"] = self._restored(networks["network"], batch, step).float()
        return self._critic_terms(turn, networks[turn], batch)

    def validate(self, network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """PSNR of what comes out without guidance, and of the blurred picture."""
        restored = answer(network, batch).float().clamp(0, 1)
        return {
            "psnr": metrics.psnr(restored, batch["sharp"]),
            # Where nothing is out of focus it would be infinite, and the mean over the batch with it.
            "psnr_blurred": metrics.psnr(batch["blurred"], batch["sharp"]).clamp(max=60.0),
        }

    def _critics(self) -> tuple[str, ...]:
        return tuple(f"critic_{layers}" for layers in self.options.critics)

    def _restored(self, network: nn.Module, batch: dict[str, Tensor], step: int) -> Tensor:
        options = self.options
        share = (
            guidance(max(0, step - options.guidance_from), options.guidance_steps) if options.guidance_steps else 0.0
        )
        restored: Tensor = network(batch["blurred"], batch["radius_px"], share) if share else answer(network, batch)
        return restored

    def _generator_terms(
        self, networks: dict[str, nn.Module], restored: Tensor, batch: dict[str, Tensor], step: int
    ) -> dict[str, Tensor]:
        options = self.options
        terms = {"l1": l1(restored, batch["sharp"])}
        if options.perceptual_weight:
            features = _features(options.features, restored.device)
            # The log tells by the term's name which network's features they are.
            name = f"perceptual, {features.name}"
            terms[name] = options.perceptual_weight * perceptual_loss(restored, batch["sharp"], features)
        critics = self._critics()
        if critics and step >= options.adversarial_from:
            fooled = torch.stack([self._fooled(networks[name], restored, batch) for name in critics]).mean()
            terms["adversarial"] = options.adversarial_weight * fooled
        return terms

    def _fooled(self, critic: nn.Module, restored: Tensor, batch: dict[str, Tensor]) -> Tensor:
        options = self.options
        scores = critic(restored).float()
        if options.game == "relativistic":
            return adversarial.relativistic_generator_loss(critic(batch["sharp"]).float(), scores)
        weight = adversarial.weight_for("G", options.weight_in, batch["radius_px"], scores)
        return adversarial.generator_loss(scores, weight, options.share)

    def _critic_terms(self, turn: str, critic: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        options = self.options
        real, fake = batch["sharp"], batch["restored"]
        real_scores, fake_scores = critic(real).float(), critic(fake).float()
        if options.game == "relativistic":
            return {turn: adversarial.relativistic_critic_loss(real_scores, fake_scores)}
        weight = adversarial.weight_for("D", options.weight_in, batch["radius_px"], fake_scores)
        alpha = torch.rand((), device=real.device)
        penalty = adversarial.gradient_penalty(critic, real, fake, alpha, options.penalty_norm)
        return {
            f"{turn}_distance": adversarial.critic_loss(real_scores, fake_scores, weight, options.share),
            f"{turn}_penalty": options.penalty_weight * penalty,
        }


@lru_cache(maxsize=1)
def _features(weights: str, device: torch.device) -> Features:
    features: Any = make_features(weights).to(device)
    return features
