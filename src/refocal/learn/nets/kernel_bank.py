"""A lens as free parameters: a blur kernel for every whole radius on either side of focus; blur by a signed map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor, nn

from refocal.optics.boundary import pad
from refocal.optics.convolution import convolve_valid
from refocal.optics.kernels import Kernel, butterworth_ring, dual_pixel_half_disk, gaussian

RADII = 25
"""Number of kernels per side, of radii 0, 1, ..., 24 pixels."""

SMALLEST = 1e-7
"""Initial value of the corners outside a constrained kernel; the logarithm of smaller ones has no usable gradient."""


@dataclass(frozen=True)
class Config:
    """Kind of the kernels.

    Attributes:
        kind: ``learned`` is initialised as ``butterworth``, the rings of eq. 3 (order 3, cutoff 2.5, beta 0.1), and
            every coefficient is free; ``butterworth`` and ``gaussian`` (sigma of half the radius) are fixed.
        constrained: Learned kernels are kept positive with sum 1: softplus of the parameters over its sum. Not in the
            paper, whose coefficients are free.
    """

    kind: Literal["learned", "butterworth", "gaussian"] = "learned"
    constrained: bool = False


class KernelBank(nn.Module):
    """Sharp image and signed map (N, C, H, W) in pixels to the image blurred by it: g of eq. 4.

        g(x, d) = sum_i [w_i(d) (K_i * x) + w_i(-d) (K'_i * x)],   w_i(d) = max(0, 1 - |d - i|), w_0 halved,

    each pixel gathering with the kernel of its own radius; beyond the edge the image is black, as in the released
    program. The weights sum to 1 on [-24, 24].

    Reference: "Learnable Blur Kernel for Single-Image Defocus Deblurring in the Wild", eqs. 1 to 4.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        first = [torch.from_numpy(initial_kernel(config.kind, radius)).float() for radius in range(RADII)]
        if config.constrained:
            first = [torch.log(torch.expm1(kernel.clamp(min=SMALLEST))) for kernel in first]
        learned = config.kind == "learned"
        banks = ([nn.Parameter(kernel.clone(), requires_grad=learned) for kernel in first] for _ in range(2))
        self.behind, self.front = (nn.ParameterList(bank) for bank in banks)

    def kernels(self) -> tuple[list[Tensor], list[Tensor]]:
        """Kernels of positive and of negative radii, 25 each: 1 x 1, 3 x 3, 7 x 7, ..., 57 x 57."""
        behind, front = ([self._normal(kernel) for kernel in bank] for bank in (self.behind, self.front))
        return behind, front

    def forward(self, sharp: Tensor, signed_px: Tensor) -> Tensor:
        """Blur (N, C, H, W) by a map of the same shape, or of one channel for all."""
        behind, front = self.kernels()
        # Every kernel gets a gradient, of 0 where it isn't used: processes that share a batch wait for all of them.
        nothing = 0 * torch.stack([kernel.sum() for kernel in (*behind, *front)]).sum()
        return blur_signed(sharp, signed_px, behind, front) + nothing

    def _normal(self, kernel: Tensor) -> Tensor:
        if not self.config.constrained:
            return kernel
        positive = nn.functional.softplus(kernel)
        return positive / positive.sum()


def blur_signed(sharp: Tensor, signed_px: Tensor, behind: Sequence[Tensor], front: Sequence[Tensor]) -> Tensor:
    """Gather (N, C, H, W) by the kernels of signed radii, interpolated linearly between whole ones.

    Args:
        sharp: Sharp image.
        signed_px: (N, C or 1, H, W), clipped to the largest radius.
        behind: Kernels of the radii 0, 1, ... for positive values, each with odd sides.
        front: The same for negative values.
    """
    limit = len(behind) - 1
    signed_px = signed_px.clamp(-limit, limit)
    # A map with NaN must give a loss of NaN, at which the training stops with a message, and not raise an error here.
    largest = math.ceil(float(signed_px.detach().nan_to_num().abs().amax()))
    blurred = torch.zeros_like(sharp)
    for bank, radii in ((behind, signed_px), (front, -signed_px)):
        for radius in range(min(limit, largest) + 1):
            weight = (1 - (radii - radius).abs()).clamp(min=0)
            if radius == 0:
                weight = weight / 2  # both banks have a kernel of radius 0
            if not bool((weight.detach() > 0).any()):
                continue
            kernel = bank[radius]
            padded = pad(sharp, (kernel.shape[0] // 2, kernel.shape[1] // 2), "zero")
            blurred = blurred + weight * convolve_valid(padded, kernel)
    return blurred


@lru_cache(maxsize=2)
def half_disks(device: torch.device) -> tuple[list[Tensor], list[Tensor]]:
    """BaMBNet's kernels of the left and of the right view, for the radii 0 to 24."""
    pairs = [dual_pixel_half_disk(radius) for radius in range(RADII)]
    left, right = ([torch.from_numpy(pair[side].copy()).float().to(device) for pair in pairs] for side in (0, 1))
    return left, right


def initial_kernel(kind: str, radius: int) -> Kernel:
    """The kernel of a whole radius before training, with sum 1; see ``Config.kind``."""
    return gaussian(radius / 2) if kind == "gaussian" else butterworth_ring(radius)
