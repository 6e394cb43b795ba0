import io
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from refocal.catalog import Entry
from refocal.datasets import open_dataset
from refocal.estimators import ESTIMATORS
from refocal.methods import METHODS
from refocal.optics.blur import BlurMap
from refocal.tables import TABLES
from refocal.tables.contact_sheet import BAR_PX, HEAD_PX, MARGIN_PX
from refocal.tables.published import Settings
from refocal.tables.svbr_net_figures import ROWS_SHOWN, figure_3, figure_3_dandres
from refocal.types import InputError

SHOWN = ROWS_SHOWN.stop - ROWS_SHOWN.start


@dataclass(frozen=True)
class Three:
    """Three pixels everywhere."""

    def __call__(self, image):
        return BlurMap(np.full(image.shape[1:], 3, np.float32))


@dataclass(frozen=True)
class Darker:
    """Darker by a twentieth of the radius."""

    def __call__(self, image, blur=None):
        return image - blur.radius_px / 20

    needs = "map"


@pytest.fixture
def sheet_of(shared, monkeypatch):
    for name in list(ESTIMATORS):
        monkeypatch.delitem(ESTIMATORS, name)
    monkeypatch.setitem(ESTIMATORS, "dmenet", Entry(f"{__name__}:Three", "of this test"))
    for name in ("zhang-superpixel", "levin-krishnan", "svbr-net-gtb", "svbr-net"):
        monkeypatch.delitem(METHODS, name, raising=False)
    monkeypatch.setitem(METHODS, "default", Entry("refocal.methods.identity:Identity", "of this test"))
    monkeypatch.setitem(METHODS, "svbr-net", Entry(f"{__name__}:Darker", "of this test", "map"))
    return lambda draw: np.asarray(
        Image.open(io.BytesIO(draw(TABLES["svbr_net:1"].make(), [], Settings(shared / "data/test"))))
    )


def tile(sheet, row, column, width):
    top, left = MARGIN_PX + row * (SHOWN + HEAD_PX + MARGIN_PX) + HEAD_PX, MARGIN_PX + column * (width + MARGIN_PX)
    return sheet[top : top + SHOWN, left : left + width].astype(int)


def levels(image):
    return np.floor(np.clip(image, 0, 1) * 255 + 1e-3)[:, ROWS_SHOWN].transpose(1, 2, 0)


def test_maps_stand_above_what_is_made_of_them(sheet_of, shared):
    sheet = sheet_of(figure_3)
    pair = next(pair for pair in open_dataset("kodak22", shared / "data/test") if pair.name == "kodim14")
    radius = pair.extras["blur"].radius_px
    assert sheet.shape == (3 * (SHOWN + HEAD_PX + MARGIN_PX) + MARGIN_PX, 3 * (340 + MARGIN_PX) + MARGIN_PX, 3)
    for column, image in enumerate((pair.blurred, pair.sharp, pair.blurred)):
        np.testing.assert_array_equal(tile(sheet, 0, column, 340), levels(image))
    for column, given in enumerate((radius, np.full_like(radius, 3))):
        assert np.abs(tile(sheet, 2, column, 340) - levels(pair.blurred - given / 20)).max() <= 1
    true, three = (tile(sheet, 1, column, 340) for column in (0, 1))
    colour = three[0, 0]
    assert (three[:-BAR_PX] == colour).all()
    same = radius[ROWS_SHOWN][:-BAR_PX] == 3  # one scale: 3 px has one colour in both maps
    assert same.any() and (true[:-BAR_PX][same] == colour).all() and not (true[:-BAR_PX][~same] == colour).all(-1).any()


def test_a_photo_without_truth_is_shown_with_estimated_maps_alone(sheet_of, shared):
    sheet = sheet_of(figure_3_dandres)
    pair = open_dataset("dandres", shared / "data/test")[2]
    np.testing.assert_array_equal(tile(sheet, 0, 0, 360), levels(pair.blurred))
    assert np.abs(tile(sheet, 2, 0, 360) - levels(pair.blurred - 0.15)).max() <= 1


def test_it_is_said_when_the_photo_isn_t_there(tmp_path, shared):
    (tmp_path / "kodak24").mkdir()
    (tmp_path / "kodak24/kodim01.png").write_bytes((shared / "data/test/kodak24/kodim01.png").read_bytes())
    with pytest.raises(InputError, match="it shows kodim14, which isn't among the data"):
        figure_3(TABLES["svbr_net:1"].make(), [], Settings(tmp_path))
    with pytest.raises(InputError, match="'dandres' isn't in"):
        figure_3_dandres(TABLES["svbr_net:1"].make(), [], Settings(tmp_path))
