"""The training loop: it learns, resumes exactly, continues from other weights, and shares batches among processes."""

import json
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from learn_samples import interrupt_at, logged_losses, tiny_recipe, without_speed

from refocal.learn.recipe import Phase, Term, to_json
from refocal.learn.train import Run, train
from refocal.learn.training import checkpoint


def assert_same_end(one, other):
    """The checkpoints of two trainings hold the same tensors."""
    ends = [checkpoint.load(folder / "checkpoint.safetensors") for folder in (one, other)]
    assert ends[0].tensors.keys() == ends[1].tensors.keys()
    assert all(torch.equal(ends[0].tensors[name], ends[1].tensors[name]) for name in ends[0].tensors)


def test_a_training_learns_to_deblur(crops_file, tmp_path):
    recipe = tiny_recipe(phases=(Phase(150, 32, 8),), ema=0.9, clip_norm=1.0, validation_steps=150)
    path = train(recipe, crops_file, Run(tmp_path, device="cpu", log_steps=10))
    saved = checkpoint.load(path)
    assert saved.step == 150
    assert saved.about["validation"]["psnr"] > saved.about["validation"]["psnr_blurred"] + 1.0
    logged = logged_losses(tmp_path)
    assert np.mean([line["loss"] for line in logged[-3:]]) < 0.8 * logged[0]["loss"]
    assert (tmp_path / "curve.png").stat().st_size > 5000


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_training_stopped_anywhere_and_resumed_has_the_same_losses(crops_file, tmp_path, precision):
    """With two phases, random noise, averages and Adam's moments."""
    recipe = tiny_recipe(
        phases=(Phase(7, 16, 4), Phase(6, 24, 2)),
        pairs="noise",
        pairs_options={"spread": 2.0},
        loss=(Term("l1"), Term("sharpness", 0.01)),
        ema=0.99,
        precision=precision,
    )
    train(recipe, crops_file, Run(tmp_path / "whole", device="cpu", log_steps=1))

    run = Run(tmp_path / "parts", device="cpu", log_steps=1)
    for step in (3, 8):
        train(recipe, crops_file, replace(run, resume=step > 3), say=interrupt_at(step))
        assert checkpoint.load(run.out / "checkpoint.safetensors").step == step + 1  # after the current step
    train(recipe, crops_file, replace(run, resume=True), say=lambda text: None)

    train(recipe, crops_file, Run(tmp_path / "again", device="cpu", log_steps=1), say=lambda text: None)
    whole, parts = logged_losses(tmp_path / "again"), logged_losses(tmp_path / "parts")
    assert [line["step"] for line in parts] == list(range(1, 14))
    assert without_speed(parts) == without_speed(whole)
    assert_same_end(tmp_path / "whole", tmp_path / "parts")


def test_two_networks_are_logged_and_resumed_exactly(crops_file, tmp_path, toy):
    quiet = {"device": "cpu", "log_steps": 1}
    train(toy(), crops_file, Run(tmp_path / "whole", **quiet))
    for step in (3, 8):
        train(toy(), crops_file, Run(tmp_path / "parts", resume=step > 3, **quiet), say=interrupt_at(step))
    train(toy(), crops_file, Run(tmp_path / "parts", resume=True, **quiet))
    whole, parts = logged_losses(tmp_path / "whole"), logged_losses(tmp_path / "parts")
    assert without_speed(parts) == without_speed(whole)
    assert {"loss", "l1", "fooled", "critic_loss", "critic_gap", "critic_bound"} <= whole[0].keys()
    end = checkpoint.load(tmp_path / "whole" / "checkpoint.safetensors").tensors
    assert {name.split("/")[1] for name in end if name.startswith("optimiser")} == {"network", "critic"}
    assert end["optimiser/critic/0/step"] == 2 * end["optimiser/network/0/step"] == 24
    assert_same_end(tmp_path / "whole", tmp_path / "parts")


def test_a_log_is_cut_back_to_the_checkpoint(crops_file, tmp_path):
    recipe = tiny_recipe()
    train(recipe, crops_file, Run(tmp_path, device="cpu", log_steps=1, minutes=1e-9), say=lambda text: None)
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 9, "loss": 1.0}\n{"step": 10, "lo')  # killed after its checkpoint, amid a line
    train(recipe, crops_file, Run(tmp_path, resume=True, device="cpu", log_steps=1), say=lambda text: None)
    assert [line["step"] for line in logged_losses(tmp_path)] == list(range(1, 13))


def test_texts_of_a_recipe_may_change_before_a_resumption(crops_file, tmp_path):
    run = Run(tmp_path, device="cpu", log_steps=1)
    train(tiny_recipe(), crops_file, replace(run, minutes=1e-9))
    reworded = tiny_recipe(about="other words", source={"phases": "other words"})
    assert checkpoint.load(train(reworded, crops_file, replace(run, resume=True))).step == 12


def test_stage_two_begins_from_the_weights_of_stage_one(crops_file, tmp_path):
    first = train(tiny_recipe(ema=0.9), crops_file, Run(tmp_path / "1", device="cpu"))
    second = tiny_recipe(start=str(first), learning_rate=0.0)
    path = train(second, crops_file, Run(tmp_path / "2", device="cpu"))
    learned, kept = checkpoint.load(first).best(), checkpoint.load(path).best()
    names = [name for name in learned if "running" not in name and "num_batches" not in name]
    assert all(torch.equal(learned[name], kept[name]) for name in names)


def test_a_training_restores_global_state(crops_file, tmp_path):
    torch.manual_seed(3)
    expected = torch.rand(2)
    handler = signal.getsignal(signal.SIGINT)
    torch.manual_seed(3)
    train(tiny_recipe(phases=(Phase(2, 16, 4),)), crops_file, Run(tmp_path, device="cpu"))
    assert torch.equal(torch.rand(2), expected)
    assert signal.getsignal(signal.SIGINT) is handler


def test_two_processes_learn_the_same_as_one(crops_file, tmp_path):
    """Gradients are averaged over processes, so a network without batch statistics ends with the same weights."""
    config = {
        "network": "denoiser",
        "config": {},
        "precision": "32-true",
        "phases": (Phase(3, 16, 4),),
        "learning_rate": 1e-3,
    }
    (tmp_path / "recipe.json").write_text(to_json(tiny_recipe(**config)))
    script = """
import sys
from pathlib import Path
from refocal.learn.recipe import from_json
from refocal.learn.train import Run, train
recipe, crops, out, devices = sys.argv[1:]
run = Run(Path(out), device="cpu", devices=int(devices), log_steps=1)
train(from_json(Path(recipe).read_text()), crops, run, say=print)
"""
    (tmp_path / "go.py").write_text(script)
    for processes in (1, 2):
        words = [tmp_path / "recipe.json", crops_file, tmp_path / str(processes), processes]
        subprocess.run([sys.executable, tmp_path / "go.py", *map(str, words)], check=True, capture_output=True)
    one, two = (checkpoint.load(tmp_path / name / "checkpoint.safetensors") for name in ("1", "2"))
    for name, tensor in one.part("weights/network").items():
        assert torch.allclose(tensor, two.tensors[f"weights/network/{name}"], atol=1e-6), name
    assert json.loads((tmp_path / "2" / "log.jsonl").read_text().splitlines()[0])["step"] == 1
