"""How far a map can be believed that was spread from values at edges."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from refocal.propagation import domain_transform

Floats = npt.NDArray[np.floating]

_RANGE, _NUM_ITER = 3.75, 5  # the domain transform's settings in Karaali and Jung 2018


def edge_confidence(radius: Floats, mask: Floats, guide: Floats) -> Floats:
    """From 0 to 1: many edges near by, and agreeing ones.

    Args:
        radius: (H, W), read where ``mask`` isn't 0.
        mask: (H, W), 1 on edges.
        guide: The photo, (K, H, W), range [0, 1].

    Returns:
        (H, W) float32.
    """
    reach = min(mask.shape) / 16
    density = np.maximum(domain_transform.domain_transform(mask, guide, reach, _RANGE, _NUM_ITER), 0)
    mean, square = domain_transform.spread(np.stack([radius, radius**2]), mask, guide, reach, _RANGE, _NUM_ITER)
    variance = np.maximum(square - mean**2, 0)
    enough = density / (density + 0.01)
    # Values that differ by half a pixel, or by a quarter of themselves, halve the trust.
    return (enough / (1 + variance / np.maximum(0.5, mean / 4) ** 2)).astype(np.float32)
