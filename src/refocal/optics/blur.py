"""Blur operators: one point-spread function for the whole image, or a radius per pixel.

Both have ``apply`` (H x) and its exact adjoint ``adjoint`` (H^T y), for NumPy arrays and torch tensors. On tensors they
are differentiable in the image and in the kernel or the radii.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from array_api_compat import array_namespace, device

from refocal.optics.arrays import as_like
from refocal.optics.boundary import BOUNDARIES, fold, pad, window
from refocal.optics.convolution import convolve_valid, correlate_full
from refocal.optics.kernels import FAMILIES, family_kernel
from refocal.types import Array, Boundary, Encoding, Image, InputError

SUM_TOLERANCE = 2e-3
"""A kernel's sum may differ from 1 by this much."""

ROUNDING = 1e-5
"""A kernel's numbers may lie below 0 by this much, as computed ones do."""


@dataclass(frozen=True)
class Psf:
    """Uniform blur: y = k * x, a true convolution (the kernel is the image of a point).

    Attributes:
        kernel: (kh, kw), both odd; finite, not negative, with the sum 1 to within 0.002, half a level of 255. A
            kernel of another sum would change the brightness.
        boundary: Padding rule of the sharp image: "mirror", "replicate", "periodic" or "zero".
        encoding: Encoding of the images to which the blur applies, "linear" or "srgb". A lens blurs linear light;
            ``restore`` decodes photos accordingly. The operator itself converts nothing.

    Raises:
        InputError: If the kernel isn't two-dimensional with odd sides, or is no blur.
        ValueError: If the boundary is unknown.
    """

    kernel: Array
    boundary: Boundary = "mirror"
    encoding: Encoding = "linear"

    def __post_init__(self) -> None:
        shape = tuple(getattr(self.kernel, "shape", ()))
        if len(shape) != 2 or shape[0] % 2 == 0 or shape[1] % 2 == 0:
            raise InputError(f"Give a kernel with two odd sides, not shape {shape}.")
        if isinstance(self.kernel, np.ndarray) and (
            self.kernel.dtype.kind not in "fiu" or isinstance(self.kernel, np.ma.MaskedArray)
        ):
            raise InputError(f"Give a kernel of real numbers, not {type(self.kernel).__name__} of {self.kernel.dtype}.")
        xp = array_namespace(self.kernel)
        if not bool(xp.all(xp.isfinite(self.kernel) & (self.kernel >= -ROUNDING))):
            raise InputError("Give a kernel of finite numbers of at least 0.")
        total = xp.sum(self.kernel).item()
        if abs(total - 1) > SUM_TOLERANCE:
            raise InputError(f"Give a kernel whose numbers sum to 1, not {total:.4g}: divide it by its sum.")
        if self.boundary not in BOUNDARIES:
            raise ValueError(f"There is no boundary {self.boundary!r}: choose one of {', '.join(BOUNDARIES)}.")

    @property
    def half_px(self) -> int:
        """Half-width of the kernel in pixels, the larger of both directions."""
        return max(self.margin)

    @property
    def margin(self) -> tuple[int, int]:
        """Half-width of the kernel in rows and columns."""
        return self.kernel.shape[0] // 2, self.kernel.shape[1] // 2

    def apply(self, sharp: Image) -> Image:
        """H x; (..., H, W) of any float dtype to the same."""
        return convolve_valid(pad(sharp, self.margin, self.boundary), self.kernel)

    def adjoint(self, image: Image) -> Image:
        """H^T y; (..., H, W) of any float dtype to the same."""
        return fold(correlate_full(image, self.kernel), self.margin, self.boundary)


@dataclass(frozen=True)
class BlurMap:
    """Spatially varying blur: each output pixel gathers with the kernel of its own radius.

    Between two neighbouring radius levels the results are interpolated linearly: y(p) = sum_k w_k(p) (K_k * x)(p) with
    hat weights w_k that sum to one (learnable_blur_kernel_defocusgan, eq. 4). Gathering ignores occlusion;
    ``optics.render`` models it.

    Attributes:
        radius_px: Circle-of-confusion radius, (H, W) or (..., H, W) for a batch of (..., C, H, W); at least 0.
        family: Kernel family: "disk", "gaussian", "polygon" or "ring".
        step_px: Distance between radius levels in pixels.
        boundary: Padding rule of the sharp image, as in ``Psf``.
        encoding: Encoding of the images to which the blur applies, as in ``Psf``.
        confidence: Confidence in the radius, (H, W) in [0, 1], where the estimator returns one; not part of the
            operator.

    Raises:
        InputError: If a radius is negative or not finite.
    """

    radius_px: Array
    family: str = "disk"
    step_px: float = 0.5
    boundary: Boundary = "mirror"
    encoding: Encoding = "linear"
    confidence: Array | None = None

    def __post_init__(self) -> None:
        xp = array_namespace(self.radius_px)
        if self.radius_px.ndim < 2:
            raise InputError(f"A blur map has a height and a width, not shape {tuple(self.radius_px.shape)}.")
        if not bool(xp.all(xp.isfinite(self.radius_px))) or bool(xp.any(self.radius_px < 0)):
            raise InputError("A blur map holds radii in pixels: finite and at least 0 everywhere.")
        if self.family not in FAMILIES or self.boundary not in BOUNDARIES or self.step_px <= 0:
            raise ValueError(f"No such blur: family {self.family!r}, boundary {self.boundary!r}, step {self.step_px}.")

    def apply(self, sharp: Image) -> Image:
        """H x; (..., C, H, W) to the same."""
        self.check_size(sharp)
        xp = array_namespace(sharp)
        out = xp.zeros_like(sharp)
        for kernel, weight, rows, columns in self.levels(sharp):
            half_y, half_x = kernel.shape[0] // 2, kernel.shape[1] // 2
            grown = window(sharp, rows, columns, (half_y, half_x), self.boundary)
            out[..., rows, columns] += weight * convolve_valid(grown, kernel)
        return out

    def adjoint(self, image: Image) -> Image:
        """H^T y; (..., C, H, W) to the same."""
        self.check_size(image)
        xp = array_namespace(image)
        margin = self.half_px
        shape = (*image.shape[:-2], image.shape[-2] + 2 * margin, image.shape[-1] + 2 * margin)
        padded = xp.zeros(shape, dtype=image.dtype, device=device(image))
        for kernel, weight, rows, columns in self.levels(image):
            spread = correlate_full(weight * image[..., rows, columns], kernel)
            top = rows.start + margin - kernel.shape[0] // 2
            left = columns.start + margin - kernel.shape[1] // 2
            padded[..., top : top + spread.shape[-2], left : left + spread.shape[-1]] += spread
        return fold(padded, (margin, margin), self.boundary)

    def crop(self, rows: slice, columns: slice) -> BlurMap:
        """Crop the map to a region of the image; the region's edges are then treated as edges of the image."""
        confidence = None if self.confidence is None else self.confidence[..., rows, columns]
        return replace(self, radius_px=self.radius_px[..., rows, columns], confidence=confidence)

    def levels(self, like: Image) -> Iterator[tuple[Array, Array, slice, slice]]:
        """Yield per radius level in use its kernel, bounding box (rows, columns) and weights (..., 1, h, w) in the box.

        The order is kernel, weights, rows, columns; ``like`` sets the kind, dtype and device of the weights.
        """
        xp = array_namespace(like)
        position = as_like(self.radius_px, like) / self.step_px
        for level in self._level_numbers():
            weight = xp.clip(1 - xp.abs(position - level), min=0.0)
            box = _bounding_box(weight > 0)
            if box is not None:
                kernel = family_kernel(self.family, level * self.step_px)
                yield kernel, weight[..., None, box[0], box[1]], *box

    def _level_numbers(self) -> range:
        xp = array_namespace(self.radius_px)
        low, high = xp.min(self.radius_px).item(), xp.max(self.radius_px).item()
        return range(math.floor(low / self.step_px), math.ceil(high / self.step_px) + 1)

    @property
    def half_px(self) -> int:
        """Half-width of the largest kernel in pixels."""
        return max(family_kernel(self.family, level * self.step_px).shape[0] // 2 for level in self._level_numbers())

    def check_size(self, image: Image) -> None:
        """Check that an image has the map's height and width.

        Raises:
            InputError: If it hasn't; the message names both sizes.
        """
        if tuple(image.shape[-2:]) != tuple(self.radius_px.shape[-2:]):
            raise InputError(
                f"The blur map is {_size(self.radius_px)}, the image {_size(image)}: give a map of the image's size."
            )


def _size(array: Array) -> str:
    return f"{array.shape[-1]}x{array.shape[-2]}"


def _bounding_box(used: Array) -> tuple[slice, slice] | None:
    """Smallest range of rows and of columns that contains every True of (..., H, W); None if there is none."""
    xp = array_namespace(used)
    found = []
    for axis in (-2, -1):
        others = tuple(a for a in range(used.ndim) if a != used.ndim + axis)
        hits = np.flatnonzero(np.asarray(xp.any(used, axis=others).tolist()))
        if hits.size == 0:
            return None
        found.append(slice(int(hits[0]), int(hits[-1]) + 1))
    return found[0], found[1]
