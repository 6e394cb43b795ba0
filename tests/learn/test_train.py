import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from learn_samples import tiny_recipe, write_crops

from refocal.learn import checkpoint
from refocal.learn.recipe import Phase, Term, to_json
from refocal.learn.train import Run, train
from refocal.learn.training_log import read_log
from refocal.types import InputError


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    return write_crops(tmp_path_factory.mktemp("crops"))


def losses(folder):
    return [line for line in read_log(folder / "log.jsonl") if "loss" in line]


def without_speed(lines):
    return [{key: value for key, value in line.items() if key != "images_per_s"} for line in lines]


def test_it_learns_to_undo_the_blur(crops, tmp_path):
    recipe = tiny_recipe(phases=(Phase(150, 32, 8),), ema=0.9, clip_norm=1.0, validation_steps=150)
    path = train(recipe, crops, Run(tmp_path, device="cpu", log_steps=10))
    saved = checkpoint.load(path)
    assert saved.step == 150
    assert saved.about["validation"]["psnr"] > saved.about["validation"]["psnr_blurred"] + 1.0
    told = losses(tmp_path)
    assert np.mean([line["loss"] for line in told[-3:]]) < 0.8 * told[0]["loss"]
    assert (tmp_path / "curve.png").stat().st_size > 5000


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_stopped_anywhere_and_resumed_it_gives_the_same_losses(crops, tmp_path, precision):
    """Two phases, random noise, averages, Adam's moments: all of it must come back."""
    recipe = tiny_recipe(
        phases=(Phase(7, 16, 4), Phase(6, 24, 2)),
        pairs="noise",
        pairs_options={"spread": 2.0},
        loss=(Term("l1"), Term("sharpness", 0.01)),
        ema=0.99,
        precision=precision,
    )
    train(recipe, crops, Run(tmp_path / "whole", device="cpu", log_steps=1))

    def stop_at(wanted):
        def say(text):
            if text.startswith(f"step {wanted}/"):
                os.kill(os.getpid(), signal.SIGINT)

        return say

    run = Run(tmp_path / "parts", device="cpu", log_steps=1)
    for step in (3, 8):
        train(recipe, crops, replace(run, resume=step > 3), say=stop_at(step))
        assert checkpoint.load(run.out / "checkpoint.safetensors").step == step + 1  # after the step at hand
    train(recipe, crops, replace(run, resume=True), say=lambda text: None)

    train(recipe, crops, Run(tmp_path / "told", device="cpu", log_steps=1), say=lambda text: None)
    whole, parts = losses(tmp_path / "told"), losses(tmp_path / "parts")
    assert [line["step"] for line in parts] == list(range(1, 14))
    assert without_speed(parts) == without_speed(whole)
    ends = [checkpoint.load(tmp_path / name / "checkpoint.safetensors") for name in ("whole", "parts")]
    assert ends[0].tensors.keys() == ends[1].tensors.keys()
    assert all(torch.equal(ends[0].tensors[name], ends[1].tensors[name]) for name in ends[0].tensors)


def test_a_log_is_cut_back_to_the_checkpoint(crops, tmp_path):
    recipe = tiny_recipe()
    train(recipe, crops, Run(tmp_path, device="cpu", log_steps=1, minutes=1e-9), say=lambda text: None)
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 9, "loss": 1.0}\n{"step": 10, "lo')  # killed after its checkpoint, amid a line
    train(recipe, crops, Run(tmp_path, resume=True, device="cpu", log_steps=1), say=lambda text: None)
    assert [line["step"] for line in losses(tmp_path)] == list(range(1, 13))


def test_stage_two_begins_from_the_weights_of_stage_one(crops, tmp_path):
    first = train(tiny_recipe(ema=0.9), crops, Run(tmp_path / "1", device="cpu"))
    second = tiny_recipe(start=str(first), learning_rate=0.0)
    path = train(second, crops, Run(tmp_path / "2", device="cpu"))
    learned, kept = checkpoint.load(first).best(), checkpoint.load(path).best()
    names = [name for name in learned if "running" not in name and "num_batches" not in name]
    assert all(torch.equal(learned[name], kept[name]) for name in names)


def test_a_loss_that_is_no_number_stops_the_training_and_keeps_the_good_weights(crops, tmp_path):
    recipe = tiny_recipe(phases=(Phase(40, 16, 4),), learning_rate=1e30)
    with pytest.raises(InputError, match="no longer a number at step"):
        train(recipe, crops, Run(tmp_path, device="cpu", log_steps=1, save_seconds=0.0))
    saved = checkpoint.load(tmp_path / "checkpoint.safetensors")
    assert saved.step < 40


@pytest.mark.parametrize(
    ("changes", "run", "sentence"),
    [
        ({"phases": (Phase(2, 64, 4),)}, {}, "crops of 64 px, the file's are 32 px"),
        ({"phases": (Phase(2, 16, 3),)}, {"devices": 2}, "batch of 3 can't be shared by 2"),
        ({"phases": (Phase(0, 16, 4),)}, {}, "at least one step"),
        ({}, {"resume": True}, "no checkpoint in .* to resume from"),
        ({}, {"device": "cuda"}, "no CUDA device here"),
        ({"pairs": "photographed"}, {}, "sharp photos only"),
    ],
)
def test_what_can_not_be_done_is_refused(crops, tmp_path, changes, run, sentence):
    if run.get("device") == "cuda" and torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(InputError, match=sentence):
        train(tiny_recipe(**changes), crops, Run(tmp_path, **{"device": "cpu", **run}))


def test_a_training_is_not_written_over_nor_resumed_with_another_recipe(crops, tmp_path):
    train(tiny_recipe(), crops, Run(tmp_path, device="cpu"))
    with pytest.raises(InputError, match="holds a training already"):
        train(tiny_recipe(), crops, Run(tmp_path, device="cpu"))
    with pytest.raises(InputError, match="another recipe"):
        train(tiny_recipe(seed=1), crops, Run(tmp_path, resume=True, device="cpu"))


def test_the_state_of_the_world_stays_as_it_was(crops, tmp_path):
    torch.manual_seed(3)
    expected = torch.rand(2)
    handler = signal.getsignal(signal.SIGINT)
    torch.manual_seed(3)
    train(tiny_recipe(phases=(Phase(2, 16, 4),)), crops, Run(tmp_path, device="cpu"))
    assert torch.equal(torch.rand(2), expected)
    assert signal.getsignal(signal.SIGINT) is handler


def test_two_processes_learn_what_one_does(crops, tmp_path):
    """Gradients are averaged over processes, so a network without batch statistics ends with the same weights."""
    config = {
        "network": "denoiser",
        "config": {},
        "precision": "32-true",
        "phases": (Phase(3, 16, 4),),
        "learning_rate": 1e-3,
    }
    recipe = tiny_recipe(**config)
    (tmp_path / "recipe.json").write_text(to_json(recipe))
    script = """
import sys
from pathlib import Path
from refocal.learn.recipe import from_json
from refocal.learn.train import Run, train
recipe, crops, out, devices = sys.argv[1:]
train(from_json(Path(recipe).read_text()), crops, Run(Path(out), device="cpu", devices=int(devices), log_steps=1), say=print)
"""
    (tmp_path / "go.py").write_text(script)
    for processes in (1, 2):
        words = [tmp_path / "recipe.json", crops, tmp_path / str(processes), processes]
        subprocess.run([sys.executable, tmp_path / "go.py", *map(str, words)], check=True, capture_output=True, timeout=120)
    one, two = (checkpoint.load(tmp_path / name / "checkpoint.safetensors") for name in ("1", "2"))
    for name, tensor in one.part("weights/network").items():
        assert torch.allclose(tensor, two.tensors[f"weights/network/{name}"], atol=1e-6), name
    assert json.loads((tmp_path / "2" / "log.jsonl").read_text().splitlines()[0])["step"] == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"validation_crops": 0}, "at least one step and one crop"),
        ({"ema": 1.0}, "ema is a share below 1"),
        ({"network": "denoiser", "config": {}, "start": "sharpness-unet-beta-0"}, "are of another network than denoiser"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(crops, tmp_path, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        train(tiny_recipe(**changes), crops, Run(tmp_path, device="cpu"))


def test_clipped_gradients_that_are_no_numbers_are_told_like_losses(crops, tmp_path):
    recipe = tiny_recipe(network="denoiser", config={}, phases=(Phase(40, 16, 4),), learning_rate=3e38, clip_norm=1.0)
    with pytest.raises(InputError, match="no longer a number at step"):
        train(recipe, crops, Run(tmp_path, device="cpu", log_steps=1))


def test_a_file_in_the_folder_s_place_is_refused(crops, tmp_path):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(InputError, match="can't be made into a folder"):
        train(tiny_recipe(), crops, Run(tmp_path / "run", device="cpu"))
    assert (tmp_path / "run").read_text() == "mine"


def test_a_checkpoint_without_its_recipe_is_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "c.safetensors", {"format": "refocal-checkpoint-1"})
    with pytest.raises(InputError, match="lacks its recipe"):
        checkpoint.load(tmp_path / "c.safetensors")
