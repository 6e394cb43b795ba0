"""The command line: verbs only; each parses its words, calls one function and prints.

Nothing heavy is imported before a verb needs it: ``refocal --help`` answers at once.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from refocal.catalog import Entry, find
from refocal.cli.flags import (
    Parser,
    Version,
    add_device,
    add_method,
    add_overwrite,
    check_out,
    flag,
    number,
    parse_with_method,
    whole_number,
)
from refocal.types import InputError

_ABOUT = "Take an out-of-focus photo, give back a sharper one, and say honestly what could not be saved."
_VERBS: dict[str, Entry] = {
    "deblur": Entry("refocal.cli:_deblur", "restore photos"),
    "map": Entry("refocal.cli:_map", "estimate how blurred each pixel of a photo is"),
    "blur": Entry("refocal.cli.blur:command", "take a sharp photo out of focus"),
    "methods": Entry("refocal.cli:_methods", "list the methods"),
    "evaluate": Entry("refocal.cli:_evaluate", "measure a method on a data set"),
    "reproduce": Entry("refocal.cli.reproduce:command", "measure a published table again"),
    "crops": Entry("refocal.cli.train:crops", "pack photos to train on"),
    "train": Entry("refocal.cli.train:train", "train a network by a recipe"),
    "export": Entry("refocal.cli.train:export", "make a trained network ready to use"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: Its words, without the program's name; those of the process if not given.

    Returns:
        The exit code: 0 done, 1 some files failed, 2 the user's mistake (told in one sentence on stderr), 130 Ctrl-C.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if "--" in words:  # what follows are names, also where they begin with a dash
        end = words.index("--")
        words[end:] = [f"./{word}" if word.startswith("-") else word for word in words[end + 1 :]]
    try:
        code = _dispatch(words)
        sys.stdout.flush()
    except InputError as error:
        return _complain(str(error), 2)
    except KeyboardInterrupt:
        return _complain("Interrupted.", 130)
    except BrokenPipeError:  # `refocal methods | head`: whoever read has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # a folder that may not be entered, a name too long, a full disk
        mistake = error.filename is not None and error.errno in (
            errno.EACCES,
            errno.EPERM,
            errno.ENAMETOOLONG,
            errno.EISDIR,
        )
        return _complain(f"{error.filename}: {error.strerror}." if mistake else f"{error}.", 2 if mistake else 1)
    except MemoryError:
        return _complain("There isn't enough memory for this; use a smaller photo or smaller numbers.", 1)
    except SystemExit as error:  # argparse, after --help or --version
        return int(error.code or 0)
    return code


def _dispatch(words: list[str]) -> int:
    if words and words[0] in _VERBS:
        code: int = _VERBS[words[0]].load()(words[1:])
        return code
    lines = "\n".join(f"  {name:<10}{entry.about}" for name, entry in _VERBS.items())
    parser = Parser(
        prog="refocal",
        description=_ABOUT,
        usage="refocal COMMAND ...",
        epilog=f"commands:\n{lines}\n\nrefocal COMMAND --help tells more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=Version, help="print the version and exit")
    if not words:
        parser.print_help(sys.stderr)
        return 2
    if not words[0].startswith("-"):
        find(_VERBS, words[0], "command")
    parser.parse_args(words)
    return 2


def _deblur(words: list[str]) -> int:
    from refocal.methods import DEFAULT_WITH_BLUR, METHODS

    parser = _verb("deblur", "Restore photos: files, folders (to the bottom) and patterns such as 'trip/**/*.jpg'.")
    parser.add_argument("inputs", nargs="+", metavar="IN", help="photo, folder or pattern")
    parser.add_argument("-o", "--out", required=True, metavar="OUT", help="folder; or a file, if one photo goes in")
    told = any(word.partition("=")[0] in ("--radius-px", "--estimator", "--map") for word in words)
    add_method(parser, DEFAULT_WITH_BLUR if told else "default")
    parser.add_argument("--strength", type=number(0, 1), default=1.0, metavar="S", help="0 keeps, 1 restores fully [1]")
    parser.add_argument("--mask", metavar="FILE", help="picture of the same size: white is restored, black is kept")
    parser.add_argument("--radius-px", type=number(0, 100), metavar="R", help="radius of the blur, the same everywhere")
    parser.add_argument("--estimator", metavar="E", help=f"how the blur is estimated: {', '.join(_estimators())}")
    parser.add_argument("--map", metavar="FILE", help="blur map: .npy or .tif in pixels, or from refocal map")
    parser.add_argument("--save-map", action="store_true", help="write the blur map beside each photo, as NAME_map.png")
    parser.add_argument(
        "--report", type=Path, metavar="FILE.html", help="write a page with every photo before and after"
    )
    parser.add_argument("--log", type=Path, metavar="FILE.jsonl", help="append a line of JSON per photo")
    parser.add_argument("--tile-px", type=whole_number(1), metavar="N", help="restore in tiles of N x N pixels")
    add_device(parser)
    add_overwrite(parser)
    values, method = parse_with_method(parser, words)
    if (values.estimator, bool(values.map)) == ("from-file", True):
        values.estimator = None  # it is the map that --map names
    known = [flag(name) for name in ("radius_px", "map") if getattr(values, name) is not None]
    if len(known) + (values.estimator is not None) > 1:
        raise InputError(
            f"Give {(*known, '--estimator')[0]} or {(*known, '--estimator')[1]}, not both: one blur is enough."
        )
    from refocal.inference.network_file import use_device

    use_device(values.device)
    _find_estimator(values.estimator)
    if values.method in METHODS and not METHODS[values.method].needs:
        silent = () if hasattr(method, "restore_and_map") else ("save_map",)
        for name in ("radius_px", "estimator", "map", *silent):
            if getattr(values, name):
                _say(f"{values.method} uses no blur, so {flag(name)} changes nothing.")
                setattr(values, name, None)

    from refocal.batch.deblur_files import Settings, deblur_files, read_mask
    from refocal.batch.plan import plan
    from refocal.images.map_files import read_map

    jobs = plan(values.inputs, values.out, save_map=values.save_map, overwrite=values.overwrite)
    mask = None if values.mask is None else read_mask(values.mask)
    known_map = None if values.map is None else read_map(values.map)
    how = (values.radius_px, known_map, values.estimator, values.strength, mask, values.tile_px, values.overwrite)
    settings = Settings(values.method, method, *how)
    return deblur_files(jobs, settings, report=values.report, log=values.log)


def _map(words: list[str]) -> int:
    parser = _verb("map", "Estimate the radius of the circle of confusion, in pixels, at every pixel of a photo.")
    parser.add_argument("input", nargs="?", metavar="IN", help="photo")
    parser.add_argument("--left", metavar="L", help="left view of a dual-pixel photo, in place of IN")
    parser.add_argument("--right", metavar="R", help="right view")
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="OUT", help=".npy, .tif or .png (1/256 px)")
    parser.add_argument("--estimator", default="default", metavar="E", help=", ".join(_estimators()))
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
    _find_estimator(values.estimator)

    from refocal.images.map_files import check_map_name, write_map
    from refocal.restore import estimate_blur

    check_map_name(values.out)
    check_out(values.input or values.left, values.out, values.overwrite)
    radius_px = estimate_blur(views or values.input, values.estimator)
    meaning = write_map(values.out, radius_px, overwrite=values.overwrite)
    _say(f"{values.out}: {meaning}, from {radius_px.min():.2f} to {radius_px.max():.2f} px")
    return 0


def _methods(words: list[str]) -> int:
    parser = _verb("methods", "List the methods. refocal deblur --method NAME --help tells the options of one.")
    parser.add_argument("--json", action="store_true", help="as JSON")
    values = parser.parse_args(words)

    from refocal.methods import METHODS

    if values.json:
        import json

        rows = [{"name": n, "needs": e.needs, "about": e.about, "paper": e.paper} for n, e in METHODS.items()]
        _print(json.dumps(rows, indent=1))
        return 0
    lines = [("name", "needs", "what it does", "paper")]
    lines += [(name, entry.needs or "-", entry.about, entry.paper) for name, entry in METHODS.items()]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        _print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    return 0


def _evaluate(words: list[str]) -> int:
    from refocal.methods import METHODS

    parser = _verb("evaluate", "Measure a method on a data set; the table goes to stdout.")
    add_method(parser, None)
    parser.add_argument("--data", required=True, metavar="NAME_OR_DIR", help="data set, or folder of pairs")
    parser.add_argument("--data-root", metavar="DIR", help="folder that holds the data sets [$REFOCAL_DATA]")
    parser.add_argument("--metrics", default="psnr,ssim", metavar="A,B,...", help="[psnr,ssim]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="add the rows to this JSON file")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="add the rows to this CSV file")
    parser.add_argument("--given-blur", action="store_true", help="hand the true blur to the method")
    parser.add_argument("--estimator", metavar="E", help=f"how the blur is estimated: {', '.join(_estimators())}")
    parser.add_argument("--limit", type=whole_number(1), metavar="N", help="only the first N pictures")
    add_device(parser)
    values, method = parse_with_method(parser, words)
    metrics = [name.strip() for name in values.metrics.split(",") if name.strip()]
    if not metrics:
        raise InputError("Name at least one metric, such as --metrics psnr,ssim.")
    if values.given_blur and values.estimator is not None:
        raise InputError("Give --given-blur or --estimator, not both: one blur is enough.")
    from refocal.inference.network_file import use_device

    use_device(values.device)
    _find_estimator(values.estimator)
    for name in ("given_blur", "estimator"):
        if getattr(values, name) and not METHODS[values.method].needs:
            _say(f"{values.method} uses no blur, so {flag(name)} changes nothing.")
    files = [path for path in (values.json, values.csv) if path is not None]
    for path, suffix in ((values.json, ".json"), (values.csv, ".csv")):
        if path is not None and (path.suffix != suffix or path.is_dir() or not os.access(path.parent, os.W_OK)):
            raise InputError(
                f"{path} can't be written: give a name that ends in {suffix}, in a folder that may be written to."
            )

    from refocal.datasets import open_dataset
    from refocal.evaluation.evaluate import evaluate
    from refocal.evaluation.results import append_rows, read_rows, to_table, to_text

    for path in files:
        if path.exists():
            read_rows(path)  # refuse a file of another kind now, not after an hour of measuring
    rows = evaluate(
        method,
        open_dataset(values.data, values.data_root),
        metrics,
        blur="given" if values.given_blur else values.estimator,
        limit=values.limit,
        progress=lambda done, count, name: _say(f"[{done}/{count}] {name}"),
    )
    for path in files:
        append_rows(path, rows)
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(to_table(rows))
    else:
        _print(to_text(rows))
    return 0


def _verb(name: str, about: str) -> Parser:
    return Parser(prog=f"refocal {name}", description=about, allow_abbrev=False)


def _estimators() -> list[str]:
    from refocal.estimators import ESTIMATORS

    return list(ESTIMATORS)


def _find_estimator(name: str | None) -> None:
    from refocal.estimators import make_estimator

    if name == "from-file":
        raise InputError("The estimator from-file reads a map that you have: name it, refocal deblur --map FILE.")
    if name is not None:
        make_estimator(name)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


def _complain(text: str, code: int) -> int:
    _say(f"refocal: {text}")
    return code
