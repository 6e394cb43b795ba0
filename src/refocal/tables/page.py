"""A measured table as a page in Markdown: ours / published in every cell, the protocol and the notes under it."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence

from refocal.tables.grid import Grid
from refocal.tables.published import Cell, PublishedTable
from refocal.tables.runnable import make_estimator_runnable

NONE = "–"  # where there is no figure
ALL = "dpdd"  # the data set of the paper's figures, in tables that are laid out by set
MAP_ERROR = "map_mae"  # the column of a map's own error
SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_PLACES = {"psnr": 2, "parameters": 2, "seconds": 2}  # as papers print; the others have three
_MEASURED = ("measured", "left out")


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
        f"{table.title}. In every cell: refocal / published ({table.source}).{_cost_sentence(table)}",
        *sections,
        *([footnotes(found)] if any(cell.line.footnote for cell in found) else []),
        "## Protocol\n\n" + bullets(table.protocol),
        "## Notes\n\n" + bullets([*more, *notes[0], *table.notes, *notes[1]]),
        f"Measured {when_measured(found)}.",
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def bullets(sentences: Sequence[str]) -> str:
    """A list, in Markdown."""
    return "\n".join(f"- {sentence}" for sentence in sentences)


def digits(value: float | None, places: int = 3) -> str:
    """A figure, or a dash where there is none."""
    return NONE if value is None else f"{value:.{places}f}"


def when_measured(found: Sequence[Cell]) -> str:
    """Date, version, machine and weights."""
    first = found[0]
    weights = {cell.method: cell.weights_sha256[:12] for cell in found if cell.weights_sha256}
    when = f"{first.date} with refocal {first.version} {first.commit}".rstrip()
    when += f" on {platform.machine()}, {os.cpu_count()} cores"
    return when + (
        f"; weights (SHA-256): {', '.join(f'{name} {sha}' for name, sha in weights.items())}" if weights else ""
    )


def footnotes(found: Sequence[Cell]) -> str:
    """The footnotes of the rows, numbered in the order of the rows."""
    return "\n\n".join(f"{SUPERSCRIPTS[place]} {sentence}" for sentence, place in _footnote_places(found).items())


def marked(row: str, found: Sequence[Cell]) -> str:
    """The name of a row with the number of its footnote."""
    sentence = next((cell.line.footnote for cell in found if cell.row == row and cell.line.footnote), "")
    return f"{row} {SUPERSCRIPTS[_footnote_places(found)[sentence]]}" if sentence else row


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """A table, its first line as the head."""
    head, *rows = lines
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ["---"] * len(head), *rows))


def _footnote_places(found: Sequence[Cell]) -> dict[str, int]:
    sentences = dict.fromkeys(cell.line.footnote for cell in found if cell.line.footnote)
    return {sentence: place for place, sentence in enumerate(sentences, start=1)}


_Sections = tuple[list[str], tuple[list[str], list[str]]]
"""Sections, and the notes before and after the table's own."""


def by_line(table: PublishedTable, found: Sequence[Cell]) -> _Sections:
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


def by_set(table: PublishedTable, found: Sequence[Cell]) -> _Sections:
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
        status = next(
            (cell.status for (of, _), cell in cells.items() if of == row and cell.status not in _MEASURED), ""
        )
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
        lines.append((scene, *("" if cell is None else digits(cell.ours, _PLACES.get(column, 3)) for cell in cells)))
    return markdown(lines)


def _beside(cell: Cell | None, published: float | None, column: str) -> str:
    ours = None if cell is None else cell.ours
    if ours is None and published is None:
        return ""
    places = 3 if cell is None else _PLACES.get(column, 3)
    return digits(ours, places) if published is None else f"{digits(ours, places)} / {digits(published, places)}"


def _measured_on(found: Sequence[Cell], data: str) -> str:
    """The number of images that were measured."""
    whole = [cell for cell in found if cell.line.data == data and not cell.line.picture and cell.column != "parameters"]
    most = max(whole, key=lambda cell: cell.n, default=None)
    if most is None or most.n == 0:
        return ", not measured"
    return f", {most.n} pictures" if most.n == most.of else f", {most.n} of {most.of} pictures"


def by_map(table: PublishedTable, found: Sequence[Cell]) -> _Sections:
    """A grid of methods by blur maps for each data set, and what it says of the paper's claims."""
    sections = []
    for data in (*table.data, *table.more_data):
        of_set = {
            (cell.row, cell.line.blur_head or cell.line.blur, cell.column): cell
            for cell in found
            if cell.line.data == data
        }
        grid = Grid(table, data, of_set)
        if not any(cell.n for cell in grid.cells.values()):
            continue
        most = max(grid.cells.values(), key=lambda cell: cell.n)
        sections += [
            f"## `{data}`, " + (f"{most.n} pictures" if most.n == most.of else f"{most.n} of {most.of} pictures")
        ]
        if grid.has("psnr"):
            sections += [_by_map_grid(grid, ("ssim", "psnr")), *([bullets(table.claims(grid))] if table.claims else [])]
            continue
        missing = "sharp versions" if grid.has(MAP_ERROR) else "sharp versions or maps"
        sections += [
            f"There are no {missing} of these photos here, so restored images have no figure but Q, which needs none; "
            "it increases with ringing as well as with sharpness.",
            _by_map_grid(grid, ("q",)),
        ]
    return sections, ([*_absent_maps(table), *_absent_methods(found)], [])


def _by_map_grid(grid: Grid, columns: Sequence[str]) -> str:
    heads, scored = {"none": "no map", **grid.table.blur_heads}, grid.has("psnr")
    blurs = [
        blur for blur in heads if scored or any(grid.ours(row, blur, columns[0]) is not None for row in grid.rows)
    ]  # where images are scored, a column without figures of ours shows that they are missing
    lines: list[Sequence[str]] = [["method", "measure", *(heads[blur] for blur in blurs), *(["worst − GT"] * scored)]]
    for row in grid.rows:
        of_row = (MAP_ERROR,) if any((row, blur, MAP_ERROR) in grid.cells for blur in heads) else columns
        for column in of_row:
            measured = [cell for (name, _, of), cell in grid.cells.items() if name == row and of == column]
            if all(cell.ours is None and (cell.published is None or not scored) for cell in measured):
                continue
            head = {"ssim": "SSIM", "psnr": "PSNR (dB)", "q": "Q", MAP_ERROR: "px"}[column]
            texts = [_pair(grid.ours(row, blur, column), grid.published(row, blur, column), column) for blur in blurs]
            cost = _pair(grid.cost(grid.ours, row, column), grid.cost(grid.published, row, column), column)
            name = row if column == of_row[0] else ""
            lines.append([name, head, *texts, *(["" if column == MAP_ERROR else cost] * scored)])
    return markdown(lines)


def _pair(ours: float | None, published: float | None, column: str) -> str:
    if ours is None and published is None:
        return ""
    places = _PLACES.get(column, 3)
    return digits(ours, places) if column == "q" else f"{digits(ours, places)} / {digits(published, places)}"


def _cost_sentence(table: PublishedTable) -> str:
    if table.layout != "by-map":
        return ""
    return (
        " The last column is the cost of the worst estimated map against the true one, among the paper's "
        f"{len(table.compared)} estimators as far as they could be run."
    )


def _absent_maps(table: PublishedTable) -> list[str]:
    return [
        f"{head}: {reason}, so its column has no figures of ours."
        for name, head in table.blur_heads.items()
        if name != "given" and isinstance(reason := make_estimator_runnable(name, table.max_radius_px), str)
    ]


def _absent_methods(found: Sequence[Cell]) -> list[str]:
    reasons = {cell.row: cell.status for cell in found if cell.blur == "none" and cell.status not in _MEASURED}
    return [f"{row}: {reason}, so its line has no figures of ours." for row, reason in reasons.items()]


_LAYOUTS: Mapping[str, Callable[[PublishedTable, Sequence[Cell]], _Sections]] = {
    "lines": by_line,
    "by-map": by_map,
    "by-set": by_set,
}
