"""Domain transform: edge-aware smoothing and propagation of sparse values in a few passes.

Gastal and Oliveira, "Domain transform for edge-aware image and video processing", ACM TOG 30(4), 2011.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

SIGMA_R, NUM_ITER = 3.75, 5
"""Range and number of passes with which Karaali and Jung 2018 spread values."""

_MAX_EXPONENT = 80.0  # e^-80 is negligible, but still a normal float32; denormal numbers are slow


def domain_transform(image: Floats, guide: Floats, sigma_s: float, sigma_r: float, num_iter: int = 3) -> Floats:
    """Smooth ``image`` by recursive filtering, but not across the edges of ``guide``.

    Along each row, then each column, in both directions:

    J[n] = I[n] + a^d (J[n-1] - I[n])  (eq. 21), a = exp(-sqrt(2) / sigma_i), d = 1 + sigma_s / sigma_r sum_c |I'_c|
    (eq. 11), sigma_i = sigma_s sqrt(3) 2^(N-i) / sqrt(4^N - 1)  (eq. 14), i = 1 ... N.

    Constants are preserved; borders are replicated.

    Args:
        image: (C, H, W) or (H, W), any range.
        guide: (K, H, W) or (H, W), in the unit of ``sigma_r``.
        sigma_s: Spatial extent of the filter in pixels.
        sigma_r: Step of the guide, summed over its channels, that counts as an edge.
        num_iter: Number of passes N; 3 in the paper, where more make no visible difference.

    Returns:
        The smoothed image, float32 (float64 if ``image`` is), same shape.
    """
    dtype = np.result_type(image.dtype, np.float32)
    height, width = image.shape[-2:]
    planes = np.asarray(image, dtype).reshape(-1, height, width)
    # The recursion runs along axis 0, so that each step is a contiguous line; for the other direction it is transposed.
    down_length = _lengths(guide, 1, sigma_s / sigma_r).astype(dtype)
    across_length = np.ascontiguousarray(_lengths(guide, 2, sigma_s / sigma_r).astype(dtype).T)
    lines = planes.transpose(2, 0, 1).copy()
    for i in range(1, num_iter + 1):
        sigma_i = sigma_s * 3**0.5 * 2 ** (num_iter - i) / (4**num_iter - 1) ** 0.5  # eq. 14
        _recurse(lines, across_length, sigma_i)
        lines = lines.transpose(2, 1, 0).copy()
        _recurse(lines, down_length, sigma_i)
        lines = lines.transpose(2, 1, 0).copy()
    return np.ascontiguousarray(lines.transpose(1, 2, 0)).reshape(image.shape)


def spread(
    values: Floats, mask: Floats, guide: Floats, sigma_s: float, sigma_r: float = SIGMA_R, num_iter: int = NUM_ITER
) -> npt.NDArray[np.float32]:
    """Spread sparse ``values`` over the photo: RF(values mask) / RF(mask), a weighted mean of nearby values.

    The method of Karaali and Jung, "Edge-based defocus blur estimation with adaptive scale selection", IEEE TIP 27(3),
    2018, whose ``sigma_r`` and ``num_iter`` are the defaults; their ``sigma_s`` is an eighth of the shorter side.

    Args:
        values: (H, W) or (C, H, W), read where ``mask`` isn't 0.
        mask: (H, W), 1 where a value is known and 0 elsewhere, or any weights >= 0.
        guide: (K, H, W), range [0, 1].
        sigma_s: See ``domain_transform``.
        sigma_r: See ``domain_transform``.
        num_iter: See ``domain_transform``.

    Returns:
        float32, the shape of ``values``. The mean of all values where none is within reach; 0 if there is no value.
    """
    weight = np.asarray(mask, np.float32)
    planes = np.asarray(values, np.float32).reshape(-1, *weight.shape)
    smooth = domain_transform(np.concatenate([planes * weight, weight[None]]), guide, sigma_s, sigma_r, num_iter)
    total = weight.sum(dtype=np.float64)
    mean = (planes * weight).sum((1, 2), dtype=np.float64) / max(total, 1e-30)
    reached = smooth[-1] > 1e-20  # below, the quotient has no significant digits in float32
    dense = np.where(reached, smooth[:-1] / np.where(reached, smooth[-1], 1), mean[:, None, None].astype(np.float32))
    return dense.astype(np.float32).reshape(np.shape(values))


def spread_without_texture(values: Floats, mask: Floats, guide: Floats) -> npt.NDArray[np.float32]:
    """Spread sparse ``values`` guided by the photo without its texture, as Karaali and Jung do.

    The guide is smoothed first (sigma_s 7 px, sigma_r 0.5, five passes), and sigma_s of the spreading is an eighth of
    the shorter side. Arguments and result are those of ``spread``.
    """
    smooth = domain_transform(guide, guide, 7, 0.5, 5)
    return spread(values, mask, smooth, min(guide.shape[-2:]) / 8)


def _lengths(guide: Floats, axis: int, ratio: float) -> Floats:
    """Eq. 11: distance between each pixel and its predecessor along ``axis``, (H, W)."""
    planes = guide.reshape(-1, *guide.shape[-2:])
    steps = np.abs(np.diff(planes, axis=axis)).sum(0) * ratio + 1
    return np.pad(steps, ((1, 0), (0, 0)) if axis == 1 else ((0, 0), (1, 0)))


def _recurse(lines: Floats, lengths: Floats, sigma: float) -> None:
    """Eq. 21 in both directions along axis 0, in place; ``lines`` (n, C, m), ``lengths`` (n, m)."""
    weights = np.exp(np.maximum(lengths * (-(2**0.5) / sigma), -_MAX_EXPONENT))
    change = np.empty_like(lines[0])
    for before, line, weight in zip(lines[:-1], lines[1:], weights[1:], strict=True):
        np.subtract(before, line, out=change)
        change *= weight
        line += change
    for before, line, weight in zip(lines[:0:-1], lines[-2::-1], weights[:0:-1], strict=True):
        np.subtract(before, line, out=change)
        change *= weight
        line += change
