"""The verb ``evaluate``: measure a method on a data set."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from refocal.cli.flags import (
    Parser,
    add_device,
    check_estimator,
    estimator_names,
    flag,
    put,
    say,
    whole_number,
)
from refocal.cli.method_flags import add_method, parse_with_method
from refocal.types import InputError


def command(words: list[str]) -> int:
    """Measure a method, print the table and append its rows to files."""
    from refocal.methods import METHODS, to_measure

    parser = Parser(prog="refocal evaluate", description="Measure a method on a data set; the table goes to stdout.")
    what = parser.add_argument_group("what is measured")
    add_method(what, None, prog=parser.prog)
    what.add_argument("--data", required=True, metavar="NAME_OR_DIR", help="data set, or folder of pairs")
    what.add_argument("--data-root", metavar="DIR", help="folder that holds the data sets [$REFOCAL_DATA]")
    what.add_argument("--metrics", default="psnr,ssim", metavar="A,B,...", help="[psnr,ssim]")
    what.add_argument("--limit", type=whole_number(1), metavar="N", help="only the first N images")
    blur = parser.add_argument_group("the blur, for methods that need one")
    blur.add_argument("--given-blur", action="store_true", help="give the method the true blur")
    blur.add_argument("--estimator", metavar="E", help=f"blur-map estimator: {', '.join(estimator_names())}")
    records = parser.add_argument_group("what is written besides")
    records.add_argument("--json", type=Path, metavar="FILE", help="append the rows to this JSON file")
    records.add_argument("--csv", type=Path, metavar="FILE", help="append the rows to this CSV file")
    add_device(parser.add_argument_group("how it runs"))
    values, name, method = parse_with_method(parser, words)
    if not any(word.partition("=")[0] in ("--target", "--bokeh") for word in words):
        method = to_measure(method)
    metrics = [metric.strip() for metric in values.metrics.split(",") if metric.strip()]
    if not metrics:
        raise InputError("Name at least one metric, such as --metrics psnr,ssim.")
    if values.given_blur and values.estimator is not None:
        raise InputError("Give --given-blur or --estimator, not both: one blur is enough.")
    from refocal.inference.network_file import use_device

    use_device(values.device)
    check_estimator(values.estimator)
    for field in ("given_blur", "estimator"):
        if getattr(values, field) and not METHODS[name].needs:
            say(f"{name} uses no blur, so {flag(field)} changes nothing.")
    files = [path for path in (values.json, values.csv) if path is not None]
    for path, suffix in ((values.json, ".json"), (values.csv, ".csv")):
        if path is not None and (path.suffix != suffix or path.is_dir() or not os.access(path.parent, os.W_OK)):
            raise InputError(f"{path} can't be written: give a name that ends in {suffix}, in a writable folder.")

    from refocal.datasets import open_dataset
    from refocal.evaluation.evaluate import evaluate
    from refocal.evaluation.results import append_rows, read_rows, to_table, to_text
    from refocal.files.whole import check_target

    for path in files:
        check_target(path, overwrite=True)
        if path.exists():
            read_rows(path)  # refuse a file of another kind now, not after an hour of measuring
    rows = evaluate(
        method,
        open_dataset(values.data, values.data_root),
        metrics,
        name=name,
        blur="given" if values.given_blur else values.estimator,
        limit=values.limit,
        progress=lambda done, count, picture: say(f"[{done}/{count}] {picture}"),
    )
    for path in files:
        append_rows(path, rows)
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(to_table(rows))
    else:
        put(to_text(rows), lines=True)
    return 0
