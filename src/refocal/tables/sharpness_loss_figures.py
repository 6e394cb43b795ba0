"""Figures 3 and 5 of Aurangabadkar et al. 2024, drawn from our own numbers and images."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from refocal.datasets import open_dataset
from refocal.tables.contact_sheet import Tile, montage
from refocal.tables.measure import to_scored
from refocal.tables.published import Cell, PublishedTable, Settings
from refocal.tables.runnable import make_runnable
from refocal.types import Image, InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Fig. 3: the crop and its published pictures, in the authors' repository.
FIG_3_PHOTO = "kodim01"
FIG_3_PUBLISHED = {
    "blurred": "kodim01_blurry",
    "0": "kodim01_b_r_onlyMAE",
    "0.001": "kodim01_b_r_0_001",
    "0.01": "kodim01_b_r_0_01",
    "0.05": "kodim01_b_r_0_05",
    "0.1": "kodim01_b_r_0_1",
}
ENLARGED = 2
OURS, THEIRS = "tab:blue", "tab:red"
NEAR = (0.006, 0.008)  # in Q and in SSIM: labels of points nearer than this would overlap


def beta_strip(table: PublishedTable, found: Sequence[Cell], settings: Settings) -> bytes:
    """Fig. 3 of Aurangabadkar et al. 2024: one crop, original, blurred, and restored at every beta; theirs below ours.

    Raises:
        InputError: If the photo isn't among the data.
    """
    data: Any = open_dataset("kodak24:mean5", settings.data_root)
    pair = next((data[place] for place in range(len(data)) if data.photos[place].stem == FIG_3_PHOTO), None)
    if pair is None:
        raise InputError(f"it shows {FIG_3_PHOTO}, which isn't among the data")
    ours: dict[str, Image | str] = {"original": pair.sharp, "blurred": pair.blurred}
    for line in dict.fromkeys(cell.line.label for cell in found if cell.line.published):
        of_table = next(each for each in table.lines if each.label == line)
        runnable = make_runnable(of_table, table.max_radius_px, settings.weights_dir)
        ours[line] = (
            runnable
            if isinstance(runnable, str)
            else to_scored(runnable.method(pair.blurred, pair.extras["blur"]), truncated=True)
        )
    rows = {"refocal": ours}
    if theirs := _published(settings.data_root):
        rows["published"] = {label: theirs.get(label, "") for label in ours}
    return montage(
        [[_tile(name, label, image) for label, image in row.items()] for name, row in rows.items()], ENLARGED
    )


def _tile(name: str, label: str, image: Image | str) -> Tile:
    return f"{label if label in ('original', 'blurred') else f'beta = {label}'}, {name}", image


def ssim_against_q(table: PublishedTable, found: Sequence[Cell], settings: Settings) -> bytes:  # noqa: ARG001
    """Fig. 5 of Aurangabadkar et al. 2024: Q against SSIM, a labelled point per method; dashed lines at the means.

    Raises:
        InputError: If matplotlib isn't installed.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise InputError("it needs matplotlib: pip install 'refocal[learn]'") from None
    stream = BytesIO()
    scatter(found).savefig(stream, format="png", dpi=130)
    return stream.getvalue()


def scatter(found: Sequence[Cell]) -> Figure:
    """The published lines of a table as points (Q, SSIM), theirs and ours, with the means of each."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5.5), layout="constrained")
    axes = figure.add_subplot()
    points = {
        "published": (THEIRS, "s", lambda cell: cell.published),
        "refocal": (OURS, "o", lambda cell: cell.ours),
    }
    for name, (colour, mark, figure_of) in points.items():
        of = {
            column: {cell.row: figure_of(cell) for cell in found if cell.column == column} for column in ("q", "ssim")
        }
        known = [cell.row for cell in found if cell.column == "q" and cell.published is not None]
        known = [line for line in known if of["q"][line] is not None and of["ssim"][line] is not None]
        if not known:
            continue
        q, ssim = ([of[column][line] for line in known] for column in ("q", "ssim"))
        axes.scatter(q, ssim, color=colour, marker=mark, label=name, zorder=2)
        axes.axvline(float(np.mean(q)), color=colour, linestyle="--", linewidth=0.8, zorder=1)
        axes.axhline(float(np.mean(ssim)), color=colour, linestyle="--", linewidth=0.8, zorder=1)
        for line, x, y in zip(known, q, ssim, strict=True):
            # Of two points side by side, the left one's label goes to its left.
            crowded = any(0 < a - x < NEAR[0] and abs(b - y) < NEAR[1] for a, b in zip(q, ssim, strict=True))
            offset = (-5 if crowded else 5, 4 if name == "refocal" else -11)
            side = "right" if crowded else "left"
            axes.annotate(line, (x, y), offset, textcoords="offset points", color=colour, fontsize=8, ha=side)
    axes.set(xlabel="Q", ylabel="SSIM", title="Sharpness against similarity; dashed: means over the methods shown")
    axes.legend(loc="lower right")
    axes.margins(0.12)
    return figure


def _published(data_root: Path | None) -> dict[str, Image]:
    """The authors' images of Fig. 3, (1, H, W) in [0, 1], where they are among the data."""
    from refocal.datasets.files import read_luma8

    try:
        data: Any = open_dataset("mmsp2024", data_root)
    except InputError:
        return {}
    folder = data.files[0][1].parents[1] / "Beta_Value_Comp"
    files = {head: folder / f"{stem}.png" for head, stem in FIG_3_PUBLISHED.items()}
    return {head: read_luma8(file)[None] / 255 for head, file in files.items() if file.is_file()}
