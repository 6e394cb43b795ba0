"""Parts that the estimators share: input check, reduction and enlargement, confidence of edges, sigma to radius."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from refocal.images.grids import enlarge, reduce_mean
from refocal.optics.blur import BlurMap
from refocal.propagation import domain_transform
from refocal.types import Image, InputError

Floats = npt.NDArray[np.floating]

MIN_SIDE_PX = 5
"""Smallest side of an image on which edges can be measured."""

# Gaussian sigma and the disk radius that blurs an edge equally: the table with which Karaali et al. compare Gaussian
# estimators on disk-blurred photos (svbr_net and earlier papers), preceded by no blur.
_SIGMA_PX = (
    *(0, 0.3, 0.5, 0.65, 0.775, 0.875, 0.975, 1.125, 1.275, 1.375, 1.525, 1.65),
    *(1.8, 1.925, 2.05, 2.2, 2.325, 2.45, 2.6, 2.725, 2.875, 3.0, 3.15, 3.275),
)
_RADIUS_PX = (0, *np.arange(0.5, 6.01, 0.25))


def check_image(image: Image) -> None:
    """Check that ``image`` is a single image (1 or 3, H, W).

    Raises:
        InputError: If it isn't; the message names its shape.
    """
    if image.ndim != 3 or image.shape[0] not in (1, 3) or 0 in image.shape:
        raise InputError(f"Blur is estimated on one image (1 or 3, H, W), not {image.shape}.")


def unknown_blur(shape: tuple[int, int]) -> BlurMap:
    """Map of height and width ``shape`` with radius 0 and confidence 0, for images without usable content."""
    zeros = np.zeros(shape, np.float32)
    return BlurMap(zeros, confidence=zeros)


def reduction_factor(shape: tuple[int, int], max_megapixels: float) -> int:
    """Smallest whole factor that reduces an image of (H, W) to about ``max_megapixels`` or less; at least 1."""
    return math.ceil((shape[0] * shape[1] / (1e6 * max_megapixels)) ** 0.5)


def reduce_image(image: Image, factor: int) -> Floats:
    """Reduce (C, H, W) by averaging cells of ``factor`` pixels; float32."""
    return np.stack([reduce_mean(plane, factor) for plane in image])


def full_size_map(radius_px: Floats, confidence: Floats, shape: tuple[int, int], factor: int) -> BlurMap:
    """Blur map of (H, W) ``shape`` from a radius and a confidence on a grid reduced by ``factor``."""
    return BlurMap(enlarge(radius_px, shape, factor), confidence=enlarge(confidence, shape, factor))


def edge_confidence(radius: Floats, mask: Floats, guide: Floats) -> Floats:
    """Confidence of a map spread from edges, 0 to 1: high near many edges whose radii agree.

    Args:
        radius: (H, W), read where ``mask`` isn't 0.
        mask: (H, W), 1 on edges.
        guide: The photo, (K, H, W), range [0, 1].

    Returns:
        (H, W) float32.
    """
    reach = min(mask.shape) / 16
    settings = (domain_transform.SIGMA_R, domain_transform.NUM_ITER)
    density = np.maximum(domain_transform.domain_transform(mask, guide, reach, *settings), 0)
    mean, square = domain_transform.spread(np.stack([radius, radius**2]), mask, guide, reach)
    variance = np.maximum(square - mean**2, 0)
    enough = density / (density + 0.01)
    # A standard deviation of half a pixel, or of a quarter of the radius, halves the confidence.
    return (enough / (1 + variance / np.maximum(0.5, mean / 4) ** 2)).astype(np.float32)


def sigma_to_radius(sigma_px: Floats) -> Floats:
    """Radius of the disk that blurs an edge as a Gaussian of ``sigma_px`` does; any shape, inf stays inf.

    Linear interpolation between the table's entries. Beyond the last entry it continues along the last segment, where
    Karaali et al. take the nearest entry.
    """
    slope = (_RADIUS_PX[-1] - _RADIUS_PX[-2]) / (_SIGMA_PX[-1] - _SIGMA_PX[-2])
    beyond = np.maximum(sigma_px - _SIGMA_PX[-1], 0) * slope
    return (np.interp(sigma_px, _SIGMA_PX, _RADIUS_PX) + beyond).astype(np.float32)
