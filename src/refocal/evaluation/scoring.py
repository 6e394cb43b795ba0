"""One number for one image: channels, border, fit and mask as the protocol of the data set says."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from refocal.catalog import Entry, find
from refocal.datasets import Pair, Protocol
from refocal.images.colour import luma
from refocal.metrics import METRICS
from refocal.metrics.inputs import any_range
from refocal.optics.blur import BlurMap
from refocal.types import Array, Image, InputError


@dataclass(frozen=True)
class Metric:
    """A metric that is loaded.

    Attributes:
        name: Key in ``METRICS``.
        needs: What it compares with: ``"sharp"``, ``"map"`` (the true blur map) or nothing.
        function: The metric.
    """

    name: str
    needs: str
    function: Callable[..., Array]

    @classmethod
    def of(cls, name: str) -> Metric:
        """Load a metric.

        Raises:
            InputError: If there is no such metric.
        """
        entry: Entry[Array] = find(METRICS, name, "metric")
        return cls(name, entry.needs, entry.load())

    def can_score(self, pair: Pair) -> bool:
        """Whether the pair holds what the metric compares with."""
        if self.needs == "map":
            return true_radius(pair)[0] is not None
        return not self.needs or pair.sharp is not None


def score(metric: Metric, restored: Image, pair: Pair, protocol: Protocol, blur: BlurMap | None = None) -> float:
    """Score one image, or the blur map that it was restored with.

    Args:
        metric: An image metric, or one of blur maps.
        restored: (C, H, W).
        pair: The pair that was restored; its ``"mask"`` weights the pixels.
        protocol: The protocol of its data set.
        blur: The map that a metric of maps scores.

    Raises:
        InputError: If the pair lacks what the metric compares with, or the metric takes no mask and the pair has one.
    """
    if metric.needs == "map":
        true, valid = true_radius(pair)
        if blur is None or true is None:
            raise InputError(f"Metric {metric.name!r} needs the true blur map, unknown for {pair.name!r}.")
        return float(metric.function(blur.radius_px, true, **({} if valid is None else {"mask": valid})))
    if metric.needs == "sharp" and pair.sharp is None:
        raise InputError(f"Metric {metric.name!r} needs a sharp image, and {protocol.data!r} has none.")
    sharp, mask = pair.sharp, pair.extras.get("mask")
    if protocol.channels == "luma":
        restored, sharp = luma(restored), None if sharp is None else luma(sharp)
    restored, sharp, mask = (_inside(array, protocol.border_px) for array in (restored, sharp, mask))
    if protocol.fit == "gain-offset" and sharp is not None:
        restored = fit_gain_offset(restored, sharp, mask)
    if mask is not None and "mask" not in inspect.signature(metric.function).parameters:
        raise InputError(f"Metric {metric.name!r} takes no mask, so it can't be measured on {protocol.data!r}.")
    weights = {} if mask is None else {"mask": mask}
    with any_range():  # the fit isn't clipped
        return float(metric.function(*((restored, sharp) if metric.needs else (restored,)), **weights))


def true_radius(pair: Pair) -> tuple[Array | None, Array | None]:
    """The true radius (H, W), or what grows in proportion to it, and the mask of its valid pixels.

    Returns:
        None for a radius that is unknown; None for a mask where every pixel is valid.
    """
    if "radius_px" in pair.extras:
        return pair.extras["radius_px"], None
    if "defocus" in pair.extras:
        return pair.extras["defocus"], pair.extras.get("valid")
    blur = pair.extras.get("blur")
    return (blur.radius_px, None) if isinstance(blur, BlurMap) else (None, None)


def fit_gain_offset(restored: Image, sharp: Image, mask: Array | None = None) -> Image:
    """The image ``gain * restored + offset`` nearest to ``sharp`` by (weighted) least squares; not clipped.

    Args:
        restored: (C, H, W).
        sharp: Same shape.
        mask: Weights (H, W) of the pixels.

    Returns:
        (C, H, W) in the dtype of ``restored``; one gain and one offset for all channels.
    """
    x, y = restored.astype(np.float64), sharp.astype(np.float64)
    weight = np.broadcast_to(1.0 if mask is None else mask, x.shape)
    mean_x, mean_y = np.average(x, weights=weight), np.average(y, weights=weight)
    variance = np.average((x - mean_x) ** 2, weights=weight)
    gain = np.average((x - mean_x) * (y - mean_y), weights=weight) / variance if variance > 0 else 0.0
    return (gain * (x - mean_x) + mean_y).astype(restored.dtype)


def _inside(array: Array | None, border_px: int) -> Array | None:
    if array is None or border_px == 0:
        return array
    return array[..., border_px:-border_px, border_px:-border_px]
