"""Adversarial losses: a critic D learns to score sharp photos above restored ones, the generator G to raise its score.

Scores (N, 1, h, w) are those of ``nets.patch_discriminator``; fake images are restored ones, real ones sharp. All
losses are scalars to minimise, in the dtype of their inputs, which must be float32 under mixed precision.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from refocal.types import InputError

WeightIn = Literal["D", "G", "both", "none"]
"""Whose loss weights patches by their defocus: the critic's (DefocusGAN's released code), the generator's (its eq. 7),
both (our default) or none (the original adversarial loss of its Table 6)."""

SHARE = 0.1
"""Weight of the scores per pixel of radius: the released code's, for the critic."""


def weight_for(player: Literal["D", "G"], weight_in: WeightIn, radius_px: Tensor, like: Tensor) -> Tensor | None:
    """The weight of a player's loss: ``defocus_weight``, or None.

    Raises:
        InputError: If ``weight_in`` is none of the four.
    """
    if weight_in not in ("D", "G", "both", "none"):
        raise InputError(f"weight_in is D, G, both or none, not {weight_in!r}.")
    return defocus_weight(radius_px, like) if weight_in in (player, "both") else None


def defocus_weight(radius_px: Tensor, like: Tensor) -> Tensor:
    """The radius at the resolution of the scores: the weight m of the losses below.

    Args:
        radius_px: (N, 1, H, W), at least 0, in pixels of the image.
        like: Scores (N, 1, h, w).

    Returns:
        (N, 1, h, w), from the nearest pixel, detached.
    """
    return interpolate(radius_px.detach(), like.shape[-2:], mode="nearest")


def critic_loss(real_scores: Tensor, fake_scores: Tensor, weight: Tensor | None = None, share: float = SHARE) -> Tensor:
    """Mean of (1 + share m)(D(fake) - D(real)): the Wasserstein loss, with larger weights for defocused patches.

    ``weight`` is m; None weights all patches equally. The caller adds the gradient penalty.
    """
    return _weighted(fake_scores - real_scores, weight, share)


def generator_loss(fake_scores: Tensor, weight: Tensor | None = None, share: float = SHARE) -> Tensor:
    """Mean of -phi(m) D(fake) (learnable_blur_kernel_defocusgan, eq. 7), phi(m) = 1 + share m.

    The paper doesn't define phi; this is the released code's weight of the critic's loss. ``weight`` is m; None weights
    all patches equally.
    """
    return -_weighted(fake_scores, weight, share)


def gradient_penalty(
    discriminator: nn.Module,
    real: Tensor,
    fake: Tensor,
    alpha: Tensor,
    norm: Literal["pixel", "sample"] = "pixel",
) -> Tensor:
    """Mean of (|grad D(x)| - 1)^2 at x = alpha real + (1 - alpha) fake; the caller multiplies it, usually by 10.

    Computed without mixed precision, and on the plain network: a compiled one can't be differentiated twice, and one
    that Fabric wraps would turn mixed precision on again.

    Reference: Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville, "Improved Training of Wasserstein GANs", NeurIPS 2017,
        eq. 3.

    Args:
        discriminator: Takes images, returns (N, ...) scores.
        real: Sharp images (N, C, H, W), float32 or float64.
        fake: Restored images, detached from the network that made them.
        alpha: Uniformly random in [0, 1): () for one per batch, as released, or (N, 1, 1, 1) for one per image, as in
            the reference.
        norm: ``pixel`` is the released code's, as DeblurGAN-v2's: the gradient of the sum of all scores, its norm over
            the channels at every pixel, the mean over the pixels. ``sample`` is the reference's: the gradient of each
            image's mean score, its norm over the image, the mean over the batch.

    Raises:
        InputError: If ``norm`` is neither.
    """
    if norm not in ("pixel", "sample"):
        raise InputError(f"The gradient's norm is taken by pixel or by sample, not by {norm!r}.")
    plain = getattr(discriminator, "module", discriminator)
    between = (alpha * real + (1 - alpha) * fake.to(real.dtype)).detach().requires_grad_()
    with torch.enable_grad(), torch.autocast(real.device.type, enabled=False):
        scores = plain(between)
        total = scores.sum() if norm == "pixel" else scores.flatten(1).mean(dim=1).sum()
        (gradient,) = torch.autograd.grad(total, between, create_graph=True)
        length = gradient.norm(dim=1) if norm == "pixel" else gradient.flatten(1).norm(dim=1)
        return (length - 1).square().mean()


def relativistic_critic_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """Half of E(D(real) - E D(fake) - 1)^2 + E(D(fake) - E D(real) + 1)^2: DeblurGAN-v2's, for each of its two critics.

    The means E are over patches and batch. The factor 1/2 is the released code's, not the paper's; that code also
    averages the subtracted scores over up to 50 past ones.

    Reference: Kupyn, Martyniuk, Wu, Wang, "DeblurGAN-v2: Deblurring (Orders-of-Magnitude) Faster and Better", ICCV
        2019, eq. 2; after Jolicoeur-Martineau, "The relativistic discriminator: a key element missing from standard
        GAN", ICLR 2019.
    """
    real = (real_scores - fake_scores.mean() - 1).square().mean()
    fake = (fake_scores - real_scores.mean() + 1).square().mean()
    return (real + fake) / 2


def relativistic_generator_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """The generator's loss against ``relativistic_critic_loss``: the same with real and fake exchanged."""
    return relativistic_critic_loss(fake_scores, real_scores)


def _weighted(scores: Tensor, weight: Tensor | None, share: float) -> Tensor:
    return (scores if weight is None else (1 + share * weight) * scores).mean()
