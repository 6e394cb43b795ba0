"""From a periodic deconvolution with one kernel to blur maps and to images that are not periodic.

Under a blur map the image is restored with the kernel of each radius level; every pixel is interpolated linearly
between the two levels around its radius, so that no seam shows where the level changes (Levin et al., SIGGRAPH 2007,
section 5).
"""

from __future__ import annotations

from collections.abc import Callable

from array_api_compat import array_namespace, device

from refocal.optics.blur import BlurMap, Psf
from refocal.optics.boundary import pad
from refocal.optics.fourier import fast_shape
from refocal.types import Array, Blur, Image, InputError, Tiling

Deconvolve = Callable[[Image, Array], Image]
"""Maps a periodic image (..., H, W) and a kernel to the restored image (..., H, W)."""


MAX_CONTEXT_PX = 512
"""Largest context and margin in pixels, so that a tile fits into memory for every radius. Kernels of a half-width above
10 px may leave seams above 1e-3; the detail lost to so strong a blur weighs more."""


def deconvolve_blur(image: Image, blur: Blur | None, deconvolve: Deconvolve, tiling: Callable[[int], Tiling]) -> Image:
    """Apply a periodic deconvolution to any image under either kind of blur; clips to [0, 1].

    Args:
        image: (..., C, H, W).
        blur: A ``Psf`` or ``BlurMap``.
        deconvolve: The method for one kernel.
        tiling: The context that the method needs for a kernel of half-width ``half_px``, as in ``Deblurrer.tiling``.

    Raises:
        InputError: If no blur, or one of another kind, is given.
    """
    xp = array_namespace(image)
    if isinstance(blur, Psf):
        restored = _deconvolve_whole(image, blur, deconvolve)
    elif isinstance(blur, BlurMap):
        restored = _deconvolve_levels(image, blur, deconvolve, tiling)
    else:
        raise missing_blur()
    return xp.clip(restored, min=0.0, max=1.0)


def missing_blur() -> InputError:
    """The error of a method that was called without a blur."""
    return InputError("This method needs the blur: give a radius (--radius-px), a Psf or a BlurMap.")


def _deconvolve_whole(image: Image, blur: Psf, deconvolve: Deconvolve) -> Image:
    if tuple(blur.kernel.shape) == (1, 1):
        return image / float(blur.kernel[0, 0])
    if blur.boundary == "periodic":
        return deconvolve(image, blur.kernel)
    return deconvolve(wrapped(image, blur.half_px), blur.kernel)[..., : image.shape[-2], : image.shape[-1]]


def _deconvolve_levels(image: Image, blur: BlurMap, deconvolve: Deconvolve, tiling: Callable[[int], Tiling]) -> Image:
    """Level by level; the boundary is a mirror, whatever the map's is."""
    xp = array_namespace(image)
    blur.check_size(image)
    out = xp.zeros_like(image)
    for kernel, weight, rows, columns in blur.levels(image):
        if tuple(kernel.shape) == (1, 1):
            out[..., rows, columns] += weight * image[..., rows, columns]
            continue
        half = max(kernel.shape) // 2
        near_rows, near_columns = (
            _grown(rows, tiling(half).context_px, image.shape[-2]),
            _grown(columns, tiling(half).context_px, image.shape[-1]),
        )
        near = image[..., near_rows, near_columns]
        restored = deconvolve(wrapped(near, half), kernel)
        top, left = rows.start - near_rows.start, columns.start - near_columns.start
        restored = restored[..., top : top + weight.shape[-2], left : left + weight.shape[-1]]
        out[..., rows, columns] += weight * restored
    return out


def _grown(box: slice, context: int, size: int) -> slice:
    return slice(max(box.start - context, 0), min(box.stop + context, size))


def wrapped(image: Image, half: int) -> Image:
    """Make an image periodic: append rows and columns that lead smoothly from the last back to the first.

    They blend from the mirror image at one edge to that at the other, so that there is no jump at the wrap-around. The
    blend starts and ends flat, and far enough from the image that an edge is restored independently of the opposite
    one, in a tile as in the whole image. The size is one with a fast Fourier transform.
    """
    xp = array_namespace(image)
    # Margins of 2 * half restore as well, but then tiles differ from the whole by up to 0.03 along the image's edge.
    min_margin = min(40 * half, MAX_CONTEXT_PX) + 16
    target = fast_shape(image.shape[-2] + min_margin, image.shape[-1] + min_margin)
    for axis in (-2, -1):
        size = image.shape[axis]
        margin = target[axis] - size
        mirrored = pad(image, (margin, 0) if axis == -2 else (0, margin), "mirror")
        ends = [slice(margin + size, None), slice(0, margin)]
        after, before = (mirrored[..., end, :] if axis == -2 else mirrored[..., end] for end in ends)
        fade = xp.arange(1, margin + 1, dtype=image.dtype, device=device(image)) / (margin + 1)
        fade = fade**3 * (fade * (6 * fade - 15) + 10)  # from 0 to 1, the first two derivatives 0 at either end
        fade = fade[:, None] if axis == -2 else fade
        image = xp.concat([image, (1 - fade) * after + fade * before], axis=axis)
    return image
