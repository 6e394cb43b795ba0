"""The measuring loop of ``evaluate`` and of every published table: restore, time, check and score each image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from refocal.datasets import Pair, Protocol
from refocal.evaluation.scoring import Metric, score
from refocal.evaluation.workers import Runs, restore_each
from refocal.types import Image, InputError


@dataclass(frozen=True)
class Input:
    """One image to restore and everything that its scores need.

    Attributes:
        pair: The image of the data set.
        protocol: Protocol of the data set.
        image: What the method gets, (C, H, W).
        blur: The blur that the method gets with it; None if it gets none.
        metrics: Name -> metric of this image.
    """

    pair: Pair
    protocol: Protocol
    image: Image
    blur: Any
    metrics: Mapping[str, Metric]


def restore_and_score(
    method: Runs,
    inputs: Sequence[Input],
    name: str,
    *,
    jobs: int = 1,
    to_scored: Callable[[Image], Image] | None = None,
    keep: Callable[[Pair, Protocol, Image], None] | None = None,
) -> Iterator[tuple[dict[str, float], float]]:
    """Restore images in their order, and score each under the protocol of its data set.

    Args:
        method: Called with each image and its blur.
        inputs: Images, blurs and metrics.
        name: Name of the method, for errors.
        jobs: Number of parallel processes.
        to_scored: Makes the image that is scored from the restored one, such as by rounding it to 8 bits.
        keep: Called with each restored image, to save it.

    Yields:
        The figure of each metric, and the seconds that the restoration took.

    Raises:
        InputError: If the method returns an image of another shape.
    """
    restored_images = restore_each(method, [(each.image, each.blur) for each in inputs], jobs)
    for each, (restored, seconds) in zip(inputs, restored_images, strict=True):
        if restored.shape != each.image.shape:
            raise InputError(f"{name} returned {tuple(restored.shape)} for an image of {each.image.shape}.")
        scored = restored if to_scored is None else to_scored(restored)
        pair, protocol, blur = each.pair, each.protocol, each.blur
        if keep is not None:
            keep(pair, protocol, restored)
        yield {key: score(metric, scored, pair, protocol, blur) for key, metric in each.metrics.items()}, seconds
