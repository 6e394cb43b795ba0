"""The page of a table of methods by blur maps: a grid per data set, and what it says of the paper's claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from refocal.tables.cells import Cell, bullets, digits, when_measured
from refocal.tables.published import PublishedTable
from refocal.tables.runnable import prepare_estimator

MAPS = {
    "given": "GT map",
    "dandres": "D'Andres [9]",
    "zhuo-sim": "Zhuo & Sim [10]",
    "ebdb": "EBDB [11]",
    "liu": "Liu [12]",
    "dmenet": "DMENet [13]",
    "jnb": "JNB",
    "zhang": "Zhang",
}
"""What tells the blur (as in ``Line``) -> head of its column."""

PAPER_MAPS = ("dandres", "zhuo-sim", "ebdb", "liu", "dmenet")
"""The estimators of the paper: its claims are about these."""

MAP_ERROR = "MAE of the map"
DECONVOLUTION, GTB, SVBR, BLIND = "[22] & [23]", "SVBR-Net GTB", "SVBR-Net", "[8], blind; ours: default"
DECONVOLUTIONS = ("Zhang 2016 [24]", DECONVOLUTION, "hyper-laplacian", "Richardson-Lucy")
MAX_LOSS_DB, MIN_LOSS_DB = 0.3, 2.0  # SVBR-Net loses 0.21 dB in the paper's table, without its training maps 4.22 dB
_PLACES = {"psnr": 2, "ssim": 3, "q": 3, "map_mae": 3}  # as the paper prints
_SEPARATOR = " | "


def label(row: str, blur: str, data: str) -> str:
    """The label of the line for one method under one map of one data set."""
    return _SEPARATOR.join((row, blur, data))


@dataclass(frozen=True)
class Grid:
    """The cells of one data set.

    Attributes:
        data: Its name.
        cells: (row, blur, column) -> cell.
    """

    data: str
    cells: Mapping[tuple[str, str, str], Cell]

    @classmethod
    def of(cls, data: str, found: Sequence[Cell]) -> Grid:
        """The grid of a data set among all cells."""
        words = ((cell, cell.line.split(_SEPARATOR)) for cell in found)
        return cls(data, {(row, blur, cell.column): cell for cell, (row, blur, of) in words if of == data})

    def ours(self, row: str, blur: str, column: str) -> float | None:
        """Our figure, where there is one."""
        cell = self.cells.get((row, blur, column))
        return None if cell is None else cell.ours

    def published(self, row: str, blur: str, column: str) -> float | None:
        """The paper's figure, where there is one."""
        cell = self.cells.get((row, blur, column))
        return None if cell is None else cell.published

    @property
    def rows(self) -> list[str]:
        """Labels, in the table's order."""
        return list(dict.fromkeys(row for row, _, _ in self.cells))

    @property
    def scored(self) -> bool:
        """Something was compared with a sharp picture."""
        return any(cell.ours is not None for (_, _, column), cell in self.cells.items() if column == "psnr")

    @property
    def mapped(self) -> bool:
        """Some estimated map was compared with the true one."""
        return any(cell.ours is not None for (_, _, column), cell in self.cells.items() if column == "map_mae")


def page(table: PublishedTable, found: Sequence[Cell], more: Sequence[str] = ()) -> str:
    """The table as a page: a grid for each data set, the claims, the protocol and the notes."""
    paper, _, number = table.name.partition(":")
    grids = [Grid.of(data, found) for data in (*table.data, *table.more_data)]
    parts = [
        f"# {paper}, Table {number}",
        f"{table.title}. In every cell: refocal / published ({table.source}). The last column is what the worst "
        "estimated map costs against the true one, among the paper's five estimators as far as they could be run.",
    ]
    for grid in grids:
        if not any(cell.n for cell in grid.cells.values()):
            continue
        parts += [f"## `{grid.data}`, {_pictures(grid)}"]
        if not grid.scored:
            missing = "sharp versions" if grid.mapped else "sharp versions or maps"
            parts += [
                f"Nobody has {missing} of these photos here, so restored pictures have no figure but Q, which needs none; "
                "it rewards ringing as well as sharpness."
            ]
        parts += [markdown(grid, ("ssim", "psnr") if grid.scored else ("q",))]
        if grid.scored:
            parts += [bullets(claims(grid))]
    absent = [
        f"{head}: {reason}, so its column has no figures of ours."
        for name, head in MAPS.items()
        if name != "given" and isinstance(reason := prepare_estimator(name), str)
    ]
    parts += [
        "## Protocol\n\n" + bullets(table.protocol),
        "## Notes\n\n" + bullets([*more, *absent, *_without_method(found), *table.notes]),
        f"Measured {when_measured(found)}.",
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def markdown(grid: Grid, columns: Sequence[str]) -> str:
    """The grid in Markdown: a line for each method and measure."""
    heads = {"none": "no map", **MAPS}
    if grid.scored:  # a column without figures of ours shows that they are missing
        blurs, last = list(heads), ["worst − GT"]
    else:
        blurs, last = (
            [blur for blur in heads if any(grid.ours(row, blur, columns[0]) is not None for row in grid.rows)],
            [],
        )
    first = ["method", "measure", *(heads[blur] for blur in blurs), *last]
    lines: list[Sequence[str]] = [first, ["---"] * len(first)]
    for row in grid.rows:
        of_row = ("map_mae",) if row == MAP_ERROR else columns
        for column in of_row:
            measured = [cell for (name, _, of), cell in grid.cells.items() if name == row and of == column]
            if all(cell.ours is None and (cell.published is None or not grid.scored) for cell in measured):
                continue
            head = {"ssim": "SSIM", "psnr": "PSNR (dB)", "q": "Q", "map_mae": "px"}[column]
            texts = [_pair(grid.ours(row, blur, column), grid.published(row, blur, column), column) for blur in blurs]
            cost = _pair(_cost(grid.ours, row, column), _cost(grid.published, row, column), column)
            cost = "" if column == "map_mae" else cost
            lines.append([row if column == of_row[0] else "", head, *texts, *([cost] if last else [])])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def claims(grid: Grid) -> list[str]:
    """What the paper says of its table, a sentence each, and whether our figures say it, too."""
    deconvolved = {
        f"{row} with {MAPS[blur]}": figure
        for row in DECONVOLUTIONS
        for blur in PAPER_MAPS
        if (figure := grid.ours(row, blur, "ssim")) is not None
    }
    similar = {blur: figure for blur in PAPER_MAPS if (figure := grid.ours(SVBR, blur, "ssim")) is not None}
    above = "Its SSIM with any estimated map is above every deconvolution's: "
    if similar and deconvolved:
        least, best = min(similar, key=similar.__getitem__), max(deconvolved, key=deconvolved.__getitem__)
        above += (
            f"at least {similar[least]:.3f} ({MAPS[least]}) against at most {deconvolved[best]:.3f} ({best}); "
            f"{len(similar)} of {len(PAPER_MAPS)} estimators; published 0.894 against 0.865. "
            f"**{_verdict(similar[least] > deconvolved[best])}**"
        )
    else:
        above += "**not measured.**"
    return [
        _loss(grid, SVBR, f"loses at most {MAX_LOSS_DB} dB", lambda lost: lost <= MAX_LOSS_DB),
        _loss(grid, GTB, f"loses more than {MIN_LOSS_DB:.0f} dB", lambda lost: lost > MIN_LOSS_DB),
        above,
    ]


def _loss(grid: Grid, row: str, claim: str, holds: Callable[[float], bool]) -> str:
    true = grid.ours(row, "given", "psnr")
    estimated = {blur: figure for blur in PAPER_MAPS if (figure := grid.ours(row, blur, "psnr")) is not None}
    theirs = _cost(grid.published, row, "psnr")
    told = f"{row} {claim} between the true map and the worst estimated one: "
    if true is None or not estimated:
        return f"{told}**not measured**; published {-(theirs or 0):.2f} dB."
    worst = min(estimated, key=estimated.__getitem__)
    lost = true - estimated[worst]
    return (
        f"{told}{lost:.2f} dB ({MAPS[worst]}, {len(estimated)} of {len(PAPER_MAPS)} estimators); "
        f"published {-(theirs or 0):.2f} dB. **{_verdict(holds(lost))}**{_beyond(grid, row, true, lost)}"
    )


def _beyond(grid: Grid, row: str, true: float, lost: float) -> str:
    """What is added where an estimator that the paper doesn't have costs more than all of its own."""
    more = {
        blur: true - figure
        for blur in MAPS
        if blur not in ("given", *PAPER_MAPS) and (figure := grid.ours(row, blur, "psnr")) is not None
    }
    worst = max(more, key=more.__getitem__, default="given")
    if more.get(worst, 0.0) <= lost:
        return ""
    return f" With the map of {MAPS[worst]}, which the paper doesn't have, it loses {more[worst]:.2f} dB."


def _verdict(holds: bool) -> str:
    return "Holds." if holds else "Doesn't hold."


def _cost(figure: Callable[[str, str, str], float | None], row: str, column: str) -> float | None:
    """The worst of the paper's estimated maps less the true one."""
    true = figure(row, "given", column)
    estimated = [value for blur in PAPER_MAPS if (value := figure(row, blur, column)) is not None]
    return min(estimated) - true if estimated and true is not None else None


def _pair(ours: float | None, published: float | None, column: str) -> str:
    if ours is None and published is None:
        return ""
    if column == "q":
        return digits(ours, _PLACES[column])
    return f"{digits(ours, _PLACES[column])} / {digits(published, _PLACES[column])}"


def _pictures(grid: Grid) -> str:
    most = max(grid.cells.values(), key=lambda cell: cell.n)
    return f"{most.n} pictures" if most.n == most.of else f"{most.n} of {most.of} pictures"


def _without_method(found: Sequence[Cell]) -> list[str]:
    """A sentence for each of the paper's methods that couldn't be run."""
    reasons = {
        cell.line.split(_SEPARATOR)[0]: cell.status
        for cell in found
        if cell.blur == "none" and cell.status not in ("measured", "left out")
    }
    return [f"{row}: {reason}, so its line has no figures of ours." for row, reason in reasons.items()]
