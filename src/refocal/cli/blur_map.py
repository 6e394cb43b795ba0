"""The verb ``map``: estimate how blurred each pixel of a photo is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from refocal.cli.flags import Parser, add_device, add_overwrite, check_estimator, check_out, estimator_names, say
from refocal.types import InputError


def command(words: list[str]) -> int:
    """Estimate a blur map and write it to a file."""
    parser = Parser(
        prog="refocal map",
        description="Estimate the radius of the circle of confusion, in pixels, at every pixel of a photo.",
    )
    parser.add_argument("input", nargs="?", metavar="IN", help="photo")
    parser.add_argument("--left", metavar="L", help="left view of a dual-pixel photo, instead of IN")
    parser.add_argument("--right", metavar="R", help="right view")
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="OUT", help=".npy, .tif or .png (1/256 px)")
    parser.add_argument("--estimator", default="default", metavar="E", help=", ".join(estimator_names()))
    add_device(parser)
    add_overwrite(parser)
    values = parser.parse_intermixed_args(words)
    views = [view for view in (values.left, values.right) if view is not None]
    if (values.input is None) == (not views):
        raise InputError("Give a photo, IN, or its two views, --left and --right: one or the other.")
    if len(views) == 1:
        raise InputError("Give both views of the photo: --left and --right.")
    from refocal.inference.network_file import use_device

    use_device(values.device)
    check_estimator(values.estimator)

    from refocal.api import estimate_blur
    from refocal.images.io import read
    from refocal.images.map_files import check_map_name, write_map

    check_map_name(values.out)
    check_out(values.input or values.left, values.out, values.overwrite)
    photos = [read(name) for name in views or [values.input]]
    given: Any = photos if views else photos[0]
    radius_px = estimate_blur(given, values.estimator)
    meaning = write_map(values.out, radius_px, overwrite=values.overwrite)
    for photo in photos:
        if photo.damaged:
            say(" ".join(photo.notes))
    say(f"{values.out}: {meaning}, from {radius_px.min():.2f} to {radius_px.max():.2f} px")
    return 1 if any(photo.damaged for photo in photos) else 0
