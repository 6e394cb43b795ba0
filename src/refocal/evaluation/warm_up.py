"""A first run that isn't timed: it loads networks and libraries, which is no part of a method's time per image."""

from __future__ import annotations

from refocal.datasets import Pair
from refocal.evaluation.blur_source import BlurSource
from refocal.evaluation.workers import Runs
from refocal.optics.blur import BlurMap

CORNER_PX = 256
"""Side of the corner that is restored: larger than the context of most networks, and seconds at most."""


def warm_up(run: Runs, pair: Pair, source: BlurSource) -> None:
    """Restore a corner of an image as it will be restored whole, and drop the result."""
    corner = corner_of(pair, CORNER_PX)
    run(corner.blurred, source.of(corner))


def corner_of(pair: Pair, side_px: int) -> Pair:
    """The upper left corner of a pair's image, views and blur; all of them where they are smaller."""
    rows = columns = slice(0, side_px)
    extras = {name: pair.extras[name][..., rows, columns] for name in ("left", "right") if name in pair.extras}
    blur = pair.extras.get("blur")
    if blur is not None:
        extras["blur"] = blur.crop(rows, columns) if isinstance(blur, BlurMap) else blur
    return Pair(pair.blurred[..., rows, columns], None, pair.name, extras)
