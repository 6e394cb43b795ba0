"""The networks of the papers say what they were made for, once per run."""

import numpy as np
import pytest

import refocal
from refocal.cli import main
from refocal.images.io import Photo, write
from refocal.methods import METHODS, purpose

SAID = "sharpness-unet was made for luma under a mean of 5 x 5 pixels, not a lens's blur; for other photos"


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for name in "ab":
        write(tmp_path / f"in/{name}.png", Photo(np.random.default_rng(1).integers(0, 256, (32, 40, 3), np.uint8)))


def test_a_run_says_it_once(photos, capsys):
    assert main(["deblur", "in", "-o", "out", "--method", "sharpness-unet"]) == 0
    assert capsys.readouterr().err.count(SAID) == 1
    assert main(["deblur", "in", "-o", "other", "--method", "unsharp-mask"]) == 0
    assert "made for" not in capsys.readouterr().err


def test_python_notes_it_without_a_warning():
    pixels = np.full((32, 40, 3), 90, np.uint8)
    (note,) = refocal.deblur_and_map(pixels, "sharpness-unet").notes
    assert note.startswith(SAID)
    refocal.deblur(pixels, "sharpness-unet")  # pytest makes an error of a warning
    assert not refocal.deblur_and_map(pixels, "unsharp-mask").notes


def test_every_shipped_network_of_a_paper_has_a_purpose_and_a_file_of_the_users_own_has_none():
    networks = [name for name in METHODS if name.startswith(("sharpness-unet", "svbr-net", "defocusgan"))]
    assert len(networks) == 7 and all(purpose(name) for name in networks)
    assert not purpose("default") and not purpose("wiener")
    assert not purpose("svbr-net", "mine.onnx")
