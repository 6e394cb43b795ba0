"""The page of a table on several data sets: a grid for each, real scenes one by one, the protocol and the notes."""

from __future__ import annotations

from collections.abc import Sequence

from refocal.tables.cells import Cell, bullets, digits, when_measured
from refocal.tables.published import PublishedTable

ALL = "dpdd"
"""The set that the paper's figures are of."""

_PLACES = {"psnr": 2, "parameters": 2, "seconds": 2}  # as the paper prints; the others have three
_MEASURED = ("measured", "left out")


def page(table: PublishedTable, found: Sequence[Cell], more: Sequence[str] = ()) -> str:
    """The table as a page."""
    paper, _, number = table.name.partition(":")
    parts = [
        f"# {paper}, Table {number}",
        f"{table.title}. In every cell: refocal / published ({table.source}).",
    ]
    for data in (*table.data, *table.more_data):
        if not (means := grid(table, found, data)):
            continue
        parts += [f"## `{data}`{_count(found, data)}", means]
        parts += [text for column in ("psnr", "spearman") if (text := scenes(found, data, column))]
    parts += [
        "## Protocol\n\n" + bullets(table.protocol),
        "## Notes\n\n" + bullets([*more, *table.notes]),
        f"Measured {when_measured(found)}.",
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def grid(table: PublishedTable, found: Sequence[Cell], data: str) -> str:
    """The means over one data set in Markdown, beside the paper's for all of DPDD, or the same part of it; may be
    empty.
    """
    cells = {(row, cell.column): cell for cell in found if (row := _row(cell, data))}
    theirs = {
        (row, cell.column): cell.published
        for cell in found
        if (row := _row(cell, data if data in table.more_data else ALL))
    }
    known = {row for (row, _), cell in cells.items() if cell.ours is not None}
    known |= {row for (row, _), figure in theirs.items() if figure is not None}
    rows = [row for row in dict.fromkeys(row for row, _ in cells) if row in known]
    shown = [
        column
        for column in table.columns
        if any(cell.ours is not None for (_, name), cell in cells.items() if name == column.name)
        or any(theirs.get((row, column.name)) is not None for row in rows)
    ]
    if not rows:
        return ""
    lines = [(table.label_head, *(column.head for column in shown)), ["---"] * (len(shown) + 1)]
    for row in rows:
        texts = [_pair(cells.get((row, column.name)), theirs.get((row, column.name))) for column in shown]
        status = next(
            (cell.status for (of, _), cell in cells.items() if of == row and cell.status not in _MEASURED), ""
        )
        lines.append((f"{row} ({status})" if status else row, *texts))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def scenes(found: Sequence[Cell], data: str, column: str) -> str:
    """A line per scene of one measure, in Markdown; empty where scenes weren't measured one by one."""
    ours: dict[tuple[str, str], Cell] = {}
    for cell in found:
        row, _, rest = cell.line.partition(" | ")
        of, _, scene = rest.partition(" | ")
        if scene and of == data and cell.column == column and cell.ours is not None:
            ours[scene, row] = cell
    if not ours:
        return ""
    rows = list(dict.fromkeys(row for _, row in ours))
    head = {"psnr": "PSNR (dB)", "spearman": "rank correlation of the map"}[column]
    lines: list[Sequence[str]] = [(f"scene, {head}", *rows), ["---"] * (len(rows) + 1)]
    for scene in dict.fromkeys(scene for scene, _ in ours):
        cells = [ours.get((scene, row)) for row in rows]
        lines.append((scene, *("" if cell is None else digits(cell.ours, _PLACES.get(column, 3)) for cell in cells)))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _row(cell: Cell, data: str) -> str:
    """The row of a cell that is a mean over the data set; empty for any other cell."""
    row, _, rest = cell.line.partition(" | ")
    return row if rest == data else ""


def _pair(cell: Cell | None, published: float | None) -> str:
    ours = None if cell is None else cell.ours
    if ours is None and published is None:
        return ""
    places = 3 if cell is None else _PLACES.get(cell.column, 3)
    return digits(ours, places) if published is None else f"{digits(ours, places)} / {digits(published, places)}"


def _count(found: Sequence[Cell], data: str) -> str:
    """How many pictures were measured."""
    cells = [cell for cell in found if _row(cell, data) and cell.column not in ("parameters",)]
    most = max(cells, key=lambda cell: cell.n, default=None)
    if most is None or most.n == 0:
        return ", not measured"
    return f", {most.n} pictures" if most.n == most.of else f", {most.n} of {most.of} pictures"
