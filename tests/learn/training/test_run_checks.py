"""Recipes, runs, output folders and checkpoints that are refused before a training begins."""

import os

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from learn_samples import tiny_recipe
from safetensors import SafetensorError

from refocal.files.whole import Exists
from refocal.learn.recipe import Phase
from refocal.learn.train import Run, train
from refocal.learn.training import checkpoint
from refocal.types import InputError


@pytest.mark.parametrize(
    ("changes", "run", "sentence"),
    [
        ({"phases": (Phase(2, 64, 4),)}, {}, "crops of 64 px, the file's are 32 px"),
        ({"phases": (Phase(2, 16, 3),)}, {"devices": 2}, "batch of 3 can't be shared by 2"),
        ({"phases": (Phase(0, 16, 4),)}, {}, "at least one step"),
        ({}, {"resume": True}, "no checkpoint in .* to resume from"),
        ({}, {"device": "cuda"}, "no CUDA device here"),
        ({"pairs": "photographed"}, {}, "sharp photos only"),
        ({"validation_crops": 0}, {}, "at least one step and one crop"),
        ({"ema": 1.0}, {}, "ema is a decay below 1"),
        (
            {"network": "denoiser", "config": {}, "start": "sharpness-unet-beta-0"},
            {},
            "are of another network than denoiser",
        ),
    ],
)
def test_trainings_that_are_impossible_are_refused(crops_file, tmp_path, changes, run, sentence):
    if run.get("device") == "cuda" and torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(InputError, match=sentence):
        train(tiny_recipe(**changes), crops_file, Run(tmp_path, **{"device": "cpu", **run}))


def test_a_training_is_not_overwritten_nor_resumed_with_another_recipe(crops_file, tmp_path):
    train(tiny_recipe(), crops_file, Run(tmp_path, device="cpu"))
    with pytest.raises(InputError, match="already holds a training"):
        train(tiny_recipe(), crops_file, Run(tmp_path, device="cpu"))
    with pytest.raises(InputError, match="another recipe"):
        train(tiny_recipe(seed=1), crops_file, Run(tmp_path, resume=True, device="cpu"))


@pytest.mark.parametrize("name", ["log.jsonl", "curve.png"])
def test_files_of_the_folder_are_not_replaced(crops_file, tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=f"holds {name}, but no checkpoint to resume from"):
        train(tiny_recipe(), crops_file, Run(tmp_path, device="cpu"))
    assert [path.name for path in tmp_path.iterdir()] == [name] and (tmp_path / name).read_text() == "mine"


def test_a_checkpoint_that_appears_meanwhile_is_not_replaced(crops_file, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    with pytest.raises(Exists, match="already"):
        train(tiny_recipe(), crops_file, Run(tmp_path, device="cpu"), say=lambda _: path.write_text("theirs"))
    assert path.read_text() == "theirs"


def test_a_folder_that_cannot_be_written_is_known_before_the_first_step(crops_file, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match="is not writable"):
        train(tiny_recipe(), crops_file, Run(tmp_path, device="cpu"), say=lambda _: pytest.fail("has begun"))


def test_a_full_disk_is_a_sentence_and_keeps_the_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "c.safetensors"
    saved = checkpoint.Checkpoint(tiny_recipe(), 1, {"weights/network/a": torch.zeros(2)}, {})
    checkpoint.save(path, saved)
    before = path.read_bytes()

    def full(*_):
        raise SafetensorError("No space left on device (os error 28)")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(InputError, match="can't be written: No space left"):
        checkpoint.save(path, saved, overwrite=True)
    assert list(tmp_path.iterdir()) == [path] and path.read_bytes() == before


def test_a_file_named_as_the_folder_is_refused(crops_file, tmp_path):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(InputError, match="can't be created"):
        train(tiny_recipe(), crops_file, Run(tmp_path / "run", device="cpu"))
    assert (tmp_path / "run").read_text() == "mine"


def test_a_checkpoint_without_its_recipe_is_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "c.safetensors", {"format": "refocal-checkpoint-1"})
    with pytest.raises(InputError, match="lacks its recipe"):
        checkpoint.load(tmp_path / "c.safetensors")


def test_unknown_options_are_refused_before_anything_is_written(crops_file, tmp_path):
    with pytest.raises(InputError, match=r"sharpness-unet has no field config\.width: there are channels, widths"):
        train(tiny_recipe(config={"width": 4}), crops_file, Run(tmp_path / "run", device="cpu"))
    assert not (tmp_path / "run").exists()
