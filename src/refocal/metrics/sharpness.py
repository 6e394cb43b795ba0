"""No-reference sharpness Q: a metric, and (negated) a training loss."""

from __future__ import annotations

from functools import partial
from typing import Literal

from array_api_compat import array_namespace

from refocal.images.colour import luma
from refocal.metrics.inputs import check_image
from refocal.types import Array, Image, InputError

EPSILON = 1e-8  # keeps every square root differentiable; changes the Q of an 8-bit photo by less than 1e-7


def q(
    image: Image,
    variant: Literal["eval", "zm", "tf"] = "eval",
    patch: int = 8,
    significance: float = 0.001,
) -> Array:
    """Sharpness Q, one number per image: higher is sharper, noisier or of more contrast, as Q(c f) = |c| Q(f).

    The luma is divided into N patches of w x w pixels from the top left corner, without incomplete patches at the right
    or bottom. The rows of G are the gradients (g_x, g_y) at a patch's pixels, s1 >= s2 its singular values::

        G^T G = V diag(s1^2, s2^2) V^T                                  (eq. 2)
        R   = (s1 - s2) / (s1 + s2)                                     (eq. 3, coherence)
        Q_i = s1 R  where the patch is coherent, otherwise 0            (eq. 4)
        Q   = (1/N) sum_i Q_i                                           (eq. 5, over all patches)

    Equations of Aurangabadkar, Ramsook and Kokaram, "A Sharpness Based Loss Function for Removing Out-of-Focus Blur",
    IEEE MMSP 2024. White noise alone is less coherent than the threshold with probability 1 - ``significance``::

        tau = sqrt((1 - t) / (1 + t)),  t = significance^(1 / (w^2 - 1))

    Zhu and Milanfar, "Automatic Parameter Selection for Denoising Algorithms Using a No-Reference Measure of Image
    Content", IEEE Transactions on Image Processing 19(12), 2010. Numbers of different variants can't be compared:

    * ``eval``: as in reported values. Central differences inside the patch, one-sided at its border; coherent
      where (s1^2 - s2^2) / (s1^2 + s2^2) > tau.
    * ``zm``: as published by Zhu and Milanfar; the same, but coherent where R > tau.
    * ``tf``: as in the released TensorFlow loss. Sobel / w, each patch reflected at its border; s1^2 and s2^2 in
      place of s1 and s2 throughout (so Q is quadratic in contrast), and 2 for 1 + t in tau.

    Args:
        image: (..., 1 or 3, H, W), float32 or float64, in [0, 1]; colour is reduced to BT.601 luma.
        variant: ``"eval"``, ``"zm"`` or ``"tf"``.
        patch: Side w of a patch in pixels; 8 in both papers and every known implementation.
        significance: Probability that white noise counts as structure; 0.001 likewise.

    Returns:
        (...): in the image's dtype. Gradients are finite everywhere; the choice of coherent patches is treated as
        constant.

    Raises:
        InputError: If dtype, shape or an option doesn't fit, or the image is smaller than a patch.
    """
    xp = check_image(image, "measured")
    if variant not in ("eval", "zm", "tf"):
        raise InputError(f"Q has the variants 'eval', 'zm' and 'tf', not {variant!r}.")
    if image.shape[-3] not in (1, 3):
        raise InputError(f"Q is measured on 1 or 3 channels, not {image.shape[-3]}.")
    if patch < 3 or not 0 < significance < 1:
        raise InputError(
            f"Q needs a patch of at least 3 px and a significance in (0, 1), not {patch} and {significance}."
        )
    if min(image.shape[-2:]) < patch:
        height, width = image.shape[-2:]
        raise InputError(f"Q's {patch}x{patch} patch doesn't fit into an image of {height}x{width} pixels.")

    patches = _patches(luma(image)[..., 0, :, :], patch)
    if variant == "tf":
        gradient_x, gradient_y = _sobel(patches, 1) / patch, _sobel(patches, 0) / patch
    else:
        gradient_x, gradient_y = _central(patches, 1), _central(patches, 0)
    a, b, c = (
        xp.sum(product, axis=(0, 1))  # G^T G = [[a, b], [b, c]]
        for product in (gradient_x * gradient_x, gradient_x * gradient_y, gradient_y * gradient_y)
    )

    # The 2x2 eigenvalues in closed form: (T +- D) / 2. Both stay differentiable where the patch is flat (T = 0),
    # isotropic (D = 0) or a ramp (T = D).
    trace = a + c
    squared = (a - c) * (a - c) + 4 * b * b
    spread = (squared + EPSILON**2) ** 0.5
    large, small = (trace + spread) / 2, xp.clip((trace - spread) / 2, min=0.0)
    s1, s2 = (large + EPSILON) ** 0.5, (small + EPSILON) ** 0.5

    # Coherence without epsilon, so that a flat patch never counts: D / T, or R = D / (s1 + s2)^2 = D / (T + 2 s1 s2).
    scale = trace + 2 * xp.clip(a * c - b * b, min=0.0) ** 0.5 if variant == "zm" else trace
    # Negated, so that a patch with NaN counts as coherent and makes the result NaN.
    coherent = ~(squared <= (threshold(patch, significance, variant) * scale) ** 2)

    content = large * spread / (trace + EPSILON) if variant == "tf" else spread * s1 / ((s1 + s2) * (s1 + s2))
    return xp.mean(xp.where(coherent, content, 0.0), axis=(-2, -1))


q_zm = partial(q, variant="zm")
q_tf = partial(q, variant="tf")


def threshold(patch: int = 8, significance: float = 0.001, variant: str = "eval") -> float:
    """Coherence tau that white noise exceeds with probability ``significance``; 0.234027 for the defaults."""
    t = significance ** (1 / (patch**2 - 1))
    return float(((1 - t) / (2 if variant == "tf" else 1 + t)) ** 0.5)


def _patches(image: Array, patch: int) -> Array:
    """(..., H, W) -> (w, w, ..., H // w, W // w)."""
    # The position in the patch comes first, so that operations run along rows of patches, not of 8 pixels.
    xp = array_namespace(image)
    rows, columns = image.shape[-2] // patch, image.shape[-1] // patch
    cut = image[..., : rows * patch, : columns * patch]
    cut = xp.reshape(cut, (*image.shape[:-2], rows, patch, columns, patch))
    lead = tuple(range(image.ndim - 2))
    first = len(lead)
    return xp.permute_dims(cut, (first + 1, first + 3, *lead, first, first + 2))


def _central(patches: Array, axis: int) -> Array:
    """Half the difference of the two neighbours; the difference to the single neighbour at the patch's border."""
    xp = array_namespace(patches)
    p = patches if axis == 0 else xp.moveaxis(patches, 1, 0)
    gradient = xp.concat([p[1:2] - p[:1], (p[2:] - p[:-2]) / 2, p[-1:] - p[-2:-1]], axis=0)
    return gradient if axis == 0 else xp.moveaxis(gradient, 0, 1)


def _sobel(patches: Array, axis: int) -> Array:
    """[-1 0 1] along ``axis`` and [1 2 1] across it, the patch reflected about its border pixels."""
    xp = array_namespace(patches)
    p = patches if axis == 0 else xp.moveaxis(patches, 1, 0)
    difference = xp.concat([xp.zeros_like(p[:1]), p[2:] - p[:-2], xp.zeros_like(p[:1])], axis=0)
    inner = difference[:, :-2] + 2 * difference[:, 1:-1] + difference[:, 2:]
    first, last = difference[:, :1] + difference[:, 1:2], difference[:, -1:] + difference[:, -2:-1]
    smooth = xp.concat([2 * first, inner, 2 * last], axis=1)
    return smooth if axis == 0 else xp.moveaxis(smooth, 0, 1)
