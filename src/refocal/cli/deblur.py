"""The verb ``deblur``: restore photos."""

from __future__ import annotations

from pathlib import Path

from refocal.cli.flags import (
    Parser,
    add_device,
    add_method,
    add_overwrite,
    check_estimator,
    estimator_names,
    flag,
    number,
    parse_with_method,
    say,
    whole_number,
)
from refocal.types import InputError

BLUR_FLAGS = ("--radius-px", "--estimator", "--map")
"""The flags that give the blur."""


def command(words: list[str]) -> int:
    """Restore files, folders and patterns of photos."""
    from refocal.methods import DEFAULT_WITH_BLUR, METHODS

    parser = Parser(
        prog="refocal deblur",
        description="Restore photos: files, folders (with all subfolders) and patterns such as 'trip/**/*.jpg'.",
    )
    parser.add_argument("inputs", nargs="+", metavar="IN", help="photo, folder or pattern")
    parser.add_argument("-o", "--out", required=True, metavar="OUT", help="folder; or a file, for a single photo")
    add_method(parser, "default")
    parser.add_argument("--strength", type=number(0, 1), default=1.0, metavar="S", help="0 keeps, 1 restores fully [1]")
    parser.add_argument("--mask", metavar="FILE", help="image of the same size: white is restored, black is kept")
    parser.add_argument("--radius-px", type=number(0, 100), metavar="R", help="radius of the blur, the same everywhere")
    parser.add_argument("--estimator", metavar="E", help=f"blur-map estimator: {', '.join(estimator_names())}")
    parser.add_argument("--map", metavar="FILE", help="blur map: .npy or .tif in pixels, or from refocal map")
    parser.add_argument("--save-map", action="store_true", help="write the blur map beside each photo, as NAME_map.png")
    parser.add_argument(
        "--report", type=Path, metavar="FILE.html", help="write a page with every photo before and after"
    )
    parser.add_argument("--log", type=Path, metavar="FILE.jsonl", help="append a line of JSON per photo")
    parser.add_argument("--tile-px", type=whole_number(16), metavar="N", help="restore in tiles of N x N pixels")
    add_device(parser)
    add_overwrite(parser)
    values, name, method = parse_with_method(parser, words, with_blur=(BLUR_FLAGS, DEFAULT_WITH_BLUR))
    if (values.estimator, bool(values.map)) == ("from-file", True):
        values.estimator = None  # the map that --map names
    given = [word for word in ("--radius-px", "--map", "--estimator") if getattr(values, _field(word)) is not None]
    if len(given) > 1:
        raise InputError(f"Give {given[0]} or {given[1]}, not both: one blur is enough.")
    from refocal.inference.network_file import use_device
    from refocal.restore import facts_of

    use_device(values.device)
    check_estimator(values.estimator)
    if not METHODS[name].needs:
        unused = ("radius_px", "estimator", "map", *(() if facts_of(method).restore_and_map else ("save_map",)))
        for field in unused:
            if getattr(values, field):
                say(f"{name} uses no blur, so {flag(field)} changes nothing.")
                setattr(values, field, None)
    elif values.method == "default":
        say(f"default takes no blur: {name} undoes the one of {given[0]}.")

    from refocal.batch.deblur_files import Settings, deblur_files, read_mask
    from refocal.batch.plan import plan
    from refocal.images.map_files import read_map

    jobs = plan(values.inputs, values.out, save_map=values.save_map, overwrite=values.overwrite)
    settings = Settings(
        name,
        method,
        radius_px=values.radius_px,
        map_px=None if values.map is None else read_map(values.map),
        estimator=values.estimator,
        strength=values.strength,
        mask=None if values.mask is None else read_mask(values.mask),
        tile_px=values.tile_px,
        overwrite=values.overwrite,
    )
    return deblur_files(jobs, settings, report=values.report, log=values.log)


def _field(word: str) -> str:
    return word.removeprefix("--").replace("-", "_")
