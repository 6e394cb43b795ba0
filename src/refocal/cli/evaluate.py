"""The verb ``evaluate``: measure methods, or finished results, on data sets."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from refocal.cli.evaluate_flags import check_choice, check_files, check_save, evaluate_parser
from refocal.cli.flags import flag, put, say
from refocal.cli.method_flags import parse_with_methods

if TYPE_CHECKING:
    from refocal.datasets import Dataset
    from refocal.evaluation.evaluate import Evaluation
    from refocal.evaluation.results import Row

AS_A_USER = ("--target", "--bokeh")
"""Flags with which a method is measured as it runs on a photo; else it restores everything."""


def command(words: list[str]) -> int:
    """Measure every method on every data set, print the table and append the rows to files."""
    from refocal.methods import METHODS, to_measure

    values, methods = parse_with_methods(evaluate_parser(), words)
    if not any(word.partition("=")[0] in AS_A_USER for word in words):
        methods = {name: to_measure(method) for name, method in methods.items()}
    metrics = check_choice(values, list(methods))
    from refocal.inference.network_file import use_device

    use_device(values.device)
    for name in methods:
        for field in ("given_blur", "estimator"):
            if getattr(values, field) and not METHODS[name].needs:
                say(f"{name} uses no blur, so {flag(field)} changes nothing.")
    check_files(values)

    from refocal.datasets import open_dataset
    from refocal.evaluation.finished import Finished

    sets = [open_dataset(name, values.data_root) for name in dict.fromkeys(values.data)]
    if values.save is not None:
        check_save(values.save, list(methods), [data.protocol.data for data in sets], overwrite=values.overwrite)
    measured: dict[str, Any] = dict(methods)
    if values.results is not None:
        finished = Finished(values.results)
        measured = {finished.name: finished}
    runs = [(name, method, data) for name, method in measured.items() for data in sets]
    rows: list[Row] = []
    for name, method, data in runs:
        if len(runs) > 1:
            say(f"{name} on {data.protocol.data}:")
        found = _measured(name, method, data, metrics, values)
        _append(found, values)  # now: what is measured stays, whatever happens to the rest
        rows += found.rows
    _print(rows)
    return 0


def _measured(name: str, method: Any, data: Dataset, metrics: Sequence[str], values: argparse.Namespace) -> Evaluation:
    from refocal.evaluation.evaluate import evaluate_images
    from refocal.evaluation.finished import saved_into

    return evaluate_images(
        method,
        data,
        metrics,
        name=name,
        blur="given" if values.given_blur else values.estimator,
        limit=values.limit,
        keep=None if values.save is None else saved_into(values.save, name, overwrite=values.overwrite),
        progress=lambda done, count, picture: say(f"[{done}/{count}] {picture}"),
    )


def _append(found: Evaluation, values: argparse.Namespace) -> None:
    from refocal.evaluation.pictures import append_picture_rows, picture_rows
    from refocal.evaluation.results import append_rows

    for path in (values.json, values.csv):
        if path is not None:
            append_rows(path, found.rows)
    if values.per_picture is not None:
        append_picture_rows(values.per_picture, picture_rows(found))


def _print(rows: Sequence[Row]) -> None:
    from refocal.evaluation.results import to_table, to_text

    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(to_table(rows))
    else:
        put(to_text(rows), lines=True)
