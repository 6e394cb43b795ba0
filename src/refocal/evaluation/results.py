"""Rows of measured numbers: CSV and JSON files, and text tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refocal.evaluation import row_files
from refocal.printable import printable

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One number of a table and everything it depends on.

    Attributes:
        method: Name of the method; ``identity`` is the blurred image as given, ``results:FOLDER`` a folder of finished
            results.
        options: The method's options where it was given as an object; empty for its defaults.
        weights_sha256: SHA-256 of the trained network's weights; empty where there is none.
        data: Name and option of the data set.
        depth: Bit depth of the images given to the method; this and the next three are the data set's ``Protocol``.
        channels: Channels that are compared.
        border_px: Pixels left out along each edge.
        fit: Whether gain and offset were fitted.
        blur: Source of the blur: ``estimated``, ``given``, or ``none`` when the method got none.
        metric: Name in ``METRICS``.
        ssim_window: Window of an SSIM: ``uniform7`` (scikit-image's default) or ``gaussian11`` (TensorFlow's); else
            empty.
        lpips_net: Network of an LPIPS; else empty.
        value: Mean over the images of the number per image.
        lowest: Minimum of the numbers per image.
        highest: Maximum of the numbers per image.
        n: Number of images.
        seconds_per_megapixel: Median over the images, blur estimation included, start-up left out; not a number for
            finished results.
        version: Version of refocal.
        commit: Short git hash, with ``-dirty`` after it when files were changed; empty outside a checkout.
        date: ISO 8601 day, UTC.
    """

    method: str
    options: str
    weights_sha256: str
    data: str
    depth: str
    channels: str
    border_px: int
    fit: str
    blur: str
    metric: str
    ssim_window: str
    lpips_net: str
    value: float
    lowest: float
    highest: float
    n: int
    seconds_per_megapixel: float
    version: str
    commit: str
    date: str


_WORDS = ("method", "options", "data", "blur")  # columns of words; the others hold numbers
COLUMNS = row_files.columns_of(Row)


def write_rows(path: str | Path, rows: Sequence[Row]) -> None:
    """Write rows to a .csv or .json file, as ``row_files.write`` does."""
    row_files.write(path, rows, Row)


def append_rows(path: str | Path, rows: Sequence[Row]) -> None:
    """Append rows to a .csv or .json file, or create it, as ``row_files.append`` does."""
    row_files.append(path, rows, Row)


def read_rows(path: str | Path) -> list[Row]:
    """Read what ``write_rows`` wrote.

    Raises:
        InputError: If the file's columns aren't those of a ``Row``.
    """
    return row_files.read(path, Row)


def to_csv(rows: Sequence[Row]) -> str:
    """The rows as CSV text with a header; numbers in full precision."""
    return row_files.to_csv(rows, Row)


def to_text(rows: Sequence[Row]) -> str:
    """The rows as a table of aligned plain text: one line per method, data set and blur, one column per metric."""
    columns = []
    for name, *cells in _columns(rows):
        width = max(map(len, (name, *cells)))
        align = str.ljust if name in _WORDS else str.rjust
        columns.append([align(cell, width) for cell in (name, *cells)])
    return "\n".join("  ".join(line).rstrip() for line in zip(*columns, strict=True))


def to_table(rows: Sequence[Row]) -> Table:
    """The same table for ``rich``; a narrow terminal folds words, but never numbers."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 1, 0, 0))
    columns = _columns(rows)
    for name, *cells in columns:
        if name in _WORDS:
            table.add_column(name, overflow="fold", min_width=min(max(map(len, cells)), 13))
        else:
            table.add_column(name.replace("-", "-\n"), justify="right", no_wrap=True)
    for line in zip(*(cells for _, *cells in columns), strict=True):
        table.add_row(*map(Text, line))  # Text: brackets in options are not markup
    return table


def _columns(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Head and cells of each column: rows that differ in nothing but the metric share a line."""
    metrics = list(dict.fromkeys(row.metric for row in rows))
    lines: dict[tuple[Any, ...], dict[str, Row]] = {}
    key: tuple[Any, ...]
    for row in rows:
        key = (row.method, row.options, row.data, row.blur, row.n, row.weights_sha256, row.depth, row.channels)
        key += (row.border_px, row.fit, row.version, row.commit, row.date)
        lines.setdefault(key, {})[row.metric] = row
    paces = [next(iter(found.values())).seconds_per_megapixel for found in lines.values()]
    columns = [(name, *(printable(str(key[i])) for key in lines)) for i, name in enumerate((*_WORDS, "n"))]
    columns += [(m, *(_digits(found[m]) if m in found else "" for found in lines.values())) for m in metrics]
    columns += [("s/MP", *("" if math.isnan(pace) else f"{pace:.2f}" for pace in paces))]
    return [column for column in columns if any(column[1:])]


def _digits(row: Row) -> str:
    """Decibels to 2 places, everything else to 4: what the papers print."""
    return f"{row.value:.2f}" if row.metric == "psnr" else f"{row.value:.4f}"
