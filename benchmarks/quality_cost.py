"""Draw the gain of each method against its cost: docs/pictures/quality_cost.svg, the figure of the README.

The figure contains a method once it has a row in speed.csv and one in evaluate.csv; below its name, the operations of
its network. ``benchmarks/speed.py`` draws it after measuring.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from math import log
from pathlib import Path
from typing import Any

import numpy as np

from flops import shape_of
from names_apart import apart
from refocal.evaluation.results import Row, read_rows
from refocal.methods import METHODS, to_measure

HERE = Path(__file__).parent
OUT = HERE.parent / "docs" / "pictures" / "quality_cost.svg"
DATA = "pixel4_dp/4"
MEGAPIXELS = 2.0
"""Size at which the cost is drawn; for slow methods, the nearest measured one."""

OWN = "refocal.methods.focus:Focus"
STYLES = {  # colour and mark by kind
    "ours": ("#c8102e", "o"),
    "network of a paper": ("#1f6fb2", "o"),
    "classical": ("#5f6670", "s"),
}
MARK, MARK_PER_GFLOP = 30.0, 0.25  # areas in square points; a network's grows with its operations
LETTERING = {
    "svg.fonttype": "none",
    "svg.hashsalt": "refocal",
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 9,
}


@dataclass(frozen=True)
class Point:
    """A method in the figure.

    Attributes:
        name: Key in METHODS.
        kind: Key in STYLES.
        seconds: Seconds per megapixel.
        gain: Gain of PSNR in dB.
        gflop: GFLOP per megapixel; 0 without a network.
    """

    name: str
    kind: str
    seconds: float
    gain: float
    gflop: float

    @property
    def area(self) -> float:
        """Area of its mark in square points."""
        return MARK + MARK_PER_GFLOP * self.gflop


def main() -> None:
    """Draw from the committed files."""
    with (HERE / "speed.csv").open(encoding="utf-8", newline="") as lines:
        draw(list(csv.DictReader(lines)), OUT)


def draw(rows: Sequence[Mapping[str, str]], path: Path) -> None:
    """Write the figure (.svg or .png) of rows of speed.csv, with the gains of evaluate.csv."""
    shown = points(rows, gains(read_rows(HERE / "evaluate.csv")))
    if shown:
        paint(shown, max(row["cores"] for row in rows), path)
    else:
        sys.stderr.write("No figure was drawn: no method has been both timed and scored.\n")


def gains(rows: Iterable[Row]) -> dict[str, float]:
    """Gain of mean PSNR over the unrestored photo in dB, with default options and no true blur; the newest row."""
    scored = [row for row in rows if (row.data, row.metric) == (DATA, "psnr") and row.blur != "given"]
    newest = {row.method: row.value for row in sorted(scored, key=lambda row: row.date) if _usual(row)}
    unrestored = newest.pop("identity", None)
    return {} if unrestored is None else {method: value - unrestored for method, value in newest.items()}


def _usual(row: Row) -> bool:
    """Whether the row has the method's current default options: a name may have changed its meaning."""
    if row.method not in METHODS:
        return False
    made = to_measure(METHODS[row.method].make())
    usual = {f"{field.name}={getattr(made, field.name)}" for field in fields(made)}
    return all(option in usual for option in row.options.split(", ") if option)


def points(rows: Iterable[Mapping[str, str]], gained: Mapping[str, float]) -> list[Point]:
    """The methods that have both; one that wasn't timed has the cost of another network of its shape."""
    nearest: dict[tuple[str, str], Mapping[str, str]] = {}
    for row in rows:
        if row["seconds"] != "skipped" and row["method"] in METHODS:
            for key in {(row["method"], ""), shape_of(row["method"])}:
                nearest[key] = min(nearest.get(key, row), row, key=_distance)
    found = []
    for method, gain in gained.items():
        cost = nearest.get((method, "")) or nearest.get(shape_of(method))
        if cost is not None:
            gflop = float(cost["gflop_per_megapixel"] or 0)
            kind = "ours" if METHODS[method].target == OWN else "network of a paper" if gflop else "classical"
            found.append(Point(method, kind, float(cost["seconds_per_megapixel"]), gain, gflop))
    return found


def _distance(row: Mapping[str, str]) -> float:
    return abs(log(float(row["megapixels"]) / MEGAPIXELS))


def paint(shown: Sequence[Point], cores: str, path: Path) -> None:
    """Write the figure of the points."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(LETTERING):
        # Opaque for dark pages; one pixel per point, so that names are placed as in the .svg.
        figure = Figure((7.6, 4.6), dpi=72, facecolor="white", layout="constrained")
        axes = figure.subplots()
        for kind, (colour, mark) in STYLES.items():
            here = [point for point in shown if point.kind == kind]
            if here:
                seconds, gained, areas = zip(*((point.seconds, point.gain, point.area) for point in here), strict=True)
                axes.scatter(
                    seconds, gained, areas, colour, marker=mark, alpha=0.85, linewidths=0, zorder=3, label=kind
                )
        _dress(axes, shown, cores)
        figure.draw_without_rendering()  # computes the layout that names are placed in
        _name(axes, shown)
        figure.set_layout_engine("none")
        figure.savefig(path, **({"metadata": {"Date": None}} if path.suffix == ".svg" else {"dpi": 144}))


def _dress(axes: Any, shown: Sequence[Point], cores: str) -> None:
    axes.set_xscale("log")
    fastest, slowest = (f(point.seconds for point in shown) for f in (min, max))
    low, high = (f(0.0, *(point.gain for point in shown)) for f in (min, max))
    axes.set_ylim(low - 0.15 * (high - low), high + 0.2 * (high - low))
    axes.set_xticks([tick * 10.0**power for power in range(-3, 4) for tick in (1, 2, 5)], minor=False)
    axes.set_xlim(fastest / 2, slowest * 6)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.minorticks_off()
    axes.axhline(0, color="#5f6670", linewidth=0.8, linestyle="--", zorder=1)
    right = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points", "ha": "right", "va": "top"}
    axes.annotate("the photo as it is", (1, 0), (-4, -3), color="#5f6670", **right)
    axes.set_xlabel(f"seconds per megapixel on {cores} cores, estimating the blur included")
    axes.set_ylabel(f"PSNR gained on {DATA}, dB")
    axes.grid(color="#e3e5e8", linewidth=0.6, zorder=0)
    axes.spines[["top", "right"]].set_visible(False)
    legend = axes.legend(
        loc="upper left", frameon=False, title="a network's area: GFLOP per megapixel", alignment="left"
    )
    for handle in legend.legend_handles:
        handle.set_sizes([MARK])


def _name(axes: Any, shown: Sequence[Point]) -> None:
    """Write the names where they cover nothing, with a thin line where they are away from their mark."""
    names = []
    for point in shown:
        words = f"{point.name}\n{point.gflop:.0f} GFLOP/MP" if point.gflop else point.name
        look = {"color": STYLES[point.kind][0], "weight": "bold" if point.kind == "ours" else "normal"}
        names.append(axes.text(0, 0, words, transform=None, linespacing=1.1, multialignment="center", **look))
    centres = axes.transData.transform([(point.seconds, point.gain) for point in shown])
    sizes = np.array([name.get_window_extent().size + 2 for name in names])
    fixed = np.array([words.get_window_extent().extents for words in (axes.get_legend(), axes.texts[0])])
    marks = np.c_[centres, [point.area**0.5 / 2 for point in shown]]
    boxes, ends = apart(marks, sizes, fixed, axes.bbox.extents)
    to_data = axes.transData.inverted()
    for name, box, mark, end in zip(names, boxes, marks, ends, strict=True):
        # Anchored at the point nearest to its mark: in another font than the one measured here its width differs.
        anchor = np.clip(mark[:2], box[:2], box[2:])
        across, up = np.rint((anchor - box[:2]) / (box[2:] - box[:2]) * 2).astype(int)
        name.set(position=to_data.transform(anchor), transform=axes.transData)
        name.set(ha=("left", "center", "right")[across], va=("bottom", "center", "top")[up])
        axes.plot(*to_data.transform([mark[:2], end]).T, color=name.get_color(), linewidth=0.6, zorder=2)


if __name__ == "__main__":
    main()
