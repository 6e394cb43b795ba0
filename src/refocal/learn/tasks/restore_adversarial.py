"""A generator that restores, guided by the blur map at first, and critics that separate its images from sharp ones."""

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
from refocal.learn.tasks import Batch, Networks, Task, make_network, predict, read_options
from refocal.types import InputError

MAX_PSNR_DB = 60.0
"""Cap on the PSNR of a blurred image: it is infinite where nothing is out of focus, as the batch's mean would be."""


@dataclass(frozen=True)
class Options:
    """Fields of a recipe's ``task_options``. The defaults are those of learnable_blur_kernel_defocusgan.

    Attributes:
        guidance_steps: T of ``defocusgan.guidance``; 0 trains without guidance (DG of Table 4).
        guidance_from: Step from which t counts; before it the guidance has weight 1.
        perceptual_weight: alpha of eq. 8; 0 trains without (Lp of Table 4).
        features: Network of the perceptual loss: ``auto``, or a file of weights, see ``make_features``.
        adversarial_weight: beta of eq. 8.
        critics: Number of layers of each critic: 3 for the patch discriminator; 3 and 5 for DeblurGAN-v2's two
            ("doubleGAN" of Table 6, whose losses are averaged); empty trains without (GAN of Table 4).
        critic_steps: Number of updates of every critic before each of the generator's.
        critic_from: First step that updates the critics.
        adversarial_from: First step that has the adversarial term in the generator's loss.
        game: ``wasserstein`` with gradient penalty, or DeblurGAN-v2's ``relativistic`` least squares.
        weight_in: Whose loss weights scores by the radius: the critics' ``D``, the generator's ``G`` (eq. 7), ``both``
            or ``none``.
        share: Weight per pixel of radius.
        penalty_weight: Weight of the gradient penalty.
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

    @property
    def critic_names(self) -> tuple[str, ...]:
        """Names of the critics among the networks: ``critic_3``, ..."""
        return tuple(f"critic_{layers}" for layers in self.critics)


def generator_and_critics(recipe: Recipe) -> Networks:
    """The generator, ``network``, and its critics.

    Raises:
        InputError: If the network takes no guidance but the recipe asks for it, or the numbers of layers are unusable.
    """
    options = read_options(recipe, Options)
    network = make_network(recipe)
    if options.guidance_steps and not getattr(network, "guided", False):
        raise InputError(f"{recipe.network} can't be guided by a map: set task_options.guidance_steps to 0.")
    layers = options.critics
    if not all(1 <= each <= 6 for each in layers) or len(set(layers)) < len(layers):
        raise InputError(
            f"The recipe's task_options.critics are different numbers of layers from 1 to 6, not {layers}."
        )
    critics = {f"critic_{each}": PatchDiscriminator(Config(layers=each)) for each in layers}
    return {"network": network} | critics


def critics_then_generator(recipe: Recipe, step: int) -> tuple[str, ...]:
    """Every critic ``critic_steps`` times, then the generator."""
    options = read_options(recipe, Options)
    critics = options.critic_names * options.critic_steps if step >= options.critic_from else ()
    return (*critics, "network")


def losses(recipe: Recipe, updated: str, networks: Networks, batch: Batch, step: int) -> dict[str, Tensor]:
    """Terms of the generator, L = L1 + alpha Lp + beta Ladv (eq. 8), or of a critic.

    The restored images are kept in ``batch`` for the critics' updates, in which the generator doesn't change.
    """
    options = read_options(recipe, Options)
    for name in options.critic_names:
        networks[name].requires_grad_(updated == name)  # the generator's update needs no gradient of their weights
    if updated == "network":
        restored = _restored(options, networks["network"], batch, step)
        with torch.autocast(restored.device.type, enabled=False):
            return _generator_terms(options, networks, restored.float(), batch, step)
    if "restored" not in batch:
        with torch.no_grad():
            batch["restored"] = _restored(options, networks["network"], batch, step).float()
    return _critic_terms(options, updated, networks[updated], batch)


def validate(network: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """PSNR of the image restored without guidance, and of the blurred image."""
    restored = predict(network, batch).float().clamp(0, 1)
    return {
        "psnr": metrics.psnr(restored, batch["sharp"]),
        "psnr_blurred": metrics.psnr(batch["blurred"], batch["sharp"]).clamp(max=MAX_PSNR_DB),
    }


def _restored(options: Options, network: nn.Module, batch: Batch, step: int) -> Tensor:
    weight = guidance(max(0, step - options.guidance_from), options.guidance_steps) if options.guidance_steps else 0.0
    restored: Tensor = network(batch["blurred"], batch["radius_px"], weight) if weight else predict(network, batch)
    return restored


def _generator_terms(
    options: Options, networks: Networks, restored: Tensor, batch: Batch, step: int
) -> dict[str, Tensor]:
    terms = {"l1": l1(restored, batch["sharp"])}
    if options.perceptual_weight:
        features = _features(options.features, restored.device)
        # The term's name, which the log has, says which network's features are compared.
        name = f"perceptual, {features.name}"
        terms[name] = options.perceptual_weight * perceptual_loss(restored, batch["sharp"], features)
    critics = options.critic_names
    if critics and step >= options.adversarial_from:
        each = [_adversarial_term(options, networks[name], restored, batch) for name in critics]
        terms["adversarial"] = options.adversarial_weight * torch.stack(each).mean()
    return terms


def _adversarial_term(options: Options, critic: nn.Module, restored: Tensor, batch: Batch) -> Tensor:
    scores = critic(restored).float()
    if options.game == "relativistic":
        return adversarial.relativistic_generator_loss(critic(batch["sharp"]).float(), scores)
    weight = adversarial.weight_for("G", options.weight_in, batch["radius_px"], scores)
    return adversarial.generator_loss(scores, weight, options.share)


def _critic_terms(options: Options, name: str, critic: nn.Module, batch: Batch) -> dict[str, Tensor]:
    real, fake = batch["sharp"], batch["restored"]
    real_scores, fake_scores = critic(real).float(), critic(fake).float()
    if options.game == "relativistic":
        return {name: adversarial.relativistic_critic_loss(real_scores, fake_scores)}
    weight = adversarial.weight_for("D", options.weight_in, batch["radius_px"], fake_scores)
    alpha = torch.rand((), device=real.device)
    penalty = adversarial.gradient_penalty(critic, real, fake, alpha, options.penalty_norm)
    return {
        f"{name}_distance": adversarial.critic_loss(real_scores, fake_scores, weight, options.share),
        f"{name}_penalty": options.penalty_weight * penalty,
    }


@lru_cache(maxsize=1)
def _features(weights: str, device: torch.device) -> Features:
    features: Any = make_features(weights).to(device)
    return features


RESTORE_ADVERSARIAL = Task(losses, validate, generator_and_critics, critics_then_generator)
