"""Terms of a loss: (restored, sharp) -> a scalar to minimise. Differentiable metrics are used directly."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from refocal import metrics
from refocal.catalog import Entry

LOSSES: dict[str, Entry] = {
    "l1": Entry("refocal.learn.losses.pixelwise:l1", "mean absolute difference"),
    "charbonnier": Entry(
        "refocal.learn.losses.pixelwise:charbonnier", "smooth absolute difference", paper="Charbonnier et al. 1994"
    ),
    "l2": Entry("refocal.learn.losses.pixelwise:l2", "mean squared difference"),
    "sharpness": Entry("refocal.learn.losses.pixelwise:sharpness", "minus Q", paper="Aurangabadkar et al. 2024"),
    "dissimilarity": Entry("refocal.learn.losses.pixelwise:dissimilarity", "1 - SSIM", paper="Wang et al. 2004"),
}


def l1(restored: Tensor, sharp: Tensor) -> Tensor:
    """Mean |restored - sharp| (sharpness_loss, eq. 6; the mean, as in the authors' code)."""
    return (restored - sharp).abs().mean()


def l2(restored: Tensor, sharp: Tensor) -> Tensor:
    """Mean (restored - sharp)^2."""
    return (restored - sharp).square().mean()


def charbonnier(restored: Tensor, sharp: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Mean sqrt((restored - sharp)^2 + epsilon)."""
    return ((restored - sharp).square() + epsilon).sqrt().mean()


def sharpness(
    restored: Tensor,
    sharp: Tensor,  # noqa: ARG001 (a loss without reference)
    variant: Literal["eval", "zm", "tf"] = "eval",
    clipped: bool = True,
) -> Tensor:
    """-Q(restored), the mean over the batch (sharpness_loss, eq. 7); ``variant`` as in ``metrics.q``.

    Q grows with contrast without bound: stripes of period 4 and amplitude A raise it by 6.3 A, the L1 by A / 2 only, so
    from beta 0.08 on L1 - beta Q has no minimum, and a training with a high rate diverges. ``clipped`` measures Q of
    the image clipped to [0, 1], which is bounded; False is the paper's.
    """
    return -metrics.q(restored.clamp(0, 1) if clipped else restored, variant).mean()


def dissimilarity(restored: Tensor, sharp: Tensor) -> Tensor:
    """1 - SSIM with the 11x11 Gaussian window, the mean over the batch (svbr_net, eq. 2)."""
    return 1 - metrics.ssim(restored, sharp, window="gaussian11").mean()
