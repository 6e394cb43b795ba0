"""Occlusion-aware rendering of defocus blur: a sharp image and its depth to an out-of-focus photo.

The image is split into layers of nearly equal signed radius. From the farthest to the nearest, each layer's light and
coverage are blurred with the layer's own kernel and composited over the layers behind it:

    l_k = K_k * (a_k x) / E_k,   c_k = K_k * a_k / E_k,   E_k = K_k * sum_{j behind k} a_j + K_k * a_k
    y <- (1 - c_k) y + l_k

E_k keeps a slanted surface opaque that passes through several layers. Background under the semi-transparent rim of a
blurred foreground object is in no photo; it is filled in from the background beside it.

Reference: Ikoma, Nguyen, Metzler, Peng, Wetzstein, "Depth from defocus with learned optics for imaging and
occlusion-aware depth estimation", ICCP 2021, eqs. 6-8 (the model without the filling). Filling by push-pull: Gortler,
Grzeszczuk, Szeliski, Cohen, "The Lumigraph", SIGGRAPH 1996, section 3.4.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from array_api_compat import array_namespace

from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.optics.arrays import as_like
from refocal.optics.boundary import pad
from refocal.optics.convolution import DIRECT_TAPS, convolve_valid
from refocal.optics.fourier import fast_shape, irfft2, rfft2, rfft2_small
from refocal.optics.kernels import Kernel, family_kernel
from refocal.optics.thin_lens import ThinLens
from refocal.types import Array, Boundary, Encoding, Image, InputError

MIN_COVERAGE = 1e-4
"""Smallest coverage that counts as light; less is rounding error of the FFT."""


def render_depth(
    sharp: Image, depth_m: Array, lens: ThinLens, *, family: str = "disk", encoding: Encoding = "srgb"
) -> Image:
    """Render a scene as seen through a thin lens.

    Args:
        sharp: (..., C, H, W) in [0, 1].
        depth_m: (H, W) distances in metres, positive; infinity is allowed.
        lens: Lens, focus and sensor.
        family: Kernel family, one of ``optics.kernels.FAMILIES``.
        encoding: Encoding of ``sharp`` and of the result; blur and compositing are always in linear light.

    Returns:
        (..., C, H, W) in [0, 1].

    Raises:
        InputError: If a depth isn't positive or the sizes differ.
    """
    xp = array_namespace(depth_m)
    if not bool(xp.all(depth_m > 0)):
        raise InputError("A depth map holds distances in metres: positive everywhere, infinity for the sky.")
    return render_radius(sharp, lens.signed_radius_px(depth_m), family=family, encoding=encoding)


def render_radius(
    sharp: Image,
    signed_radius_px: Array,
    *,
    family: str = "disk",
    step_px: float = 0.5,
    boundary: Boundary = "mirror",
    encoding: Encoding = "srgb",
) -> Image:
    """Render from signed radii in pixels.

    Args:
        sharp: (..., C, H, W) in [0, 1].
        signed_radius_px: Signed circle-of-confusion radius (H, W): positive behind the plane of focus, so that larger
            means farther.
        family: Kernel family, one of ``optics.kernels.FAMILIES``.
        step_px: Difference in radius between layers.
        boundary: Padding rule at the edges of the image.
        encoding: Encoding of ``sharp`` and of the result; blur and compositing are always in linear light.

    Returns:
        (..., C, H, W) in [0, 1].

    Raises:
        InputError: If the sizes differ or a radius isn't finite.
    """
    return render_layers(
        sharp,
        signed_radius_px,
        lambda radius: family_kernel(family, abs(radius)),
        step_px=step_px,
        boundary=boundary,
        encoding=encoding,
    )


def render_layers(
    sharp: Image,
    signed_radius_px: Array,
    kernel_at: Callable[[float], Kernel],
    *,
    step_px: float = 0.5,
    boundary: Boundary = "mirror",
    encoding: Encoding = "srgb",
) -> Image:
    """Render with an arbitrary kernel per signed radius, and several views at once from stacks of kernels.

    Args:
        sharp: (..., C, H, W) in [0, 1].
        signed_radius_px: (H, W), or (..., H, W) for a batch; positive behind the plane of focus.
        kernel_at: From the signed radius of a layer to its kernel: (kh, kw), or (V, kh, kw) for V views of the scene,
            each with its own blur and its own occlusions; odd sides, sum 1.
        step_px: Difference in radius between layers.
        boundary: Padding rule at the edges of the image.
        encoding: Encoding of ``sharp`` and of the result; blur and compositing are always in linear light.

    Returns:
        (..., C, H, W), or (V, ..., C, H, W) where ``kernel_at`` gives a stack.

    Raises:
        InputError: If the sizes differ or a radius isn't finite.
    """
    xp = array_namespace(sharp)
    signed_radius_px = as_like(signed_radius_px, sharp)
    if tuple(signed_radius_px.shape[-2:]) != tuple(sharp.shape[-2:]):
        raise InputError("The depth map and the image differ in size: give them the same height and width.")
    if not bool(xp.all(xp.isfinite(signed_radius_px))):
        raise InputError("The radii of a depth map are not finite: check the distances and the lens.")
    light = srgb_to_linear(sharp) if encoding == "srgb" else sharp
    position = signed_radius_px[..., None, :, :] / step_px
    position = xp.reshape(position, (*(1,) * (light.ndim - position.ndim), *position.shape))
    levels = range(math.floor(xp.min(position).item()), math.ceil(xp.max(position).item()) + 1)

    out, known, behind = xp.zeros_like(light), xp.zeros_like(position), xp.zeros_like(position)
    for level in reversed(levels):  # the largest signed radius is the farthest
        alpha = xp.clip(1 - xp.abs(position - level), min=0.0)
        if not bool(xp.any(alpha > 0)):
            continue
        behind = behind + alpha
        thickness, coverage, layer = _blur((behind, alpha, alpha * light), kernel_at(level * step_px), boundary)
        scale = xp.where(thickness > MIN_COVERAGE, 1 / xp.clip(thickness, min=MIN_COVERAGE), 0.0)  # 1 / E_k
        coverage = xp.clip(coverage * scale, min=0.0, max=1.0)
        if bool(xp.any((coverage > MIN_COVERAGE) & (coverage < 1 - MIN_COVERAGE) & (known == 0))):
            out = fill_unknown(out, known)
        out = out * (1 - coverage) + layer * scale
        known = xp.where(coverage > MIN_COVERAGE, 1.0, known)
    out = xp.clip(out, min=0.0, max=1.0)
    return linear_to_srgb(out) if encoding == "srgb" else out


def _blur(images: tuple[Image, ...], kernel: Kernel, boundary: Boundary) -> list[Image]:
    """Blur each image with a kernel (kh, kw), or with every kernel of a stack (V, kh, kw) on a new first axis."""
    rows, columns = kernel.shape[-2:]
    padded = [pad(image, (rows // 2, columns // 2), boundary) for image in images]
    if kernel.ndim == 2:
        return [convolve_valid(image, kernel) for image in padded]
    xp = array_namespace(padded[0])
    if rows * columns <= DIRECT_TAPS:
        return [xp.stack([convolve_valid(image, view) for view in kernel]) for image in padded]
    height, width = padded[0].shape[-2:]
    shape = fast_shape(height, width)
    otf = rfft2_small(as_like(kernel, padded[0]), shape)
    blurred = []  # each image is transformed once for all kernels
    for image in padded:
        views = xp.reshape(otf, (len(kernel), *(1,) * (image.ndim - 2), *otf.shape[-2:]))
        blurred.append(irfft2(rfft2(image, shape) * views, shape)[..., rows - 1 : height, columns - 1 : width])
    return blurred


def fill_unknown(image: Image, known: Array) -> Image:
    """Fill unknown pixels with a smooth interpolation of the known ones, coarse to fine (push-pull).

    Args:
        image: (..., C, H, W), read where ``known`` isn't 0.
        known: (..., 1, H, W), 1 where a pixel is known and 0 elsewhere.

    Returns:
        (..., C, H, W): known pixels unchanged; 0 everywhere else if no pixel is known.
    """
    xp = array_namespace(image)
    height, width = image.shape[-2:]
    if height == 1 and width == 1:
        return image * known
    total = _halve(known)
    colour = _halve(image * known) / xp.clip(total, min=1e-12)
    weight = xp.clip(total, max=1.0)
    coarse = fill_unknown(colour, weight) if not bool(xp.all(weight > 0)) else colour
    return known * image + (1 - known) * _double(coarse)[..., :height, :width]


def _halve(image: Image) -> Image:
    """Sum over 2x2 blocks; an odd last row or column is padded with zeros."""
    xp = array_namespace(image)
    for axis in (-2, -1):
        if image.shape[axis] % 2:
            edge = image[..., -1:, :] if axis == -2 else image[..., -1:]
            image = xp.concat([image, xp.zeros_like(edge)], axis=axis)
    return image[..., ::2, ::2] + image[..., 1::2, ::2] + image[..., ::2, 1::2] + image[..., 1::2, 1::2]


def _double(image: Image) -> Image:
    """Bilinear enlargement by 2: each new pixel is 3/4 of its block and 1/4 of the nearer neighbour."""
    xp = array_namespace(image)
    for axis in (-2, -1):
        first = image[..., :1, :] if axis == -2 else image[..., :1]
        last = image[..., -1:, :] if axis == -2 else image[..., -1:]
        inner_low = image[..., :-1, :] if axis == -2 else image[..., :-1]
        inner_high = image[..., 1:, :] if axis == -2 else image[..., 1:]
        before = 0.75 * image + 0.25 * xp.concat([first, inner_low], axis=axis)
        after = 0.75 * image + 0.25 * xp.concat([inner_high, last], axis=axis)
        shape = list(image.shape)
        shape[axis] *= 2
        image = xp.reshape(xp.stack([before, after], axis=-1 if axis == -1 else -2), tuple(shape))
    return image
