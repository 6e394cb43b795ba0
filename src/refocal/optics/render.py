"""A sharp picture and its depth to an out-of-focus photo, layer by layer, near things covering far ones.

The picture is cut into layers of nearly equal signed radius, from the farthest to the nearest. Each layer's light and
its coverage are blurred with the layer's own kernel and laid over what is behind:

    l_k = K_k * (a_k x) / E_k,   c_k = K_k * a_k / E_k,   E_k = K_k * sum_{j behind k} a_j + K_k * a_k
    y <- (1 - c_k) y + l_k

E_k lets a surface that slants through many layers stay opaque. Under the see-through rim of a near, blurred thing lies
background that no photo shows; it is filled in from the background beside it.

Reference: Ikoma, Nguyen, Metzler, Peng, Wetzstein, "Depth from defocus with learned optics for imaging and
occlusion-aware depth estimation", ICCP 2021, eqs. 6-8 (the model without the filling).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from array_api_compat import array_namespace

from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.optics.arrays import as_like
from refocal.optics.boundary import pad
from refocal.optics.convolution import DIRECT_TAPS, convolve_valid
from refocal.optics.fill import fill_unknown
from refocal.optics.fourier import fast_shape, irfft2, rfft2, rfft2_small
from refocal.optics.kernels import Kernel, family_kernel
from refocal.optics.thin_lens import ThinLens
from refocal.types import Array, Boundary, Encoding, Image, InputError

NOTHING = 1e-4
"""Coverage below this is rounding of the FFT, not light."""


def render_depth(
    sharp: Image, depth_m: Array, lens: ThinLens, *, family: str = "disk", encoding: Encoding = "srgb"
) -> Image:
    """Photograph a scene through a thin lens.

    Args:
        sharp: (..., C, H, W) in [0, 1].
        depth_m: (H, W) distances in metres, positive; infinity is allowed.
        lens: Lens, focus and sensor.
        family: Which kernels, see ``optics.kernels.FAMILIES``.
        encoding: Of ``sharp`` and of the result; light itself is always added up linearly.

    Raises:
        InputError: If a depth isn't positive or the sizes differ.
    """
    return render_radius(sharp, signed_radius_of(depth_m, lens), family=family, encoding=encoding)


def signed_radius_of(depth_m: Array, lens: ThinLens) -> Array:
    """The signed radius in pixels that a lens gives each distance of a depth map (..., H, W) in metres.

    Raises:
        InputError: If a depth isn't positive.
    """
    xp = array_namespace(depth_m)
    if not bool(xp.all(depth_m > 0)):
        raise InputError("A depth map holds distances in metres: positive everywhere, infinity for the sky.")
    return lens.signed_radius_px(depth_m)


def render_radius(
    sharp: Image,
    signed_radius_px: Array,
    *,
    family: str = "disk",
    step_px: float = 0.5,
    boundary: Boundary = "mirror",
    encoding: Encoding = "srgb",
) -> Image:
    """The same from signed radii (H, W) in pixels: positive behind the plane of focus, so that larger means farther.

    Args:
        sharp: (..., C, H, W) in [0, 1].
        signed_radius_px: Circle-of-confusion radius with its sign.
        family: Which kernels, see ``optics.kernels.FAMILIES``.
        step_px: Difference of radius between layers.
        boundary: What lies beyond the edge.
        encoding: Of ``sharp`` and of the result; light itself is always added up linearly.

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
    """The same with any kernel for each signed radius, and as many views of the scene at once as it gives kernels.

    Args:
        sharp: (..., C, H, W) in [0, 1].
        signed_radius_px: (H, W), or (..., H, W) for a batch; positive behind the plane of focus.
        kernel_at: From the signed radius of a layer to its kernel: (kh, kw), or (V, kh, kw) for V views, which share
            the scene but neither what they blur nor what they see behind the near things; odd sides, sum 1.
        step_px: Difference of radius between layers.
        boundary: What lies beyond the edge.
        encoding: Of ``sharp`` and of the result; light itself is always added up linearly.

    Returns:
        (..., C, H, W), or (V, ..., C, H, W) where ``kernel_at`` gives a stack.

    Raises:
        InputError: If the sizes differ or a radius isn't finite.
    """
    xp = array_namespace(sharp)
    signed_radius_px = as_like(signed_radius_px, sharp)
    if tuple(signed_radius_px.shape[-2:]) != tuple(sharp.shape[-2:]):
        raise InputError("The depth map and the picture differ in size: give them the same height and width.")
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
        share = xp.where(thickness > NOTHING, 1 / xp.clip(thickness, min=NOTHING), 0.0)
        coverage = xp.clip(coverage * share, min=0.0, max=1.0)
        if bool(xp.any((coverage > NOTHING) & (coverage < 1 - NOTHING) & (known == 0))):
            out = fill_unknown(out, known)
        out = out * (1 - coverage) + layer * share
        known = xp.where(coverage > NOTHING, 1.0, known)
    out = xp.clip(out, min=0.0, max=1.0)
    return linear_to_srgb(out) if encoding == "srgb" else out


def _blur(images: tuple[Image, ...], kernel: Kernel, boundary: Boundary) -> list[Image]:
    """Each of the images with the kernel, or with every kernel of a stack on a new first axis; each transformed
    once.
    """
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
    blurred = []
    for image in padded:
        views = xp.reshape(otf, (len(kernel), *(1,) * (image.ndim - 2), *otf.shape[-2:]))
        blurred.append(irfft2(rfft2(image, shape) * views, shape)[..., rows - 1 : height, columns - 1 : width])
    return blurred
