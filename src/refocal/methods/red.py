"""What the two solvers of RED (regularisation by denoising) share: its gradient, steps for any blur, options.

RED looks for the x of least 1/(2 s^2) |H x - y|^2 + weight/2 x^T (x - f(x)), where f is a denoiser and s the noise of
the blurred picture y. A good denoiser's gradient is g(x) = H^T (H x - y) / s^2 + weight (x - f(x)); whatever f is, both
solvers end where that is 0. Here all of it is multiplied by s^2, which changes nothing.

Reference: Romano, Elad, Milanfar, "The little engine that could: Regularization by denoising (RED)", SIAM Journal on
    Imaging
Sciences 2017.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from array_api_compat import array_namespace

from refocal.methods.denoisers import Denoiser, DenoiserOption, NetworkDenoiser, open_denoiser
from refocal.methods.levels import MAX_CONTEXT_PX, missing_blur
from refocal.types import Blur, Image, InputError

LEVELS = 255
"""Of 8 bit: noise is told in them, as in the paper."""

WORKING_BYTES = 64 * 3
"""What the solvers hold per pixel of a colour picture, besides what the denoiser does."""

Operator = Callable[[Image], Image]


class Options(Protocol):
    """The fields that both solvers have."""

    @property
    def num_iter(self) -> int: ...  # noqa: D102
    @property
    def weight(self) -> float: ...  # noqa: D102
    @property
    def noise_std_levels(self) -> float: ...  # noqa: D102
    @property
    def denoiser_std_levels(self) -> float: ...  # noqa: D102
    @property
    def denoiser(self) -> DenoiserOption: ...  # noqa: D102
    @property
    def inertia(self) -> float: ...  # noqa: D102


def check(options: Options) -> None:
    """Refuse values that mean nothing.

    Raises:
        ValueError: Naming the field.
    """
    if options.num_iter < 1:
        raise ValueError(f"Give a num_iter of at least 1, not {options.num_iter}.")
    for name in ("weight", "noise_std_levels", "denoiser_std_levels"):
        if not 0 < getattr(options, name) < math.inf:
            raise ValueError(f"Give a {name} above 0, not {getattr(options, name)}.")
    if not 0 <= options.inertia < math.inf:
        raise ValueError(f"Give an inertia of at least 0, not {options.inertia}.")


def pull(options: Options) -> float:
    """Weight s^2, of the prior against |H x - y|^2 / 2: the same number for pictures in levels and in [0, 1]."""
    return options.weight * options.noise_std_levels**2


def known(blur: Blur | None) -> Blur:
    """The blur, if it is one that the solvers can use.

    Raises:
        InputError: If there is none, or it lacks ``apply`` or ``adjoint``.
    """
    if blur is None:
        raise missing_blur()
    if not (hasattr(blur, "apply") and hasattr(blur, "adjoint")):
        raise InputError(f"This method needs a blur with apply and adjoint, such as a Psf or a BlurMap, not {blur!r}.")
    return blur


def descend(options: Options, observed: Image, blur: Blur, step: Operator) -> Image:
    """Repeat x <- clip(x - step(g(x))) from x = y; a blur that reaches no neighbour is only divided by its
    brightness.
    """
    xp = array_namespace(observed)
    denoise, noise_std = open_denoiser(options.denoiser), options.denoiser_std_levels / LEVELS
    if getattr(blur, "half_px", None) == 0:
        return xp.clip(observed / blur.apply(xp.ones_like(observed)), min=0.0, max=1.0)
    x = observed
    for n in range(options.num_iter):
        f = denoise(x, noise_std, turn=n) if isinstance(denoise, NetworkDenoiser) else denoise(x, noise_std)
        gradient = blur.adjoint(blur.apply(x) - observed) + pull(options) * (x - f)
        x = xp.clip(x - step(gradient), min=0.0, max=1.0)
    return x


def row_sums(like: Image, blur: Blur) -> Image:
    """D = H^T H 1, for every pixel the sum of its row of H^T H; (..., 1, H, W).

    For kernels without negative values D - H^T H is the Laplacian of a graph, so H^T H <= D: a step divided by D
    doesn't run away. D is 1 where the blur wraps around and keeps brightness, and another near a mirroring edge or
    where a map's radius changes, but only there; the largest eigenvalue would shorten the steps everywhere, and
    differently in every tile.
    """
    return blur.adjoint(blur.apply(array_namespace(like).ones_like(like[..., :1, :, :])))


def context_px(options: Options, half_px: int) -> int:
    """How far the input matters to 1e-3, for a kernel reaching ``half_px`` that fits the blur."""
    reach = round(24 * half_px * (0.04 / pull(options)) ** 0.5)  # measured with the median, on photos and maps
    return min(reach, MAX_CONTEXT_PX) + 16 + int(getattr(_denoiser(options), "context_px", 0))


def multiple(options: Options) -> int:
    """Of the grid that tiles must begin on."""
    return int(getattr(_denoiser(options), "multiple", 1))


def working_bytes(options: Options) -> int:
    """What is held at once per pixel of a tile."""
    return WORKING_BYTES + int(getattr(_denoiser(options), "working_bytes", 0))


def _denoiser(options: Options) -> Denoiser:
    return open_denoiser(options.denoiser)
