"""The layout of a table of methods by blur maps: a grid for each data set, and the paper's claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from refocal.tables.markdown import MEASURED, PLACES, Sections, bullets, digits, markdown
from refocal.tables.published import Cell, PublishedTable
from refocal.tables.runnable import make_estimator_runnable

MAP_ERROR = "map_mae"
"""The column of a map's own error."""


@dataclass(frozen=True)
class Grid:
    """The cells of one data set, by method and blur map.

    Attributes:
        table: The table.
        data: Name of the data set.
        cells: (row, blur, column) -> cell.
    """

    table: PublishedTable
    data: str
    cells: Mapping[tuple[str, str, str], Cell]

    def ours(self, row: str, blur: str, column: str) -> float | None:
        """Our figure, where there is one."""
        cell = self.cells.get((row, blur, column))
        return None if cell is None else cell.ours

    def published(self, row: str, blur: str, column: str) -> float | None:
        """The paper's figure, where there is one."""
        cell = self.cells.get((row, blur, column))
        return None if cell is None else cell.published

    def cost(self, figure: Callable[[str, str, str], float | None], row: str, column: str) -> float | None:
        """The figure with the worst of the paper's estimated maps minus that with the true one."""
        true = figure(row, "given", column)
        estimated = [value for blur in self.table.compared if (value := figure(row, blur, column)) is not None]
        return min(estimated) - true if estimated and true is not None else None

    def has(self, column: str) -> bool:
        """Whether any figure of ours stands in a column."""
        return any(cell.ours is not None for (_, _, name), cell in self.cells.items() if name == column)

    @property
    def rows(self) -> list[str]:
        """Names of the rows, in the table's order."""
        return list(dict.fromkeys(row for row, _, _ in self.cells))


def _claims(grid: Grid) -> list[str]:
    """What the figures say of the paper's claims: nothing, if they are those of a part of the data set."""
    if grid.table.claims is None:
        return []
    if any(0 < cell.n < cell.of for cell in grid.cells.values()):
        return ["Measured on a part of the pictures, so nothing is said of the paper's claims."]
    return [bullets(grid.table.claims(grid))]


def by_map(table: PublishedTable, found: Sequence[Cell]) -> Sections:
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
            sections += [_by_map_grid(grid, ("ssim", "psnr")), *_claims(grid)]
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
    places = PLACES.get(column, 3)
    return digits(ours, places) if column == "q" else f"{digits(ours, places)} / {digits(published, places)}"


def cost_sentence(table: PublishedTable) -> str:
    """The sentence about the last column, for tables of this layout."""
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
    reasons = {cell.row: cell.status for cell in found if cell.blur == "none" and cell.status not in MEASURED}
    return [f"{row}: {reason}, so its line has no figures of ours." for row, reason in reasons.items()]
