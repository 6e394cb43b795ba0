"""Files whose pixels need care: transparency, masks with alpha, JPEGs that end too early, photos without a change."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refocal.cli import main
from refocal.images.io import read
from refocal.optics.blur import Psf
from refocal.optics.kernels import disk
from refocal.optics.thin_lens import ThinLens


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("hidden", [0, 255])
def test_blur_by_depth_or_radius_blurs_transparency_with_the_scene(here, hidden):
    """A disk of one colour on nothing: its colour stays, and its alpha is blurred like light."""
    y, x = np.mgrid[:60, :70]
    shape = (np.hypot(y - 30, x - 35) < 15).astype(np.float64)
    rgba = np.dstack([np.where(shape[..., None] > 0, [200, 120, 40], hidden), 255 * shape]).astype(np.uint8)
    Image.fromarray(rgba).save("cut.png")
    Image.fromarray(np.full((60, 70), 4000, np.uint16)).save("depth.png")
    lens = ["--focal-length-mm", "50", "--f-number", "2", "--focus-distance-m", "1", "--pixel-pitch-um", "100"]
    radius_px = abs(ThinLens(50.0, 2.0, 1.0, 100.0).signed_radius_px(np.array([4.0])))[0]
    for out, words, radius in (
        ("a.png", ["--radius-px", "3"], 3.0),
        ("b.png", ["--depth", "depth.png", *lens], radius_px),
    ):
        assert main(["blur", "cut.png", "-o", out, *words]) == 0
        found = np.asarray(Image.open(out)).astype(int)
        expected = Psf(disk(radius)).apply(shape[None])[0]
        assert np.abs(found[..., 3] / 255 - expected).max() < 0.02
        seen = found[..., 3] > 8
        assert (np.abs(found[seen][:, :3] - [200, 120, 40]) <= 2).all() and seen.sum() > shape.sum()
        assert (found[found[..., 3] == 0][:, :3] == hidden).all()


def test_what_is_transparent_in_a_mask_is_kept(here):
    mask = np.full((40, 52, 4), 255, np.uint8)
    mask[:, 26:, 3] = 0
    Image.fromarray(mask).save("mask.png")
    y, x = np.mgrid[:40, :52]
    Image.fromarray(np.rint(128 + 60 * np.sin(x / 2) * np.cos(y / 2)).astype(np.uint8)).save("photo.png")
    photo = np.asarray(Image.open("photo.png")).astype(int)
    assert main(["deblur", "photo.png", "-o", "half.png", "--method", "unsharp-mask", "--mask", "mask.png"]) == 0
    change = np.abs(np.asarray(Image.open("half.png")).astype(int) - photo)
    assert change[:, 26:].max() == 0 and change[:, :26].max() > 0


def test_half_a_jpeg_is_restored_as_far_as_it_goes_and_counted(here, capsys):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (96, 96), np.uint8)).save("whole.jpg", quality=95)
    data = Path("whole.jpg").read_bytes()
    Path("half.jpg").write_bytes(data[: len(data) // 2] + b"\xff\xd9")
    assert main(["deblur", "half.jpg", "whole.jpg", "-o", "out", "--method", "unsharp-mask", "--log", "l.jsonl"]) == 1
    said = capsys.readouterr().err
    assert "the first 48 of 96 rows are whole" in said or "the first 40 of 96 rows are whole" in said
    assert "2 restored, 1 of them incomplete because the file is damaged" in said
    assert [json.loads(line)["damaged"] for line in Path("l.jsonl").read_text().splitlines()] == [True, False]
    assert read("out/half.jpg").pixels.shape == (96, 96, 1)


def test_damage_counts_for_maps_masks_and_blur_as_well(here, capsys):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (96, 96), np.uint8)).save("whole.jpg", quality=95)
    data = Path("whole.jpg").read_bytes()
    Path("half.jpg").write_bytes(data[: len(data) // 2])
    assert main(["map", "half.jpg", "-o", "m.npy", "--estimator", "jnb"]) == 1
    assert "rows are whole" in capsys.readouterr().err
    assert main(["blur", "half.jpg", "-o", "b.png", "--radius-px", "1"]) == 1
    assert main(["deblur", "whole.jpg", "-o", "c.png", "--method", "unsharp-mask", "--mask", "half.jpg"]) == 2
    assert "A mask must be whole" in capsys.readouterr().err and not Path("c.png").exists()


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_a_lossy_photo_without_a_change_is_copied(here, suffix):
    pixels = np.random.default_rng(0).integers(0, 255, (40, 52, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(f"a.{suffix}", quality=70, exif=exif)
    for more in (["--strength", "0"], ["--method", "identity"]):
        assert main(["deblur", f"a.{suffix}", "-o", f"b.{suffix}", "--overwrite", *more]) == 0
        assert Path(f"a.{suffix}").read_bytes() == Path(f"b.{suffix}").read_bytes()
    assert main(["deblur", f"a.{suffix}", "-o", "c.png", "--method", "identity"]) == 0
    assert read("c.png").pixels.shape == (52, 40, 3)
