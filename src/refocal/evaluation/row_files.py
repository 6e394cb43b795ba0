"""Rows of a frozen dataclass in CSV and JSON files, written whole and appended by several processes."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from refocal.types import InputError

R = TypeVar("R")

_READERS: dict[Any, type] = {"str": str, "int": int, "float": float}  # a field's type is its annotation's text


def columns_of(kind: type[Any]) -> tuple[str, ...]:
    """Names of the fields of a row, in the order of the columns."""
    return tuple(field.name for field in fields(kind))


def write(path: str | Path, rows: Sequence[Any], kind: type[Any]) -> None:
    """Write rows to a .csv or .json file, replacing it in one step: a reader gets the old file or the new one.

    Raises:
        InputError: If the name ends otherwise.
    """
    from refocal.files.whole import write_whole

    path = Path(path)
    if path.suffix == ".csv":
        text = to_csv(rows, kind)
    elif path.suffix == ".json":
        text = json.dumps([_plain(row) for row in rows], indent=1, allow_nan=False) + "\n"
    else:
        raise InputError(f"Rows go to a .csv or a .json file, not to {path.name!r}.")
    write_whole(path, text.encode(), overwrite=True)


def append(path: str | Path, rows: Sequence[Any], kind: type[Any]) -> None:
    """Append rows to a .csv or .json file, or create it; replaced in one step as in ``write``.

    Several processes may append to one file at the same time: they wait for each other.

    Raises:
        InputError: If the file holds something else, or can't be written.
    """
    from refocal.files.records import exclusive

    path = Path(path)
    with exclusive(path):
        write(path, [*(read(path, kind) if path.exists() else []), *rows], kind)


def read(path: str | Path, kind: type[R]) -> list[R]:
    """Read what ``write`` wrote.

    Raises:
        InputError: If the file's columns aren't those of the kind.
    """
    path = Path(path)
    every: tuple[Any, ...] = fields(kind)  # type: ignore[arg-type]  # a dataclass
    try:
        text = path.read_text(encoding="utf-8")
        records = json.loads(text) if path.suffix == ".json" else list(csv.DictReader(io.StringIO(text)))
        return [kind(**{f.name: _READERS[f.type](record[f.name]) for f in every}) for record in records]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} doesn't hold rows of an evaluation: expected the columns {', '.join(columns_of(kind))}."
        ) from error


def to_csv(rows: Sequence[Any], kind: type[Any]) -> str:
    """The rows as CSV text with a header; numbers in full precision."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns_of(kind), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()


def _plain(row: Any) -> dict[str, Any]:
    """A dict for JSON, which has no infinity: the PSNR of identical images becomes the text "inf"."""
    return {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(row).items()
    }
