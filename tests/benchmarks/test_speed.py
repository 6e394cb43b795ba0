"""Timing of commands: measured quantities, skipped sizes and updated rows."""

import csv
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from refocal.types import InputError

pytest.importorskip("onnx")


def test_a_photo_is_extended_by_mirroring(script, tmp_path):
    speed = script("speed")
    with Image.open(speed.PHOTO) as photo:
        width, height = photo.size
        small = np.asarray(photo.convert("RGB"))
    with Image.open(speed.save_photo(tmp_path, 2.0)) as grown:
        assert grown.height * grown.width / 1e6 == pytest.approx(2, rel=2e-3)
        assert grown.width == grown.height * 3 // 2
        pixels = np.asarray(grown).astype(float)
    assert np.abs(pixels[:height, :width] - small).mean() < 4  # JPEG
    assert np.abs(pixels[height:, :width] - small[: height - len(pixels) - 1 : -1][: len(pixels) - height]).mean() < 4
    with Image.open(speed.save_photo(tmp_path, 0.1)) as cropped:
        assert cropped.size == (258 * 3 // 2, 258)


def test_peak_memory_is_that_of_the_command_alone(script, tmp_path):
    speed = script("speed")
    photo = speed.save_photo(tmp_path, 0.05)
    held = np.ones(100 << 20, np.uint8)  # of this process, which must not affect the other's
    seconds, command_seconds, peak_mib = speed.command("identity", photo, 2, 60.0)
    more = np.ones(400 << 20, np.uint8)
    *_, again_mib = speed.command("identity", photo, 1, 60.0)
    assert held.nbytes + more.nbytes == 500 << 20
    assert 30 < peak_mib < 300 and again_mib == pytest.approx(peak_mib, rel=0.15)
    assert 0 < seconds < command_seconds


def test_a_command_that_fails_or_takes_too_long(script, tmp_path):
    speed = script("speed")
    photo = speed.save_photo(tmp_path, 0.05)
    assert speed.command("identity", photo, 1, 0.01) is None
    photo.write_bytes(b"no photo")
    with pytest.raises(InputError, match=r"0\.jpg"):
        speed.command("identity", photo, 1, 60.0)
    assert [path.name for path in tmp_path.iterdir()] == ["0.05.jpg"]


def test_sizes_beyond_the_limit_are_skipped(script, tmp_path, monkeypatch):
    speed = script("speed")
    calls = []

    def command(method, photo, runs, timeout_s):
        calls.append((photo.stem, runs, timeout_s))
        seconds = {"0.01": 1.0, "0.02": 4.0}.get(photo.stem, 9.0)
        return seconds / runs, seconds + 0.5, 100.0

    monkeypatch.setattr(speed, "command", command)
    photos = [speed.save_photo(tmp_path, size) for size in (0.01, 0.02, 0.04, 0.06)]
    rows = speed.measure("wiener", photos, 9.0)
    # A second at 0.01 MP: run again for the best of three. 4 s at 0.02: once. So 8 s at 0.04, and 13 at 0.06: too long.
    assert calls == [("0.01", 1, 18.0), ("0.01", 3, 18.0), ("0.02", 1, 18.0), ("0.04", 1, 18.0)]
    assert [row["seconds"] for row in rows] == ["0.333", "4.000", "9.000", "skipped"]
    assert [row["runs"] for row in rows] == ["3", "1", "1", ""]
    with Image.open(photos[1]) as photo:
        assert float(rows[1]["seconds_per_megapixel"]) == pytest.approx(4e6 / (photo.width * photo.height), abs=1e-3)
    assert rows[1]["blur"] == "estimated:zhuo-sim" and rows[1]["gflop_per_megapixel"] == ""
    network, *_ = speed.measure("default", photos[:1], 9.0)
    assert network["blur"] == "none" and float(network["gflop_per_megapixel"]) == 136.6


def test_sizes_that_all_take_too_long_have_rows_too(script, tmp_path, monkeypatch):
    speed = script("speed")
    monkeypatch.setattr(speed, "command", lambda *_: None)
    rows = speed.measure("wiener", [speed.save_photo(tmp_path, size) for size in (0.01, 0.02)], 9.0)
    assert [(row["megapixels"], row["seconds"], row["peak_mib"]) for row in rows] == [
        ("0.01", "skipped", ""),
        ("0.02", "skipped", ""),
    ]


def test_fresh_rows_take_the_place_of_old_ones(script):
    replaced = script("speed").replaced

    def row(method, megapixels, seconds):
        return {"method": method, "megapixels": megapixels, "seconds": seconds}

    old = [row("wiener", "1", "old"), row("wiener", "0.5", "stays"), row("gone", "1", "stays")]
    fresh = [row("wiener", "1", "new"), row("identity", "12", "new"), row("identity", "2", "new")]
    assert replaced(old, fresh) == [fresh[2], fresh[1], old[1], fresh[0], old[2]]


def test_networks_of_one_shape_are_timed_once(script):
    names = ["wiener", "sharpness-unet", "sharpness-unet-beta-0", "identity", "svbr-net", "svbr-net-gtb"]
    assert script("speed").distinct(names) == ["wiener", "sharpness-unet", "identity", "svbr-net"]


def test_a_run_writes_rows_and_a_picture(script, tmp_path):
    speed = script("speed")
    words = ["--methods", "unsharp-mask,missing", "--sizes", "0.02,0.01"]
    words += ["--csv", tmp_path / "out.csv", "--picture", tmp_path / "out.svg"]
    run = subprocess.run(
        [sys.executable, speed.__file__, *map(str, words)], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert "missing: There is no method named 'missing'" in run.stderr
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert tuple(rows[0]) == speed.COLUMNS
    assert [(row["method"], row["megapixels"]) for row in rows] == [("unsharp-mask", "0.01"), ("unsharp-mask", "0.02")]
    assert all(0 < float(row["seconds"]) < float(row["command_seconds"]) and row["runs"] == "3" for row in rows)
    assert "unsharp-mask" in (tmp_path / "out.svg").read_text(encoding="utf-8")
