import io
import shutil
from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image

from refocal.catalog import Entry
from refocal.methods import METHODS
from refocal.tables import TABLES
from refocal.tables.cells import cells
from refocal.tables.contact_sheet import HEAD_PX, MARGIN_PX
from refocal.tables.measure import Measured
from refocal.tables.published import Settings
from refocal.tables.sharpness_loss_figures import ENLARGED, beta_strip, scatter
from refocal.types import InputError


@dataclass(frozen=True)
class Darker:
    """Half as bright."""

    def __call__(self, image, _blur=None):
        return 0.5 * image


def tile(sheet, row, column, side=128):
    left = MARGIN_PX + column * (ENLARGED * side + MARGIN_PX)
    top = MARGIN_PX + row * (ENLARGED * side + HEAD_PX + MARGIN_PX) + HEAD_PX
    return sheet[top : top + ENLARGED * side : ENLARGED, left : left + ENLARGED * side : ENLARGED, 0]


def test_the_strip_shows_our_pictures_above_the_published_ones(shared, tmp_path, monkeypatch):
    monkeypatch.setitem(METHODS, "sharpness-unet-beta-0.05", Entry(f"{__name__}:Darker", "of this test"))
    data = shared / "data/test"
    table = TABLES["sharpness_loss:I"].make()
    table = replace(table, lines=tuple(replace(line, loss={}) for line in table.lines))
    found = cells(table, [Measured(line, "not trained", {}, 24) for line in table.lines])
    sheet = np.asarray(Image.open(io.BytesIO(beta_strip(table, found, Settings(data)))))
    blurred = tile(sheet, 0, 1)
    np.testing.assert_array_equal(tile(sheet, 0, 5), blurred // 2)  # the fourth beta; truncated, as it is scored
    published = np.asarray(Image.open(data / "mmsp2024_crops/Beta_Value_Comp/kodim01_b_r_0_1.png").convert("L"))
    assert (tile(sheet, 1, 6) == published).all()
    near = np.abs(tile(sheet, 1, 1).astype(int) - blurred).mean()
    assert near < 0.2  # the published blurred crop: 0.4 % of the luma values differ by one level

    shutil.copytree(data / "kodak24", tmp_path / "kodak24", ignore=shutil.ignore_patterns("kodim01.png", "kodim1*"))
    with pytest.raises(InputError, match="kodim01, which isn't among the data"):
        beta_strip(table, found, Settings(tmp_path))


def test_the_scatter_has_a_point_per_method_and_lines_at_the_means():
    pytest.importorskip("matplotlib")
    table = TABLES["sharpness_loss:II"].make()
    figures = {"q": {"aL": 0.16, "mLM": 0.17}, "ssim": {"aL": 0.88, "mLM": 0.98}}

    def measured(line):
        values = {column: (of[line.label],) for column, of in figures.items() if line.label in of}
        return Measured(line, "of this test", values, 1)

    (axes,) = scatter(cells(table, [measured(line) for line in table.lines])).axes
    published, ours = (np.asarray(points.get_offsets()) for points in axes.collections)
    theirs = [(line.published[2], line.published[1]) for line in table.lines if line.published]
    np.testing.assert_allclose(published, theirs)
    np.testing.assert_allclose(ours, [(0.16, 0.88), (0.17, 0.98)])
    means = [*np.mean(theirs, axis=0), 0.165, 0.93]
    drawn = [line.get_xdata()[0] if place % 2 == 0 else line.get_ydata()[0] for place, line in enumerate(axes.lines)]
    np.testing.assert_allclose(drawn, means)
    labels = [text.get_text() for text in axes.texts]
    assert labels.count("aL") == 2 and labels.count("DDNet") == 1 and len(labels) == len(theirs) + 2
