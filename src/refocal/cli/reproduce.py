"""The verb ``reproduce``: measure a published table again, and write page, figures and cells into a folder."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from refocal.catalog import find
from refocal.cli.flags import Parser, add_device, say, whole_number
from refocal.datasets import open_dataset
from refocal.inference.network_file import use_device
from refocal.progress import labelled_progress
from refocal.tables import TABLES
from refocal.tables.cells import cells, to_csv
from refocal.tables.measure import measure
from refocal.tables.page import page
from refocal.tables.published import Settings
from refocal.types import InputError


def command(words: list[str]) -> int:
    """Measure a table and print its page."""
    about = "Measure a published table again, ours beside theirs in every cell; the page goes to stdout."
    parser = Parser(prog="refocal reproduce", description=about)
    files = parser.add_argument_group("what is measured and written")
    files.add_argument("table", metavar="PAPER:TABLE", help=", ".join(TABLES))
    files.add_argument("-o", "--out", type=Path, metavar="OUT", help="folder for the files [reproduced/PAPER-TABLE]")
    files.add_argument("--data-root", type=Path, metavar="DIR", help="folder that holds the data sets [$REFOCAL_DATA]")
    about = "your own METHOD.onnx files, run instead of ours"
    files.add_argument("--weights-dir", type=Path, metavar="DIR", help=about)
    how = parser.add_argument_group("how it runs")
    how.add_argument("--limit", type=whole_number(1), metavar="N", help="only N images per line, evenly spread")
    about = "images at a time [one for each core]"
    how.add_argument("--jobs", type=whole_number(1), default=os.cpu_count() or 1, metavar="N", help=about)
    add_device(how)
    values = parser.parse_intermixed_args(words)
    use_device(values.device)
    text = reproduce(
        values.table, values.out, Settings(values.data_root, values.weights_dir, values.limit, values.jobs)
    )
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(text))
    else:
        sys.stdout.write(text)
    return 0


def reproduce(name: str, out: str | Path | None = None, settings: Settings | None = None) -> str:
    """Measure a published table again.

    Writes into the folder ``TABLE.md`` (the page), ``TABLE.csv`` (one row per cell), ``TABLE.pictures.jsonl`` (the
    figures of every image, from which an interrupted run resumes) and ``TABLE_figure_N.png``, and replaces existing
    ones; estimated blur maps are kept in ``maps/``.

    Args:
        name: Key in ``TABLES``, such as ``sharpness_loss:I``.
        out: Folder, created if it doesn't exist; by default ``reproduced/PAPER-TABLE``.
        settings: Places of data and weights, and limits.

    Returns:
        The page, in Markdown.

    Raises:
        InputError: If there is no such table, data set or folder.
    """
    from refocal.files.whole import write_whole

    table = find(TABLES, name, "table").make()
    stem = name.replace(":", "-")
    folder = Path(out or f"reproduced/{stem}")
    settings = replace(settings or Settings(), cache=folder / f"{stem}.pictures.jsonl")
    if settings.weights_dir is not None and not settings.weights_dir.is_dir():
        raise InputError(f"There is no folder of weights {settings.weights_dir}.")
    if folder.is_file():
        raise InputError(f"{folder} is a file; give a folder to write the table into.")
    for data in table.data:
        open_dataset(data, settings.data_root)  # refuse a missing set before a folder is made
    folder.mkdir(parents=True, exist_ok=True)
    with labelled_progress() as show:
        measured, missing = measure(table, settings, show)
    found = cells(table, measured)
    files = {}
    for head, draw in table.pictures.items():
        try:
            files[f"{stem}_{head}.png"] = draw(table, found, settings)
        except InputError as error:
            missing.append(f"{stem}_{head}.png wasn't drawn: {str(error).rstrip('.')}.")
    text = page(table, found, missing)
    files |= {f"{stem}.csv": to_csv(found).encode(), f"{stem}.md": text.encode()}
    for file, content in files.items():
        write_whole(folder / file, content, overwrite=True)
    say(f"Written into {folder}: {', '.join(files)}")
    return text
