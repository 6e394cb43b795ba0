"""The six tables of learnable_blur_kernel_defocusgan: their published figures, and ours."""

import io
import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image
from scipy.stats import spearmanr

from refocal.catalog import Entry
from refocal.datasets import Pair, Protocol
from refocal.estimators import ESTIMATORS
from refocal.methods import METHODS
from refocal.optics.blur import BlurMap
from refocal.optics.kernels import disk
from refocal.tables import TABLES, contact_sheet
from refocal.tables import learnable_blur_kernel_defocusgan_figures as pictures
from refocal.tables import learned_kernels_figure as kernels
from refocal.tables import measure as module
from refocal.tables.cells import cells, to_csv
from refocal.tables.columns import PARAMETERS, millions
from refocal.tables.measure import measure
from refocal.tables.page import page
from refocal.tables.published import Settings
from refocal.types import InputError, Tiling
from samples import InMemory

NAMES = {"Ours (DefocusGAN)": "Ours", "Ours (learnable BK)": "Ours"}
METRICS = {"PSNR": "psnr", "SSIM": "ssim", "MAE": "mae", "LPIPS": "lpips", "params_M": "parameters"}
SETS = {"DPDD test, indoor (37)": "dpdd/indoor", "DPDD test, outdoor (39)": "dpdd/outdoor"}
calls = []


def table_of(number):
    return TABLES[f"learnable_blur_kernel_defocusgan:{number}"].make()


@pytest.mark.parametrize(("number", "count"), [(1, 86), (2, 12), (3, 12), (4, 18), (5, 9), (6, 16)])
def test_published_figures_are_the_paper_s(number, count, shared):
    rows = json.loads((shared / "dossier/paper_tables.json").read_text(encoding="utf-8"))["rows"]
    rows = [row for row in rows if (row["paper"], row["table"]) == ("learnable_blur_kernel_defocusgan", str(number))]
    expected = {
        (NAMES.get(row["method"], row["method"]), SETS.get(row["dataset"], "dpdd"), METRICS[row["metric"]]): row[
            "value"
        ]
        for row in rows
    }
    found = {}
    for line in table_of(number).lines:
        label, data = line.row, line.data
        assert line.label == f"{label} | {data}"
        if line.published:
            for column, figure in zip(line.columns, line.published, strict=True):
                if figure is not None:
                    found[label, data, column] = figure
    assert found == expected and len(expected) == count


def scene(rng, name, **extras):
    sharp = rng.uniform(0.1, 0.9, (1, 44, 48)).astype(np.float32)
    views = {"left": 0.5 * sharp, "right": 0.25 * sharp}
    return Pair(0.5 * sharp, sharp, name, views | extras)


@dataclass(frozen=True)
class Affine:
    """A method that changes gain and offset, and makes the outermost 16 pixels black."""

    needs = ""

    gain: float = 0.5
    weights: str = ""

    def __call__(self, image, blur=None):
        calls.append("method")
        out = np.zeros_like(image)
        out[..., 16:-16, 16:-16] = self.gain * image[..., 16:-16, 16:-16] + 0.2
        return out

    def tiling(self, half_px):
        return Tiling(64)


@dataclass(frozen=True)
class FromRight:
    """An estimator of two views: eight times the right one, which is 2 px at most."""

    views: int = 2

    def __call__(self, image):
        assert image.shape[0] == 2
        calls.append("map")
        return BlurMap(8 * image[1])


@dataclass(frozen=True)
class Added:
    """A method that adds a tenth of the radius."""

    needs = "blur"

    weight: float = 0.0

    def __call__(self, image, blur=None):
        assert blur.encoding == "srgb"
        return image + blur.radius_px / 10

    def tiling(self, half_px):
        return Tiling(64)


@pytest.fixture
def small_sets(monkeypatch):
    calls.clear()
    rng = np.random.default_rng(12)
    valid = np.ones((44, 48), np.float32)
    valid[:20] = 0
    real = tuple(scene(rng, name, defocus=rng.uniform(0, 255, (44, 48)), valid=valid) for name in ("001", "003"))
    known = (scene(rng, "kodim01", radius_px=rng.uniform(0, 8, (44, 48))),)
    sets = {
        "pixel4_dp/4": InMemory(real, Protocol("pixel4_dp/4", "", "float", "green", 16, "gain-offset")),
        "pixel4_dp/2": InMemory(real[:1], Protocol("pixel4_dp/2", "", "float", "green", 16, "gain-offset")),
        "kodak24_dp": InMemory(known, Protocol("kodak24_dp", "", "16-bit")),
    }

    def open_in_memory(name, _root=None):
        if name not in sets:
            raise InputError("Data set 'dpdd' isn't here: get it from its authors.")
        return sets[name]

    for place in (module, pictures):
        monkeypatch.setattr(place, "open_dataset", open_in_memory)
    monkeypatch.setitem(METHODS, "defocusgan", Entry(f"{__name__}:Affine", "of this test"))
    monkeypatch.setitem(METHODS, "hyper-laplacian", Entry(f"{__name__}:Added", "of this test", "blur"))
    monkeypatch.setitem(ESTIMATORS, "dual-pixel-learned", Entry(f"{__name__}:FromRight", "of this test", "views"))
    for name in ("jnb", "ebdb", "dmenet", "dandres", "bambnet"):
        monkeypatch.delitem(ESTIMATORS, name, raising=False)
    return sets


def without_lpips(line):
    places = [place for place, name in enumerate(line.columns) if name != "lpips"]
    published = tuple(line.published[place] for place in places) if line.published else ()
    return replace(line, columns=tuple(line.columns[place] for place in places), published=published)


def run(number, cache=None, rows=()):
    """Cells and sentences, of the table without LPIPS, which needs torch."""
    table = table_of(number)
    columns = tuple(column for column in table.columns if column.name != "lpips")
    lines = tuple(without_lpips(line) for line in table.lines if line.row in rows)
    table = replace(table, columns=columns, lines=lines)
    measured, missing = measure(table, Settings(cache=cache), lambda *_: None)
    return table, cells(table, measured), missing


def ours(found, label, column):
    (cell,) = (cell for cell in found if (cell.line.label, cell.column) == (label, column))
    return cell.ours


def test_each_set_is_scored_under_its_protocol_and_each_real_scene_alone(small_sets, tmp_path):
    table, found, missing = run(1, tmp_path / "t.jsonl", ("Ours", "IFAN", "MDPNet"))
    # Inside the border the gain and the offset are fitted away; on the synthetic set nothing is.
    assert ours(found, "Ours | pixel4_dp/4", "psnr") > 100 and ours(found, "Ours | pixel4_dp/4 | 003", "psnr") > 100
    pair = small_sets["kodak24_dp"][0]
    restored = Affine()(pair.blurred)
    assert ours(found, "Ours | kodak24_dp", "psnr") == pytest.approx(
        -10 * np.log10(np.mean((restored - pair.sharp) ** 2))
    )
    assert ours(found, "Ours | kodak24_dp", "mae") == pytest.approx(np.mean(np.abs(restored - pair.sharp)))
    by_line = {cell.line.label: cell for cell in found if cell.column == "psnr"}
    assert (by_line["Ours | dpdd"].published, by_line["Ours | dpdd"].status) == (25.56, "no data here")
    assert (
        by_line["IFAN | kodak24_dp"].status == "not in refocal"
        and by_line["MDPNet | kodak24_dp"].status == "not trained"
    )
    assert by_line["Ours | pixel4_dp/4 | 001"].data == "pixel4_dp/4, *001" and by_line["Ours | pixel4_dp/4"].n == 2
    assert "Ours | pixel4_dp/4 | 003" in to_csv(found)
    assert missing == ["Nothing was measured on dpdd. Data set 'dpdd' isn't here: get it from its authors."]

    text = page(table, found, missing)
    assert "## `pixel4_dp/4`, 2 pictures" in text and "## `dpdd/indoor`, not measured" in text
    assert "| IFAN (not in refocal) | – / 25.18 | – / 0.786 | – / 0.041 | – / 10.48 |" in text.partition("## `dpdd`")[0]
    indoor = text.partition("## `dpdd/indoor`")[2].partition("## `dpdd/outdoor`")[0]
    assert "| Ours ¹ (no data here) | – / 28.31 | – / 0.857 |" in indoor
    assert "| scene, PSNR (dB) | Ours |" in text and "- Nothing was measured on dpdd." in text

    count = calls.count("method")
    assert run(1, tmp_path / "t.jsonl", ("Ours",))[1] and calls.count("method") == count  # every figure is kept


def test_maps_of_two_views_are_given_and_ranked_where_the_radius_is_known(small_sets):
    _, found, _ = run(3, rows=("Ours", "DMENet", "BaMBNet"))
    for place, pair in enumerate(small_sets["pixel4_dp/4"].pairs):
        radius = np.rint(8 * pair.extras["right"][0] * 256) / 256
        rho = spearmanr(radius[20:].ravel(), pair.extras["defocus"][20:].ravel())[0]
        assert ours(found, f"Ours | pixel4_dp/4 | {('001', '003')[place]}", "spearman") == pytest.approx(rho, abs=1e-6)
    (pair,) = small_sets["kodak24_dp"].pairs
    radius = np.rint(8 * pair.extras["right"][0] * 256) / 256
    assert ours(found, "Ours | kodak24_dp", "spearman") == pytest.approx(
        spearmanr(radius.ravel(), pair.extras["radius_px"].ravel())[0], abs=1e-6
    )
    restored = pair.blurred + radius / 10
    assert ours(found, "Ours | kodak24_dp", "psnr") == pytest.approx(
        -10 * np.log10(np.mean((np.clip(restored, 0, 1) - pair.sharp) ** 2)), abs=1e-3
    )
    assert {cell.status for cell in found if cell.line.label.startswith("DMENet | pixel4")} == {"no map: not trained"}


def test_ablations_are_looked_for_by_their_own_names(small_sets):
    _, found, _ = run(4, rows=("Base", "Base+RCAB+DGB+MS+Lp+GAN"))
    assert {cell.status for cell in found} == {"not trained"}


def test_parameters_are_those_of_the_networks():
    pytest.importorskip("torch")
    import torch

    from refocal.learn.nets import NETWORKS, defocusgan, dpdnet

    configs = {"dpdnet-single": dpdnet.Config(views=1), "defocusgan-light": defocusgan.Config(glue="light")}
    networks = {"dpdnet-single": "dpdnet", "defocusgan-light": "defocusgan", "defocusgan-no-gan": "defocusgan"}
    for name, count in PARAMETERS.items():
        with torch.device("meta"):
            make = NETWORKS[networks.get(name, name)].load()
            built = make(configs[name]) if name in configs else make()
        assert sum(parameter.numel() for parameter in built.parameters() if parameter.requires_grad) == count, name
    assert millions("defocusgan-light") == 4.586307 and millions("jnb") is None


def test_figure_3_has_a_row_per_scene(small_sets):
    sheet = np.asarray(Image.open(io.BytesIO(pictures.figure_3(table_of(1), [], Settings()))))
    across, down = 48 + contact_sheet.MARGIN_PX, 44 + contact_sheet.HEAD_PX + contact_sheet.MARGIN_PX
    assert sheet.shape == (2 * down + contact_sheet.MARGIN_PX, 4 * across + contact_sheet.MARGIN_PX, 3)
    for row, pair in enumerate(small_sets["pixel4_dp/4"].pairs):
        top = contact_sheet.MARGIN_PX + row * down + contact_sheet.HEAD_PX
        for column, image in ((0, pair.blurred), (3, pair.sharp)):
            left = contact_sheet.MARGIN_PX + column * across
            np.testing.assert_array_equal(sheet[top : top + 44, left : left + 48, 1], np.rint(image[0] * 255))


def test_a_disk_has_its_radius_and_a_flat_profile():
    for radius in (6.0, 14.5):
        kernel = disk(radius)
        shifted = np.pad(kernel, ((0, 4), (2, 0)))
        found, row, column = kernels.radius_of(shifted)
        middle = (kernel.shape[0] - 1) / 2
        assert found == pytest.approx(radius, rel=0.01) and (row, column) == pytest.approx((middle, middle + 2))
        line = kernels.profile(kernel, radius, (middle, middle))
        rho = np.linspace(0, kernels.REACH, len(line))
        np.testing.assert_allclose(line[rho < 0.85], 1, rtol=0.02)
        assert line[rho > 1.2].max() < 0.01


def test_kernels_are_drawn_at_one_size(tmp_path):
    banks = {sign: {radius: disk(radius) for radius in kernels.RADII_PX} for sign in kernels.SIGNS}
    named = {f"{sign}-{radius}": kernel for sign, bank in banks.items() for radius, kernel in bank.items()}
    np.savez(tmp_path / kernels.KERNELS_FILE, **named)
    read = kernels.read_kernels(tmp_path)
    np.testing.assert_array_equal(read["behind"][5], banks["behind"][5])
    lens = np.stack([np.pad(disk(11.0), 19)] * 48)
    sheet = np.asarray(Image.open(io.BytesIO(kernels.draw(read, lens))))
    tile = kernels.TILE_PX
    for row in (1, 2, 3):
        for column in range(len(kernels.RADII_PX)):
            top = kernels.HEAD_PX + row * (tile + kernels.MARGIN_PX)
            left = kernels.LABEL_PX + column * (tile + kernels.MARGIN_PX)
            white = (sheet[top : top + tile, left : left + tile, 0] > 127).mean()
            assert white == pytest.approx(np.pi / (2 * kernels.REACH) ** 2, rel=0.15)

    np.savez(tmp_path / kernels.KERNELS_FILE, other=lens[0])
    with pytest.raises(InputError, match="doesn't hold the kernels front-0"):
        kernels.read_kernels(tmp_path)


def test_calibrated_kernels_are_read_and_have_the_measured_radius(shared):
    lens = kernels.read_lens(shared / "data/test")
    assert lens.shape == (48, 61, 61)
    np.testing.assert_allclose(lens.sum(axis=(1, 2)), 1, rtol=1e-9)
    radii = [kernels.radius_of(kernel)[0] for kernel in lens]
    assert min(radii) == pytest.approx(11.2, abs=0.05) and max(radii) == pytest.approx(13.3, abs=0.05)
