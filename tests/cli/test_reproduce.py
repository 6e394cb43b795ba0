import csv
import io
import re
import sys

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from refocal.cli import main
from refocal.datasets import open_dataset
from refocal.datasets.files import read_luma8
from refocal.evaluation import loop
from refocal.images.io import Photo, read, write
from refocal.tables import TABLES, columns
from refocal.tables.published import Line
from refocal.types import InputError


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with two photos as data; without LPIPS, which needs torch and a file of weights."""
    rng = np.random.default_rng(29)
    for name in ("kodim01", "kodim07"):
        (tmp_path / "data/kodak24").mkdir(parents=True, exist_ok=True)
        pixels = np.kron(rng.integers(0, 256, (18, 20, 3)), np.ones((8, 8, 1))).astype(np.uint8)
        write(tmp_path / f"data/kodak24/{name}.png", Photo(pixels))

    def no_lpips(*_):
        raise InputError("It isn't installed.")

    monkeypatch.setattr(columns, "_lpips", no_lpips)
    monkeypatch.delenv("REFOCAL_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def grid(page):
    """The cells of the page's table: label -> column's head -> text."""
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("|")]
    return {line[0]: dict(zip(lines[0][1:], line[1:], strict=True)) for line in lines[2:]}


def test_table_i_in_one_command(here, capsys):
    assert main(["reproduce", "sharpness_loss:I"]) == 0
    said = capsys.readouterr()
    folder = here / "reproduced/sharpness_loss-I"
    page = (folder / "sharpness_loss-I.md").read_text(encoding="utf-8")
    assert said.out == page
    assert "LPIPS was left out. It isn't installed." in page
    assert "5 × 5 pixels with mirrored edges" in page and "(U. Aurangabadkar, " in page
    assert (folder / "sharpness_loss-I_figure_3.png").stat().st_size > 1000
    assert "blurred, as given: 2 of 2 images" in said.err

    decibels = []
    for name in ("kodim01", "kodim07"):
        sharp = read_luma8(here / f"data/kodak24/{name}.png")[8:136, 16:144].astype(float)
        error = np.rint(uniform_filter(sharp, 5, mode="mirror")) - sharp
        decibels.append(-10 * np.log10(np.mean((error / 255) ** 2)))
    first = grid(page)["blurred, as given"]
    assert first["PSNR (dB)"] == f"{np.mean(decibels):.3f} / –" and first["pictures"] == "2"
    assert grid(page)["0.001"]["SSIM"].endswith(" / 0.945")

    text = (folder / "sharpness_loss-I.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 6 * 4 and {row["date"] for row in rows} == set(re.findall(r"Measured (\S+)", page))
    heads = {"psnr": "PSNR (dB)", "ssim": "SSIM", "q": "Q", "lpips": "LPIPS"}
    for row in rows:
        cell = " / ".join(f"{float(row[part]):.3f}" if row[part] else "–" for part in ("ours", "published"))
        assert grid(page)[row["line"]][heads[row["column"]]] == cell
        assert (row["status"] == "measured") == (row["ours"] != "")
    (psnr, ssim, *_) = rows
    assert float(psnr["ours"]) == pytest.approx(np.mean(decibels), abs=1e-4)
    assert (float(psnr["lowest"]), float(psnr["highest"])) == pytest.approx((min(decibels), max(decibels)), abs=1e-4)
    assert float(psnr["pooled"]) == pytest.approx(
        -10 * np.log10(np.mean([10 ** (-d / 10) for d in decibels])), abs=1e-4
    )
    assert ssim["ssim_window"] == "gaussian11" and ssim["pooled"] == "" and psnr["scored"] == "8-bit"
    assert psnr["data"] == "kodak24:mean5" and psnr["method"] == "identity" and psnr["blur"] == "none"


def test_methods_by_maps_in_one_command(here, capsys, monkeypatch):
    pixels = np.kron(np.random.default_rng(30).integers(0, 256, (46, 44, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    write(here / "data/kodak24/kodim01.png", Photo(pixels), overwrite=True)
    (here / "data/kodak24/kodim07.png").unlink()
    monkeypatch.setattr("refocal.tables.svbr_net._ROWS", ())
    assert main(["reproduce", "svbr_net:1"]) == 0
    said = capsys.readouterr()
    folder = here / "reproduced/svbr_net-1"
    assert said.out == (folder / "svbr_net-1.md").read_text(encoding="utf-8")
    assert "Nothing was measured on dandres. Data set 'dandres' isn't in" in said.out
    assert "svbr_net-1_figure_3.png wasn't drawn: it shows kodim14, which isn't among the data." in said.out

    (pair,) = open_dataset("kodak22")
    decibel = -10 * np.log10(np.mean((pair.blurred - pair.sharp) ** 2))
    lines = [line.strip("| ").split(" | ") for line in said.out.splitlines() if line.startswith("|")]
    place = next(place for place, line in enumerate(lines) if line[0] == "blurred, as given")
    assert "PSNR (dB)" in lines[place + 1] and f"{decibel:.2f} / –" in lines[place + 1]
    (kept,) = (folder / "maps").glob("kodak22-kodim01-zhuo-sim-*.png")
    error = np.abs(read(kept).pixels[..., 0] / 256 - pair.extras["blur"].radius_px).mean()
    zhuo = next(line for line in lines if line[0] == "MAE of the map")
    assert f"{error:.3f} / 0.589" in zhuo


def test_a_second_run_measures_nothing_again(here, monkeypatch):
    assert main(["reproduce", "sharpness_loss:I", "--data-root", "data", "-o", "out", "--limit", "1"]) == 0
    kept = (here / "out/sharpness_loss-I.pictures.jsonl").read_text()
    first = (here / "out/sharpness_loss-I.csv").read_text()

    def no_work(*_):
        assert not _[1], "a picture was restored again"
        return iter(())

    monkeypatch.setattr(loop, "restore_each", no_work)
    assert main(["reproduce", "sharpness_loss:I", "--data-root", "data", "-o", "out", "--limit", "1"]) == 0
    assert (here / "out/sharpness_loss-I.pictures.jsonl").read_text() == kept
    assert (here / "out/sharpness_loss-I.csv").read_text() == first


def test_without_matplotlib_everything_else_is_written(here, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    table = TABLES["sharpness_loss:II"].make()
    lines = (Line("blurred", method="identity"), *(line for line in table.lines if line.label == "DDNet"))
    small = type(table)(**{**vars(table), "data": ("kodak24",), "lines": lines})
    monkeypatch.setattr("refocal.tables.sharpness_loss.table_2", lambda: small)
    assert main(["reproduce", "sharpness_loss:II", "-o", "out"]) == 0
    assert "sharpness_loss-II_figure_5.png wasn't drawn: it needs matplotlib" in capsys.readouterr().out
    assert {path.suffix for path in (here / "out").iterdir()} == {".md", ".csv", ".jsonl"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["sharpness_los:I"], "There is no table named 'sharpness_los:I': did you mean 'sharpness_loss:I'?"),
        (["9"], "There is no table named '9': choose one of: sharpness_loss:I, "),
        (["sharpness_loss:II"], "Data set 'bsds500' isn't in data or ../shared/data/test: "),
        (["sharpness_loss:I", "--data-root", "nowhere"], "Data set 'kodak24' isn't in nowhere: "),
        (["sharpness_loss:I", "--weights-dir", "nowhere"], "There is no folder of weights nowhere."),
        (["sharpness_loss:I", "-o", "data/kodak24/kodim01.png"], "data/kodak24/kodim01.png is a file; "),
        (["sharpness_loss:I", "--limit", "0"], "Argument --limit: 0 is not a whole number of at least 1"),
        ([], "The following arguments are required: PAPER:TABLE"),
    ],
)
def test_mistakes_are_one_sentence(here, capsys, words, sentence):
    assert main(["reproduce", *words]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"refocal: {sentence}") and said.err.count("\n") == 1 and said.out == ""
    assert not (here / "reproduced").exists()
