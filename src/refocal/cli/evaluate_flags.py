"""The flags of ``refocal evaluate``, and what of them is refused before anything is measured."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from refocal.cli.flags import Parser, add_device, add_overwrite, check_estimator, estimator_names, whole_number
from refocal.cli.method_flags import add_methods
from refocal.types import InputError


def evaluate_parser() -> Parser:
    """A parser with every flag, except the options of a method."""
    parser = Parser(
        prog="refocal evaluate",
        description="Measure methods, or finished results, on data sets; the table goes to stdout.",
    )
    group = parser.add_argument_group("what is measured")
    add_methods(group, prog=parser.prog)
    group.add_argument(
        "--results", type=Path, metavar="DIR", help="instead of a method: finished results, named like the images"
    )
    group.add_argument(
        "--data",
        required=True,
        action="append",
        metavar="NAME_OR_DIR",
        help="data set, or folder of pairs; several: the flag again",
    )
    group.add_argument("--data-root", metavar="DIR", help="folder that holds the data sets [$REFOCAL_DATA]")
    group.add_argument("--metrics", default="psnr,ssim", metavar="A,B,...", help="[psnr,ssim]")
    group.add_argument("--limit", type=whole_number(1), metavar="N", help="only the first N images")
    group = parser.add_argument_group("the blur, for methods that need one")
    group.add_argument("--given-blur", action="store_true", help="give the method the true blur")
    group.add_argument("--estimator", metavar="E", help=f"blur-map estimator: {', '.join(estimator_names())}")
    group = parser.add_argument_group("what is written")
    group.add_argument("--json", type=Path, metavar="FILE", help="append the rows to this JSON file")
    group.add_argument("--csv", type=Path, metavar="FILE", help="append the rows to this CSV file")
    group.add_argument(
        "--per-picture", type=Path, metavar="FILE", help="append one row per image and metric to this CSV file"
    )
    group.add_argument("--save", type=Path, metavar="DIR", help="save the restored images: DIR/METHOD/DATA/NAME.png")
    add_overwrite(group)
    add_device(parser.add_argument_group("how it runs"))
    return parser


def check_choice(values: argparse.Namespace, methods: Sequence[str]) -> list[str]:
    """Refuse flags that contradict each other.

    Returns:
        The names of the metrics.

    Raises:
        InputError: In one sentence.
    """
    if not methods and values.results is None:
        raise InputError("Name a method with --method, or a folder of finished results with --results.")
    if values.results is not None:
        given = {"--method": methods, "--save": values.save, "--given-blur": values.given_blur}
        for word, value in {**given, "--estimator": values.estimator}.items():
            if value:
                raise InputError(f"Give --results or {word}, not both: finished results aren't restored again.")
        if not values.results.is_dir():
            raise InputError(f"There is no folder of results {values.results}.")
    metrics = [metric.strip() for metric in values.metrics.split(",") if metric.strip()]
    if not metrics:
        raise InputError("Name at least one metric, such as --metrics psnr,ssim.")
    if values.given_blur and values.estimator is not None:
        raise InputError("Give --given-blur or --estimator, not both: one blur is enough.")
    check_estimator(values.estimator)
    return metrics


def check_files(values: argparse.Namespace) -> None:
    """Refuse a file for rows that can't be written or holds something else now, not after an hour of measuring.

    Raises:
        InputError: In one sentence.
    """
    from refocal.evaluation.pictures import read_picture_rows
    from refocal.evaluation.results import read_rows
    from refocal.files.whole import check_target

    files = ((values.json, ".json", read_rows), (values.csv, ".csv", read_rows))
    for path, suffix, read in (*files, (values.per_picture, ".csv", read_picture_rows)):
        if path is None:
            continue
        if path.suffix != suffix or path.is_dir() or not os.access(path.parent, os.W_OK):
            raise InputError(f"{path} can't be written: give a name that ends in {suffix}, in a writable folder.")
        check_target(path, overwrite=True)
        if path.exists():
            read(path)
    if values.csv is not None and values.per_picture is not None and _same(values.csv, values.per_picture):
        raise InputError(f"{values.csv} can't hold both kinds of rows: give --csv and --per-picture two names.")


def check_save(folder: Path, methods: Sequence[str], data: Sequence[str], *, overwrite: bool) -> None:
    """Refuse a place for results that can't be written, or holds some already.

    Args:
        folder: As for ``finished.saved_into``.
        methods: Names of the methods.
        data: Names of the data sets.
        overwrite: Whether existing files may be replaced.

    Raises:
        InputError: In one sentence.
    """
    from refocal.evaluation.finished import file_name, folder_of

    places = {file_name(name): name for name in data}
    if len(places) < len(data):
        raise InputError("Two of the data sets have the same name, so their results can't be saved beside each other.")
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f"{folder} can't be written: give the name of a folder, in a writable one.")
    for place in (folder_of(folder, method, name) for method in methods for name in data):
        if place.is_dir() and any(place.iterdir()) and not overwrite:
            raise InputError(f"{place} holds files already; choose another folder, or add --overwrite.")


def _same(first: Path, second: Path) -> bool:
    return os.path.realpath(first) == os.path.realpath(second)
