"""Write the README's tables: methods and estimators from their tables, results from the rows in benchmarks/*.csv.

Run it after a new method or a new measurement (``make tables``); a test fails while the README is out of date.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from math import inf
from pathlib import Path
from statistics import median

from refocal.catalog import Entry
from refocal.datasets import DATASETS
from refocal.estimators import ESTIMATORS
from refocal.evaluation.results import COLUMNS, Row, read_rows
from refocal.methods import METHODS
from refocal.tables import TABLES
from refocal.tables.markdown import SUPERSCRIPTS
from refocal.tables.published import Line

HEADS = {"psnr": "PSNR, dB", "ssim": "SSIM", "q": "Q", "lpips": "LPIPS"}
ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
BENCHMARKS = ROOT / "benchmarks"


def main() -> None:
    """Fill the README's marked parts in place."""
    README.write_text(fill(README.read_text(encoding="utf-8")), encoding="utf-8")


def fill(readme: str) -> str:
    """The README with every part between ``<!-- NAME -->`` and ``<!-- end -->`` written anew."""
    parts = {
        "methods": catalogue(METHODS),
        "estimators": catalogue(ESTIMATORS, errors(BENCHMARKS / "maps.csv")),
        "sharpness_loss:I": published(BENCHMARKS / "reproduce" / "sharpness_loss-I.csv"),
        "svbr_net:1": by_map(BENCHMARKS / "reproduce" / "svbr_net-1.csv"),
        "learnable_blur_kernel_defocusgan:1": on_sets(
            BENCHMARKS / "reproduce" / "learnable_blur_kernel_defocusgan-1.csv", ("psnr", "ssim", "lpips")
        ),
        "learnable_blur_kernel_defocusgan:3": on_sets(
            BENCHMARKS / "reproduce" / "learnable_blur_kernel_defocusgan-3.csv", ("spearman", "psnr")
        ),
        "results": results(rows_of(sorted(BENCHMARKS.glob("*.csv")))),
    }
    for name, text in parts.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        readme, count = re.subn(pattern, "\\g<1>" + text.replace("\\", r"\\") + "\\g<2>", readme, flags=re.DOTALL)
        if count != 1:
            sys.exit(f"README.md needs exactly one part <!-- {name} --> ... <!-- end -->.")
    return readme


def catalogue(entries: Mapping[str, Entry], more: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """A table of methods or estimators; ``more``: further columns, head -> name -> cell."""
    columns = {
        "name": [f"`{name}`" for name in entries],
        "what it does": [entry.about for entry in entries.values()],
        "needs": [entry.needs for entry in entries.values()],
        "paper": [entry.paper for entry in entries.values()],
        **{head: [cells.get(name, "–") for name in entries] for head, cells in (more or {}).items()},
    }
    filled = {head: cells for head, cells in columns.items() if any(cells)}
    return table(tuple(filled), list(zip(*filled.values(), strict=True)))


def errors(file: Path) -> dict[str, dict[str, str]]:
    """Columns of the estimators' mean errors in pixels of radius, from what ``benchmarks/maps.py`` measured."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    heads = {"error, 1 to 6 px": "kodak22/ramps", "error, 0 to 6 px": "kodak22"}
    columns = {
        head: {row["estimator"]: f"{row['mae_px']} ({row['mae_on_edges_px']})" for row in rows if row["data"] == data}
        for head, data in heads.items()
    }
    return columns | {
        "s/MP": {row["estimator"]: row["seconds_per_megapixel"] for row in rows if row["data"] == "kodak22"}
    }


def published(file: Path) -> str:
    """A published table measured again, from the cells that ``refocal reproduce`` wrote: ours / published."""
    cells = read_cells(file)
    heads = {cell["column"]: HEADS[cell["column"]] for _, cell in cells}
    rows = []
    for line in dict.fromkeys(line.label for line, _ in cells):
        figures = {cell["column"]: cell for of, cell in cells if of.label == line}
        rows.append(
            [line, *(" / ".join(_three(figures[name][side]) for side in ("ours", "published")) for name in heads)]
        )
    return table(("β", *heads.values()), rows)


def by_map(file: Path) -> str:
    """Our figures of svbr_net's table on kodak22: PSNR / SSIM of each method by the source of its blur map."""
    cells = {
        (line.row, line.blur_head or line.blur, cell["column"]): cell["ours"]
        for line, cell in read_cells(file)
        if line.data == "kodak22"
    }
    maps = ("given", "dandres", "liu", "ebdb", "zhuo-sim", "none")
    rows = []
    for method in dict.fromkeys(row for row, _, _ in cells):
        figures = [[cells.get((method, name, column)) for column in ("psnr", "ssim")] for name in maps]
        if any(all(pair) for pair in figures):
            texts = [f"{float(psnr):.2f} / {float(ssim):.3f}" if psnr and ssim else "" for psnr, ssim in figures]
            rows.append([method, *texts])
    heads = ("true map", *(f"`{name}`" for name in maps[1:-1]), "none")
    return table(("method", *heads), rows)


def on_sets(file: Path, columns: Sequence[str]) -> str:
    """Our figures of a table of learnable_blur_kernel_defocusgan on several data sets, a line for each method.

    Footnotes of the rows follow the table.
    """
    cells = [(line, cell) for line, cell in read_cells(file) if cell["ours"] and cell["column"] in columns]
    ours = {(line.row, line.data, cell["column"]): cell["ours"] for line, cell in cells}
    sets = ("pixel4_dp/4", "pixel4_dp/2", "kodak24_dp")
    digits = {"psnr": 2}

    def figures(method: str, data: str) -> str:
        found = [(ours.get((method, data, name)), digits.get(name, 3)) for name in columns]
        return " / ".join(f"{float(value):.{places}f}" for value, places in found if value)

    notes = {line.row: line.footnote for line, _ in cells}
    places = {
        note: SUPERSCRIPTS[place] for place, note in enumerate(dict.fromkeys(filter(None, notes.values())), start=1)
    }
    rows = [
        (f"{row} {places.get(note, '')}".strip(), *(figures(row, data) for data in sets)) for row, note in notes.items()
    ]
    return table(("method", *sets), rows) + "".join(f"\n{place} {note}\n" for note, place in places.items())


def read_cells(file: Path) -> list[tuple[Line, dict[str, str]]]:
    """The cells of a table's means, each with its line; real scenes, which have lines of their own, are left out."""
    paper, _, number = file.stem.rpartition("-")
    lines = {line.label: line for line in TABLES[f"{paper}:{number}"].make().lines}
    with file.open(encoding="utf-8", newline="") as rows:
        return [(lines[row["line"]], row) for row in csv.DictReader(rows) if row["line"] in lines]


def _three(figure: str) -> str:
    return f"{float(figure):.3f}" if figure else "–"


def rows_of(files: Iterable[Path]) -> list[Row]:
    """The rows of those files that hold evaluations; other files in the folder hold other things."""
    rows = []
    for file in files:
        with file.open(encoding="utf-8") as lines:
            if lines.readline().strip() == ",".join(COLUMNS):
                rows += read_rows(file)
    return rows


def results(rows: Sequence[Row]) -> str:
    """PSNR and SSIM of every method on every data set: one table for each way the blur was known."""
    if not rows:
        return "Nothing has been measured yet.\n"
    text = ""
    for title, blurs in (
        ("Blur estimated from the photo, by zhuo-sim where the method needs a map", ("none", "estimated:zhuo-sim")),
        ("True blur given", ("none", "given")),
    ):
        kept = [row for row in rows if row.blur in blurs and row.metric in ("psnr", "ssim")]
        data = [name for name in _ordered(kept) if any(row.data == name and row.blur == blurs[1] for row in kept)]
        if data:
            text += f"{title}:\n\n{_grid(kept, data)}\n"
    days = sorted({row.date for row in rows})
    between = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return (
        f"{text}PSNR in dB / SSIM, the best of each column in bold; s/MP: seconds per megapixel.\n"
        f"Measured {between}; numbers of pictures: {_counts(rows)}.\n"
    )


def _grid(rows: Sequence[Row], data: Sequence[str]) -> str:
    """One line per method and options, one column per data set."""
    newest: dict[tuple[str, str, str], Row] = {}
    for row in sorted(rows, key=lambda row: row.date):
        newest[_name(row), row.data, row.metric] = row
    names = sorted({name: None for name, column, _ in newest if column in data}, key=lambda name: name != "`identity`")
    values: dict[tuple[str, str], list[float]] = {}
    for (_, column, metric), row in newest.items():
        values.setdefault((column, metric), []).append(row.value)

    def cell(name: str, column: str) -> str:
        parts = []
        for metric, digits in (("psnr", 2), ("ssim", 3)):
            row = newest.get((name, column, metric))
            if row is not None:
                if row.value == inf and row.lowest < inf:  # some pictures came back identical: the worst one says more
                    parts.append(f"at least {row.lowest:.{digits}f}")
                    continue
                number = f"{row.value:.{digits}f}"
                parts.append(f"**{number}**" if row.value == max(values[column, metric]) else number)
        return " / ".join(parts)

    def pace(name: str) -> str:
        return f"{median(row.seconds_per_megapixel for (other, *_), row in newest.items() if other == name):.1f}"

    return table(
        ("method", *data, "s/MP"), [(name, *(cell(name, column) for column in data), pace(name)) for name in names]
    )


def _name(row: Row) -> str:
    """A method, with those of its options that aren't its own defaults."""
    name = f"`{row.method}`"
    if row.method not in METHODS:
        return f"{name} {row.options}".strip()
    made = METHODS[row.method].make()
    usual = {f"{field.name}={getattr(made, field.name)}" for field in fields(made)}
    return " ".join([name, *(option for option in row.options.split(", ") if option and option not in usual)])


def _ordered(rows: Sequence[Row]) -> list[str]:
    """Names of data sets in the order of the table of data sets."""
    order = {name: place for place, name in enumerate(DATASETS)}
    return sorted({row.data for row in rows}, key=lambda name: (order.get(re.split("[/:]", name)[0], len(order)), name))


def _counts(rows: Sequence[Row]) -> str:
    return ", ".join(f"{name} {max(row.n for row in rows if row.data == name)}" for name in _ordered(rows))


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    rule = ["---"] * len(head)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, rule, *lines))


if __name__ == "__main__":
    main()
