"""Figures of the papers, drawn from our own numbers and pictures, as the bytes of PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from refocal.datasets import open_dataset
from refocal.tables.cells import Cell
from refocal.tables.measure import to_scored
from refocal.tables.published import Line, Settings
from refocal.tables.runnable import prepare
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
MARGIN_PX, HEAD_PX = 6, 22
GREY = 225
OURS, THEIRS = "tab:blue", "tab:red"
NEAR = (0.006, 0.008)  # in Q and in SSIM: labels of points as near as that would cover each other


def beta_strip(found: Sequence[Cell], settings: Settings) -> bytes:
    """Fig. 3 of Aurangabadkar et al. 2024: one crop, original, blurred, and restored at every beta; theirs below ours.

    Raises:
        InputError: If the photo isn't among the data.
    """
    data = open_dataset("kodak24:mean5", settings.data_root)
    pair = next((data[place] for place in range(len(data)) if data.photos[place].stem == FIG_3_PHOTO), None)
    if pair is None:
        raise InputError(f"it shows {FIG_3_PHOTO}, which isn't among the data")
    ours: dict[str, Image | str] = {"original": pair.sharp[0], "blurred": pair.blurred[0]}
    for cell in found:
        if cell.column == "psnr" and cell.published is not None:
            ready = prepare(Line(cell.line, method=cell.method), settings.weights_dir)
            if isinstance(ready, str):
                ours[f"beta = {cell.line}"] = ready
            else:
                ours[f"beta = {cell.line}"] = to_scored(
                    ready.method(pair.blurred, pair.extras["blur"]), truncated=True
                )[0]
    rows = {"refocal": ours}
    if theirs := _published(settings.data_root):
        rows["published"] = {head: theirs.get(head.removeprefix("beta = "), "") for head in ours}
    return _montage(rows)


def ssim_against_q(found: Sequence[Cell], settings: Settings) -> bytes:  # noqa: ARG001  every picture is asked alike
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
            column: {cell.line: figure_of(cell) for cell in found if cell.column == column} for column in ("q", "ssim")
        }
        known = [cell.line for cell in found if cell.column == "q" and cell.published is not None]
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
    """The authors' pictures of Fig. 3, where they lie among the data."""
    from refocal.datasets.files import read_luma8

    try:
        folder = open_dataset("mmsp2024", data_root).files[0][1].parents[1] / "Beta_Value_Comp"
    except InputError:
        return {}
    files = {head: folder / f"{stem}.png" for head, stem in FIG_3_PUBLISHED.items()}
    return {head: read_luma8(file) / 255 for head, file in files.items() if file.is_file()}


def _montage(rows: dict[str, dict[str, Image | str]]) -> bytes:
    """Rows of grey pictures (H, W) under their heads; a text instead of a picture is written in its place."""
    from PIL import Image as Pillow
    from PIL import ImageDraw, ImageFont

    first = next(image for row in rows.values() for image in row.values() if not isinstance(image, str))
    height, width = (ENLARGED * side for side in first.shape)
    count = max(map(len, rows.values()))
    size = (count * (width + MARGIN_PX) + MARGIN_PX, len(rows) * (height + HEAD_PX + MARGIN_PX) + MARGIN_PX)
    sheet = Pillow.new("L", size, 255)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(15)
    for down, (name, row) in enumerate(rows.items()):
        for across, (head, image) in enumerate(row.items()):
            left = MARGIN_PX + across * (width + MARGIN_PX)
            top = MARGIN_PX + down * (height + HEAD_PX + MARGIN_PX)
            if isinstance(image, str):
                if image:
                    draw.text((left, top), f"{head}, {name}", 0, font)
                    draw.rectangle((left, top + HEAD_PX, left + width - 1, top + HEAD_PX + height - 1), GREY)
                    draw.text((left + width // 4, top + HEAD_PX + height // 2), image, 0, font)
                continue
            draw.text((left, top), f"{head}, {name}", 0, font)
            levels = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
            enlarged = Pillow.fromarray(levels).resize((width, height), Pillow.Resampling.NEAREST)
            sheet.paste(enlarged, (left, top + HEAD_PX))
    stream = BytesIO()
    sheet.save(stream, "PNG", optimize=True)
    return stream.getvalue()
