"""The cells of one data set, by method and blur map; claims about a table are checked on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from refocal.tables.published import Cell, PublishedTable


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
