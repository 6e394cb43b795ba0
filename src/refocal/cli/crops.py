"""The verb ``crops``: pack photos to train on."""

from __future__ import annotations

import argparse
from pathlib import Path

from refocal.cli.flags import Parser, check_out, flag, number, require_learn, say, whole_number
from refocal.types import InputError


def command(words: list[str]) -> int:
    """Pack photos into a file of crops."""
    parser = Parser(prog="refocal crops", description="Cut photos into one file of crops to train on.")
    files = parser.add_argument_group("what is read and written")
    files.add_argument(
        "folders", nargs="+", metavar="NAME_OR_DIR", help="folder of photos, with all subfolders; or data set"
    )
    files.add_argument("-o", "--out", required=True, type=Path, metavar="FILE.npy", help="file to write")
    files.add_argument("--data-root", metavar="DIR", help="folder that holds the data sets [$REFOCAL_DATA]")
    files.add_argument("--overwrite", action="store_true", help="replace the file if it exists")
    cut = parser.add_argument_group("how photos are cut")
    cut.add_argument("--side-px", type=whole_number(8), metavar="N", help="side of a crop [128; 340 with --maps]")
    cut.add_argument("--scales", metavar="A,B", help="sizes at which photos are cut [1,0.5]")
    about = "share of the crops that is left out, smoothest first [0]"
    cut.add_argument("--drop-smooth", type=number(0, 0.99), metavar="X", help=about)
    cut.add_argument("--seed", type=whole_number(0), default=0, metavar="N", help="seed of the photos' order [0]")
    kinds = parser.add_argument_group("kinds of crops, instead of sharp photos alone")
    kinds.add_argument("--pairs", action="store_true", help="pack a data set's blurred and sharp photos")
    about = "pack N blur maps with each photo, for svbr-net"
    kinds.add_argument("--maps", type=whole_number(1), metavar="N", help=about)
    about = "pack the inverse of depths beside photos: X_depth_mm.png, ..."
    kinds.add_argument("--depth", action="store_true", help=about)
    values = parser.parse_intermixed_args(words)
    require_learn()

    from refocal.learn.crops.blur_maps import SIDE_PX, pack_maps
    from refocal.learn.crops.depth import pack_depth
    from refocal.learn.crops.photos import pack, pack_pairs

    overwrite = values.overwrite
    check_out(values.folders[0], values.out, overwrite)
    asked = [name for name in ("pairs", "maps", "depth") if getattr(values, name)]
    if len(asked) > 1:
        raise InputError(f"Give --{asked[0]} or --{asked[1]}, not both: a file holds crops of one kind.")
    for name in ("scales", "drop_smooth"):
        if getattr(values, name) is not None and (values.pairs or values.maps):
            raise InputError(f"{flag(name)} goes with sharp photos, not with --{asked[0]}.")
    side_px = values.side_px or (SIDE_PX if values.maps else 128)
    if values.pairs:
        from refocal.datasets import open_dataset

        if len(values.folders) != 1:
            raise InputError("Give one data set with --pairs.")
        pairs = open_dataset(values.folders[0], values.data_root)
        count = pack_pairs(pairs, values.out, side_px, values.seed, overwrite=overwrite)
    elif values.maps:
        count = pack_maps(values.folders, values.out, values.maps, side_px, values.seed, overwrite=overwrite)
    else:
        scales = _scales(values.scales or "1,0.5")
        packing = pack_depth if values.depth else pack
        drop = values.drop_smooth or 0.0
        count = packing(values.folders, values.out, side_px, scales, drop, values.seed, overwrite=overwrite)
    say(f"{values.out}: {count} crops of {side_px} x {side_px} px.")
    return 0


def _scales(text: str) -> tuple[float, ...]:
    try:
        return tuple(number(0, 1, above=True)(part) for part in text.split(","))
    except (ValueError, argparse.ArgumentTypeError):
        raise InputError(f"Give --scales as numbers above 0 and at most 1 with commas between, not {text!r}.") from None
