"""Image metrics, one number per image, and blur-map metrics, one number per map.

Every image metric takes (..., channel, height, width), NumPy array or torch tensor, and returns (...): never an average
over the batch. ``refocal.metrics.psnr(restored, sharp)`` and the other functions are imported on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from refocal.catalog import Entry
from refocal.types import Array

if TYPE_CHECKING:
    from refocal.metrics.fidelity import mae, psnr
    from refocal.metrics.map_errors import affine_invariant_error, map_mae, spearman
    from refocal.metrics.perceptual import lpips
    from refocal.metrics.sharpness import q
    from refocal.metrics.structural import ssim

__all__ = ["METRICS", "affine_invariant_error", "lpips", "mae", "map_mae", "psnr", "q", "spearman", "ssim"]

_SSIM = "Wang et al. 2004"
_Q = "Zhu and Milanfar 2010"
_GARG = "Garg et al. 2019"

METRICS: dict[str, Entry[Array]] = {
    "psnr": Entry("refocal.metrics.fidelity:psnr", "peak signal-to-noise ratio in dB, data range 1", "sharp"),
    "ssim": Entry(
        "refocal.metrics.structural:ssim", "SSIM, 7x7 uniform window (scikit-image's default)", "sharp", _SSIM
    ),
    "ssim-gaussian11": Entry(
        "refocal.metrics.structural:ssim_gaussian11", "SSIM, 11x11 Gaussian window (tf.image.ssim)", "sharp", _SSIM
    ),
    "mae": Entry("refocal.metrics.fidelity:mae", "mean absolute error", "sharp"),
    "q": Entry("refocal.metrics.sharpness:q", "sharpness Q of the luma, as papers report it", "", _Q),
    "q-zm": Entry("refocal.metrics.sharpness:q_zm", "sharpness Q, exactly as first published", "", _Q),
    "q-tf": Entry(
        "refocal.metrics.sharpness:q_tf", "sharpness Q, Sobel and eigenvalues", "", "Aurangabadkar et al. 2024"
    ),
    "lpips": Entry("refocal.metrics.perceptual:lpips", "LPIPS v0.1, SqueezeNet", "sharp", "Zhang et al. 2018"),
    "map-mae": Entry("refocal.metrics.map_errors:map_mae", "mean absolute error of a blur map, in its unit", "map"),
    "affine-invariant-error-1": Entry(
        "refocal.metrics.map_errors:affine_invariant_error_1",
        "AI(1): mean error after the best affine fit",
        "map",
        _GARG,
    ),
    "affine-invariant-error-2": Entry(
        "refocal.metrics.map_errors:affine_invariant_error_2",
        "AI(2): rms error after the best affine fit",
        "map",
        _GARG,
    ),
    "spearman": Entry("refocal.metrics.map_errors:spearman", "rank correlation of two maps, -1 to 1", "map"),
}
"""Name -> metric, called with (restored, sharp) where ``needs`` is ``"sharp"``, with (image) where it is ``""``, and
with (estimated, true) maps where it is ``"map"``."""

_FILE_OF = {
    "affine_invariant_error": "map_errors",
    "lpips": "perceptual",
    "mae": "fidelity",
    "map_mae": "map_errors",
    "psnr": "fidelity",
    "q": "sharpness",
    "spearman": "map_errors",
    "ssim": "structural",
}


def __getattr__(name: str) -> Any:
    """Import a metric on first use."""
    if name not in _FILE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_FILE_OF[name]}"), name)


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return __all__
