"""Rows of measured numbers: CSV and JSON files, and text tables."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refocal.printable import printable
from refocal.types import InputError

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One number of a table and everything it depends on.

    Attributes:
        method: Name of the method; ``identity`` is the blurred image as given.
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
        seconds_per_megapixel: Median over the images, blur estimation included.
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
COLUMNS = tuple(field.name for field in fields(Row))
_READERS: dict[Any, type] = {"str": str, "int": int, "float": float}  # a field's type is its annotation's text


def write_rows(path: str | Path, rows: Sequence[Row]) -> None:
    """Write rows to a .csv or .json file, replacing it in one step: a reader gets the old file or the new one.

    Raises:
        InputError: If the name ends otherwise.
    """
    from refocal.files.whole import write_whole

    path = Path(path)
    if path.suffix == ".csv":
        text = to_csv(rows)
    elif path.suffix == ".json":
        text = json.dumps([_plain(row) for row in rows], indent=1, allow_nan=False) + "\n"
    else:
        raise InputError(f"Rows go to a .csv or a .json file, not to {path.name!r}.")
    write_whole(path, text.encode(), overwrite=True)


def append_rows(path: str | Path, rows: Sequence[Row]) -> None:
    """Append rows to a .csv or .json file, or create it; replaced in one step as in ``write_rows``.

    Several processes may append to one file at the same time: they wait for each other.

    Raises:
        InputError: If the file holds something else, or can't be written.
    """
    from refocal.files.records import exclusive

    path = Path(path)
    with exclusive(path):
        write_rows(path, [*(read_rows(path) if path.exists() else []), *rows])


def read_rows(path: str | Path) -> list[Row]:
    """Read what ``write_rows`` wrote.

    Raises:
        InputError: If the file's columns aren't those of a ``Row``.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        records = json.loads(text) if path.suffix == ".json" else list(csv.DictReader(io.StringIO(text)))
        return [Row(**{f.name: _READERS[f.type](record[f.name]) for f in fields(Row)}) for record in records]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} doesn't hold rows of an evaluation: expected the columns {', '.join(COLUMNS)}."
        ) from error


def to_csv(rows: Sequence[Row]) -> str:
    """The rows as CSV text with a header; numbers in full precision."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()


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
    columns += [("s/MP", *(f"{pace:.2f}" for pace in paces))]
    return [column for column in columns if any(column[1:])]


def _digits(row: Row) -> str:
    """Decibels to 2 places, everything else to 4: what the papers print."""
    return f"{row.value:.2f}" if row.metric == "psnr" else f"{row.value:.4f}"


def _plain(row: Row) -> dict[str, Any]:
    """A dict for JSON, which has no infinity: the PSNR of identical images becomes the text "inf"."""
    return {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(row).items()
    }
