import json

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")

from refocal.cli import main
from refocal.learn.training.checkpoint import load

TINY = ["--phases.0.steps", "3", "--phases.0.batch=4", "--phases.0.crop-px", "16", "--validation-steps", "3"]


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(2):
        pixels = np.random.default_rng(i).integers(0, 256, (96, 96, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


def test_from_photos_to_a_trained_checkpoint(photos, tmp_path, capsys):
    crops, out = str(tmp_path / "crops.npy"), str(tmp_path / "run")
    assert main(["crops", str(photos), "-o", crops, "--side-px", "32", "--scales", "1"]) == 0
    assert np.load(crops).shape == (18, 32, 32, 3)
    words = ["train", "denoiser", "--data", crops, "-o", out, "--device", "cpu", "--log-steps", "1", *TINY]
    assert main(words) == 0
    saved = load(tmp_path / "run" / "checkpoint.safetensors")
    assert (saved.step, saved.recipe.phases[0].batch, saved.recipe.learning_rate) == (3, 4, 2e-3)
    assert main(words) == 2
    assert "add --resume" in capsys.readouterr().err


def test_crops_include_the_depth(photos, tmp_path):
    np.save(photos / "0_depth.npy", np.repeat(np.float32([1, 2]), 48)[:, None] * np.ones((1, 96), np.float32))
    out = tmp_path / "crops.npy"
    assert main(["crops", "--depth", str(photos), "-o", str(out), "--side-px", "48", "--scales", "1,0.5"]) == 0
    crops = np.load(out)
    assert crops.shape == (10, 48, 48, 4)
    levels = sorted(tuple(np.unique(crop[..., 3])) for crop in crops)
    assert levels == [(0,)] * 5 + [(1,)] * 2 + [(1, 255)] + [(255,)] * 2


def test_fields_of_mappings_are_set_by_their_names(capsys):
    assert main(["train", "defocusgan", "--task-options.guidance-steps=100", "--config.glue", "light"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["task_options"]["guidance_steps"], shown["config"]["glue"]) == (100, "light")


def test_a_recipe_is_shown_with_its_sources(capsys):
    assert main(["train", "sharpness-unet-beta-0.1", "--seed", "5"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["seed"] == 5
    assert shown["loss"][1] == {"loss": "sharpness", "weight": 0.1, "options": {"clipped": False}}
    assert "section V" in shown["source"]["learning_rate"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["train", "sharpness-unet"], "no recipe named 'sharpness-unet': did you mean"),
        (["train", "denoiser", "--learning-rat", "1"], "no field 'learning-rat': did you mean 'learning_rate'"),
        (["train", "denoiser", "--config.wide", "3"], "denoiser has no field config.wide: there are"),
        (["train", "denoiser", "--seed"], "Give --seed a value"),
        (["train", "denoiser", "fast"], "What is 'fast'"),
        (["train", "denoiser", "--data", "x.npy"], "Give --out too"),
        (["train", "denoiser", "--data", "x.npy", "-o", "run"], "x.npy is no file of crops"),
        (["crops", "nowhere", "-o", "x.npy"], "No photo of at least 128x128 px in nowhere"),
        (["crops", "nowhere", "-o", "x.npy", "--scales", "2"], "--scales as numbers above 0 and at most 1"),
        (["crops", "nowhere", "-o", "x.npy", "--depth"], "No photo in nowhere has depth beside it"),
        (["crops", "nowhere", "-o", "x.npy", "--depth", "--pairs"], "Give --pairs or --depth, not both"),
        (["crops", "nowhere", "-o", "x.npy", "--depth", "--maps", "13"], "Give --maps or --depth, not both"),
        (["export", "x.safetensors", "-o", "x.bin"], "ends in .onnx"),
    ],
)
def test_a_mistake_is_reported_in_one_sentence(words, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())
