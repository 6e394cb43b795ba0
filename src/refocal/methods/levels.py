"""From a deconvolution with one kernel to one with a radius per pixel, and to pictures that do not wrap around.

A blur map is met the way the field does it: restore with the kernel of each radius level, take every pixel from the
levels beside its radius, blended linearly, so that no seam shows where the level changes (dossier of Krishnan &
Fergus's users; Levin et al., SIGGRAPH 2007, section 5).
"""

from __future__ import annotations

from collections.abc import Callable

from array_api_compat import array_namespace, device

from refocal.optics.blur import BlurMap, Psf
from refocal.optics.boundary import pad
from refocal.optics.fourier import fast_shape
from refocal.types import Array, Blur, Image, InputError, Tiling

Deconvolve = Callable[[Image, Array], Image]
"""(..., H, W) that wraps around, and a kernel, to the restored (..., H, W)."""


MAX_CONTEXT_PX = 512
"""Contexts and margins grow with the kernel up to here only: a tile then fits into memory whatever the radius. Kernels
that reach more than 10 px may leave seams above 1e-3; so much blur has wiped out more than that."""


def deconvolve_blur(image: Image, blur: Blur | None, deconvolve: Deconvolve, tiling: Callable[[int], Tiling]) -> Image:
    """Apply a periodic deconvolution to any picture and either kind of blur; clips to [0, 1].

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
    """The sentence for a method that was called without knowing how the picture is blurred."""
    return InputError("This method needs to know the blur: give a radius (--radius-px), a Psf or a BlurMap.")


def _deconvolve_whole(image: Image, blur: Psf, deconvolve: Deconvolve) -> Image:
    if tuple(blur.kernel.shape) == (1, 1):
        return image / float(blur.kernel[0, 0])
    if blur.boundary == "periodic":
        return deconvolve(image, blur.kernel)
    return deconvolve(wrapped(image, blur.half_px), blur.kernel)[..., : image.shape[-2], : image.shape[-1]]


def _deconvolve_levels(image: Image, blur: BlurMap, deconvolve: Deconvolve, tiling: Callable[[int], Tiling]) -> Image:
    """Level by level; what lies beyond the picture is taken as its mirror image, whatever the map says."""
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
    """Add rows and columns at the end, to a size that transforms fast, that lead smoothly from the last back to the
    first.

    They fade from the mirror image at one edge to that at the other: deconvolution sees no jump where it wraps around.
    The fade starts and ends flat, and far enough away, so that an edge is restored alike whatever lies at the opposite
    one: in a tile as in the whole picture.
    """
    xp = array_namespace(image)
    # Margins of 2 * half restore as well, but then tiles differ from the whole by up to 0.03 along the picture's edge.
    least = min(40 * half, MAX_CONTEXT_PX) + 16
    target = fast_shape(image.shape[-2] + least, image.shape[-1] + least)
    for axis in (-2, -1):
        size = image.shape[axis]
        margin = target[axis] - size
        mirrored = pad(image, (margin, 0) if axis == -2 else (0, margin), "mirror")
        ends = [slice(margin + size, None), slice(0, margin)]
        after, before = (mirrored[..., end, :] if axis == -2 else mirrored[..., end] for end in ends)
        fade = xp.arange(1, margin + 1, dtype=image.dtype, device=device(image)) / (margin + 1)
        fade = fade**3 * (fade * (6 * fade - 15) + 10)  # from 0 to 1 with two derivatives 0 at either end
        fade = fade[:, None] if axis == -2 else fade
        image = xp.concat([image, (1 - fade) * after + fade * before], axis=axis)
    return image
