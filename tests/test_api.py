"""The public calls: what the command line can say, Python can say with the same words and the same meaning."""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import refocal
from refocal.cli import main
from refocal.inference.device import current_device
from refocal.methods.wiener import Wiener
from refocal.types import InputError

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def photo():
    """(96, 144, 3) uint8: blocks of colour with texture, blurred by a disk of 2 px."""
    rng = np.random.default_rng(5)
    sharp = np.kron(rng.uniform(0.1, 0.9, (3, 12, 18)), np.ones((8, 8))) + rng.normal(0, 0.01, (3, 96, 144))
    blurred = np.clip(refocal.Psf(np.full((5, 5), 0.04)).apply(np.clip(sharp, 0, 1)), 0, 1)
    return np.rint(255 * np.moveaxis(blurred, 0, -1)).astype(np.uint8)


def test_python_and_the_command_line_restore_alike(photo, tmp_path, monkeypatch):
    """Every pair of words gives the same pixels; "default" with a blur is "classical" in both."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(photo).save("a.png")
    mask = np.zeros(photo.shape[:2], np.uint8)
    mask[:, 50:] = 255
    Image.fromarray(mask).save("mask.png")
    share = mask.astype(np.float32) / 255
    cases = (
        ([], {}),
        (["--method", "fast"], {"method": "fast"}),
        (["--radius-px", "2"], {"blur": 2.0}),
        (["--method", "default", "--radius-px", "2"], {"method": "default", "blur": 2.0}),
        (["--method", "classical", "--radius-px", "2"], {"blur": 2.0}),
        (["--estimator", "ebdb"], {"blur": "ebdb"}),
        (["--radius-px", "2", "--weight", "300"], {"method": "classical", "blur": 2.0, "options": {"weight": 300.0}}),
        (
            ["--method", "wiener", "--radius-px", "2", "--noise-to-signal", "0.05"],
            {"method": "wiener", "blur": 2.0, "options": {"noise_to_signal": 0.05}},
        ),
        (["--strength", "0.5", "--mask", "mask.png"], {"strength": 0.5, "mask": share}),
        (["--tile-px", "40", "--device", "cpu"], {"tile_px": 40, "device": "cpu"}),
    )
    for place, (words, arguments) in enumerate(cases):
        assert main(["deblur", "a.png", "-o", f"{place}.png", *words]) == 0
        with Image.open(f"{place}.png") as restored:
            np.testing.assert_array_equal(np.asarray(restored), refocal.deblur(photo, **arguments))
    found = [np.asarray(Image.open(f"{place}.png")) for place in range(len(cases))]
    np.testing.assert_array_equal(found[2], found[3])
    np.testing.assert_array_equal(found[2], found[4])
    assert all((found[place] != found[2]).any() for place in (0, 1, 5, 6, 7, 8))


def test_the_command_line_says_that_default_gives_way_to_classical(photo, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(photo).save("a.png")
    assert main(["deblur", "a.png", "-o", "b.png", "--method", "default", "--radius-px", "2"]) == 0
    assert "default takes no blur: classical undoes the one of --radius-px." in capsys.readouterr().err


def test_image_map_and_confidence_come_from_one_pass(photo):
    found = refocal.deblur_and_map(photo)
    np.testing.assert_array_equal(found.image, refocal.deblur(photo))
    np.testing.assert_array_equal(found.radius_px, refocal.estimate_blur(photo))
    assert found.confidence.shape == photo.shape[:2] and 0 <= found.confidence.min() < found.confidence.max() <= 1
    assert found.radius_px.dtype == found.confidence.dtype == np.float32 and found.notes == ()

    estimated = refocal.deblur_and_map(photo, "wiener", "ebdb")
    np.testing.assert_array_equal(estimated.radius_px, refocal.estimate_blur(photo, "ebdb"))
    given = refocal.deblur_and_map(photo, "wiener", 2.5)
    np.testing.assert_array_equal(given.radius_px, np.full(photo.shape[:2], 2.5, np.float32))
    without = refocal.deblur_and_map(photo, "unsharp-mask", 2.5)
    assert without.radius_px is None and without.confidence is None
    assert without.notes == ("This method uses no blur: the given one is ignored.",)


def test_progress_counts_the_tiles(photo):
    steps = []
    refocal.deblur(photo, "fast", tile_px=60, progress=lambda done, count: steps.append((done, count)))
    count = steps[0][1]
    assert count > 1 and steps == [(done, count) for done in range(1, count + 1)]
    steps.clear()
    refocal.deblur(photo, lambda image, blur: image, progress=lambda done, count: steps.append((done, count)))
    assert steps == [(1, 1)]


def test_a_device_holds_for_one_call(photo, monkeypatch):
    monkeypatch.setenv("REFOCAL_DEVICE", "nowhere")
    with pytest.raises(InputError, match="no device named 'nowhere'"):
        refocal.deblur(photo)
    refocal.deblur(photo, device="cpu")
    refocal.estimate_blur(photo, device="cpu")
    with pytest.raises(InputError, match="no device named 'tpu': choose cpu or cuda"):
        refocal.deblur(photo, device="tpu")
    with pytest.raises(InputError, match="no device named 'nowhere'"):
        current_device()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            {"options": {"weight": 3.0}},
            "The method default has no option 'weight': its options are weights, threads, target, bokeh",
        ),
        ({"method": "identity", "options": {"a": 1}}, "The method identity has no option 'a': it has no options"),
        ({"method": "wiener", "blur": 2.0, "options": {"noise_to_signal": -1.0}}, "noise_to_signal"),
        ({"method": Wiener(), "blur": 2.0, "options": {"noise_to_signal": 0.1}}, "an object has its options already"),
    ],
)
def test_options_that_do_not_fit_are_refused(photo, arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        refocal.deblur(photo, **arguments)


CLIENT = """
from pathlib import Path
from typing import assert_type

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import refocal
from refocal.datasets import open_dataset

pixels: NDArray[np.uint8] = np.zeros((32, 48, 3), np.uint8)
assert_type(refocal.deblur(pixels), NDArray[np.uint8])
assert_type(refocal.deblur(b""), bytes)
assert_type(refocal.deblur(Image.new("RGB", (8, 8))), Image.Image)
assert_type(refocal.deblur(Path("a.jpg")), Image.Image | NDArray[np.uint16])
found = refocal.deblur_and_map(pixels, "wiener", 2.5, options={"noise_to_signal": 0.02}, device="cpu", progress=print)
assert_type(found.image, NDArray[np.uint8])
assert_type(found.confidence, NDArray[np.float32] | None)
assert_type(refocal.estimate_blur(pixels, "ebdb"), NDArray[np.float32])
method = refocal.METHODS["wiener"].make({"noise_to_signal": 0.01})
restored = refocal.deblur(pixels / 255.0, method, refocal.Psf(np.full((3, 3), 1 / 9)))
assert_type(restored, NDArray[np.float64])
assert_type(method(pixels / 255.0), NDArray[np.float64])
assert_type(open_dataset("kodak24")[0].name, str)
score: float = float(refocal.metrics.psnr(np.moveaxis(restored, -1, 0), np.moveaxis(pixels / 255.0, -1, 0)))
assert_type(refocal.ESTIMATORS["zhuo-sim"].make()(np.moveaxis(restored, -1, 0)), refocal.BlurMap)
names: list[str] = [name for name, entry in refocal.METRICS.items() if entry.needs == "sharp"]
"""


def test_a_client_passes_strict_type_checks(tmp_path):
    """The same kind in, the same kind out, and a mistake in the client is found."""

    def check(text):
        (tmp_path / "client.py").write_text(text)
        options = [
            "--strict",
            "--follow-imports",
            "silent",
            "--cache-dir",
            tmp_path / "cache",
        ]  # as for an installed one
        command = [sys.executable, "-m", "mypy", *options, "client.py"]
        environment = {"MYPYPATH": str(ROOT / "src"), "PATH": "", "HOME": str(tmp_path)}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        ).stdout

    assert check(CLIENT).startswith("Success"), check(CLIENT)
    wrong = CLIENT + textwrap.dedent("""
        text: str = refocal.deblur(pixels)
        refocal.deblur(pixels, strengt=0.5)
    """)
    found = check(wrong)
    lines = len(wrong.splitlines())
    assert f"client.py:{lines - 1}: error" in found and f"client.py:{lines}: error" in found
