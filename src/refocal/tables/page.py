"""A measured table as a page in Markdown: ours / published in every cell, the protocol and the notes under it."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence

from refocal.printable import printable
from refocal.tables.by_map import by_map, cost_sentence
from refocal.tables.markdown import MEASURED, PLACES, Sections, bullets, digits, footnotes, markdown, marked
from refocal.tables.published import Cell, PublishedTable

ALL = "dpdd"  # the data set of the paper's figures, in tables that are laid out by set


def page(table: PublishedTable, found: Sequence[Cell], more: Sequence[str] = ()) -> str:
    """The page of a table.

    Args:
        table: The table.
        found: Its cells, from ``cells.cells``.
        more: Further sentences for the notes.
    """
    paper, _, number = table.name.partition(":")
    sections, notes = _LAYOUTS[table.layout](table, found)
    parts = [
        f"# {paper}, Table {number}",
        f"{table.title}. In every cell: refocal / published ({table.source}).{cost_sentence(table)}",
        *sections,
        *([footnotes(found)] if any(cell.line.footnote for cell in found) else []),
        "## Protocol\n\n" + bullets(table.protocol),
        "## Notes\n\n" + bullets([*map(printable, more), *notes[0], *table.notes, *notes[1]]),
        f"Measured {when_measured(found)}.",
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def when_measured(found: Sequence[Cell]) -> str:
    """Date, version, machine and weights."""
    first = found[0]
    weights = {cell.method: cell.weights_sha256[:12] for cell in found if cell.weights_sha256}
    when = f"{first.date} with refocal {first.version} {first.commit}".rstrip()
    when += f" on {platform.machine()}, {os.cpu_count()} cores"
    return when + (
        f"; weights (SHA-256): {', '.join(f'{name} {sha}' for name, sha in weights.items())}" if weights else ""
    )


def by_line(table: PublishedTable, found: Sequence[Cell]) -> Sections:
    """One row per line."""
    lines: list[Sequence[str]] = [(table.label_head, "pictures", *(column.head for column in table.columns))]
    for row in dict.fromkeys(cell.row for cell in found):
        cells = [cell for cell in found if cell.row == row]
        figures = (f"{digits(cell.ours)} / {digits(cell.published)}" for cell in cells)
        lines.append((marked(row, found), _count(cells), *figures))
    pooled = [
        f"{cell.row} {digits(cell.pooled)} / {digits(cell.published)}" for cell in found if cell.pooled is not None
    ]
    notes = [f"PSNR in dB of the squared error pooled over all pictures: {'; '.join(pooled)}."] if pooled else []
    return [markdown(lines)], ([], notes)


def _count(row: Sequence[Cell]) -> str:
    """The number of images that a row was measured on, or why on none."""
    best = max(row, key=lambda cell: cell.n)
    if best.n == 0:
        return best.status
    return str(best.n) if best.n == best.of else f"{best.n} of {best.of}"


def by_set(table: PublishedTable, found: Sequence[Cell]) -> Sections:
    """A grid for each data set beside the paper's figures for all of its data, and real scenes one by one."""
    sections = []
    for data in (*table.data, *table.more_data):
        if not (means := _means(table, found, data)):
            continue
        sections += [f"## `{data}`{_measured_on(found, data)}", means]
        sections += [text for column in ("psnr", "spearman") if (text := _scenes(found, data, column))]
    return sections, ([], [])


def _means(table: PublishedTable, found: Sequence[Cell], data: str) -> str:
    """The means over one data set, beside the paper's for all of its data, or the same part of it; may be empty."""

    def of_set(name: str) -> dict[tuple[str, str], Cell]:
        whole = (cell for cell in found if cell.line.data == name and not cell.line.picture)
        return {(cell.row, cell.column): cell for cell in whole}

    cells = of_set(data)
    theirs = {key: cell.published for key, cell in of_set(data if data in table.more_data else ALL).items()}
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
    lines: list[Sequence[str]] = [(table.label_head, *(column.head for column in shown))]
    for row in rows:
        texts = [
            _beside(cells.get((row, column.name)), theirs.get((row, column.name)), column.name) for column in shown
        ]
        status = next((cell.status for (of, _), cell in cells.items() if of == row and cell.status not in MEASURED), "")
        lines.append((f"{marked(row, found)} ({status})" if status else marked(row, found), *texts))
    return markdown(lines)


def _scenes(found: Sequence[Cell], data: str, column: str) -> str:
    """A line per scene of one measure; empty where scenes weren't measured one by one."""
    scenes = [cell for cell in found if cell.line.picture and cell.line.data == data and cell.column == column]
    ours = {(cell.line.picture, cell.row): cell for cell in scenes if cell.ours is not None}
    if not ours:
        return ""
    rows = list(dict.fromkeys(row for _, row in ours))
    head = {"psnr": "PSNR (dB)", "spearman": "rank correlation of the map"}[column]
    lines: list[Sequence[str]] = [(f"scene, {head}", *rows)]
    for scene in dict.fromkeys(scene for scene, _ in ours):
        cells = [ours.get((scene, row)) for row in rows]
        lines.append((scene, *("" if cell is None else digits(cell.ours, PLACES.get(column, 3)) for cell in cells)))
    return markdown(lines)


def _beside(cell: Cell | None, published: float | None, column: str) -> str:
    ours = None if cell is None else cell.ours
    if ours is None and published is None:
        return ""
    places = 3 if cell is None else PLACES.get(column, 3)
    return digits(ours, places) if published is None else f"{digits(ours, places)} / {digits(published, places)}"


def _measured_on(found: Sequence[Cell], data: str) -> str:
    """The number of images that were measured."""
    whole = [cell for cell in found if cell.line.data == data and not cell.line.picture and cell.column != "parameters"]
    most = max(whole, key=lambda cell: cell.n, default=None)
    if most is None or most.n == 0:
        return ", not measured"
    return f", {most.n} pictures" if most.n == most.of else f", {most.n} of {most.of} pictures"


_LAYOUTS: Mapping[str, Callable[[PublishedTable, Sequence[Cell]], Sections]] = {
    "lines": by_line,
    "by-map": by_map,
    "by-set": by_set,
}
