import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from learn_samples import tiny_recipe, write_crops

from refocal.catalog import Entry
from refocal.learn.recipe import Phase, Term, to_json
from refocal.learn.tasks import TASKS
from refocal.learn.train import Run, train
from refocal.learn.training import checkpoint
from refocal.learn.training import state as training_state
from refocal.learn.training.finite_check import Guard
from refocal.learn.training.log import read_log
from refocal.types import InputError


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    return write_crops(tmp_path_factory.mktemp("crops"))


def losses(folder):
    return [line for line in read_log(folder / "log.jsonl") if "loss" in line]


def stop_at(wanted):
    """Interrupts a training when it tells of a step."""

    def say(text):
        if text.startswith(f"step {wanted}/"):
            os.kill(os.getpid(), signal.SIGINT)

    return say


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
        subprocess.run(
            [sys.executable, tmp_path / "go.py", *map(str, words)], check=True, capture_output=True, timeout=120
        )
    one, two = (checkpoint.load(tmp_path / name / "checkpoint.safetensors") for name in ("1", "2"))
    for name, tensor in one.part("weights/network").items():
        assert torch.allclose(tensor, two.tensors[f"weights/network/{name}"], atol=1e-6), name
    assert json.loads((tmp_path / "2" / "log.jsonl").read_text().splitlines()[0])["step"] == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"validation_crops": 0}, "at least one step and one crop"),
        ({"ema": 1.0}, "ema is a share below 1"),
        (
            {"network": "denoiser", "config": {}, "start": "sharpness-unet-beta-0"},
            "are of another network than denoiser",
        ),
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


@dataclass(frozen=True)
class Options:
    """Of the toy game: at one step, while the rate is above 5e-3, a turn's loss or gradient is no number."""

    step: int = -1
    turn: str = "network"
    fault: str = "loss"


@dataclass(frozen=True)
class Game:
    """Two networks of a few weights, each in the other's loss; chance plays along. The critic has two turns in a
    step."""

    recipe: object

    def networks(self):
        return {"network": torch.nn.Conv2d(3, 3, 3, padding=1), "critic": torch.nn.Conv2d(3, 1, 3)}

    def turns(self, step):
        return ("critic", "critic", "network")

    def pairs(self, crops, random, step):
        sharp = (crops / 255).permute(0, 3, 1, 2)
        return {"blurred": sharp + 0.1 * torch.randn(sharp.shape, generator=random), "sharp": sharp}

    def losses(self, turn, networks, batch, step):
        restored = networks["network"](batch["blurred"])
        fake, real = networks["critic"](restored).mean(), networks["critic"](batch["sharp"]).mean()
        if turn == "critic":
            terms = {"critic_gap": fake - real, "critic_bound": torch.rand(()) * (fake**2 + real**2)}
        else:
            terms = {"l1": (restored - batch["sharp"]).abs().mean(), "fooled": -0.1 * fake}
        options = Options(**self.recipe.task_options)
        if (step + 1, turn) == (options.step, options.turn) and self.recipe.learning_rate > 5e-3:
            first = next(iter(terms))
            # The gradient of |x|^0.5 at 0 is endless, times 0: no number, though the loss is one.
            terms[first] = terms[first] + ((0 * fake).abs().sqrt() if options.fault == "gradient" else torch.nan)
        return terms

    def validate(self, network, batch):
        return {"psnr": -(network(batch["blurred"]) - batch["sharp"]).square().flatten(1).mean(1)}


@pytest.fixture
def game(monkeypatch):
    monkeypatch.setitem(TASKS, "game", Entry(f"{__name__}:Game", "a toy"))

    def make(**options):
        changes = {"network": "denoiser", "config": {}, "precision": "32-true", "ema": 0.9, "task_options": options}
        return tiny_recipe(task="game", phases=(Phase(12, 16, 4),), validation_steps=100, **changes)

    return make


def test_two_networks_are_logged_and_resumed_exactly(crops, tmp_path, game):
    quiet = {"device": "cpu", "log_steps": 1}
    train(game(), crops, Run(tmp_path / "whole", **quiet))
    for step in (3, 8):
        train(game(), crops, Run(tmp_path / "parts", resume=step > 3, **quiet), say=stop_at(step))
    train(game(), crops, Run(tmp_path / "parts", resume=True, **quiet))
    whole, parts = losses(tmp_path / "whole"), losses(tmp_path / "parts")
    assert without_speed(parts) == without_speed(whole)
    assert {"loss", "l1", "fooled", "critic_loss", "critic_gap", "critic_bound"} <= whole[0].keys()
    ends = [checkpoint.load(tmp_path / name / "checkpoint.safetensors") for name in ("whole", "parts")]
    assert {name.split("/")[1] for name in ends[0].tensors if name.startswith("optimiser")} == {"network", "critic"}
    assert ends[0].tensors["optimiser/critic/0/step"] == 2 * ends[0].tensors["optimiser/network/0/step"] == 24
    assert ends[0].tensors.keys() == ends[1].tensors.keys()
    assert all(torch.equal(ends[0].tensors[name], ends[1].tensors[name]) for name in ends[0].tensors)


class LaterGuard(Guard):
    """As on a GPU: the weights in memory are spoilt when it notices."""

    def __init__(self, fabric):
        super().__init__(fabric)
        self.at_once = False


def all_finite(saved):
    return all(bool(torch.isfinite(tensor).all()) for tensor in saved.tensors.values())


@pytest.mark.parametrize("turn", ["network", "critic"])
@pytest.mark.parametrize("fault", ["loss", "gradient"])
@pytest.mark.parametrize("at_once", [True, False])
def test_what_is_no_number_is_told_by_its_name_and_the_training_goes_on_calmer(
    crops, tmp_path, monkeypatch, game, turn, fault, at_once
):
    if not at_once:
        monkeypatch.setattr(training_state, "Guard", LaterGuard)
    recipe, run = game(step=7, turn=turn, fault=fault), Run(tmp_path, device="cpu", save_seconds=0.0, log_steps=5)
    with pytest.raises(InputError) as told:
        train(recipe, crops, run)
    assert str(told.value) == (
        f"The {fault} of {turn} is no longer a number at step 7: the last checkpoint, of step 6, is from before; go on from "
        "it with --resume and a --learning-rate below 0.01."
    )
    saved = checkpoint.load(tmp_path / "checkpoint.safetensors")
    assert saved.step == 6 and all_finite(saved)
    calmer = replace(recipe, learning_rate=1e-3)
    saved = checkpoint.load(train(calmer, crops, replace(run, resume=True)))
    assert saved.step == 12 and all_finite(saved) and saved.recipe.learning_rate == 1e-3


def test_between_looks_the_first_bad_step_is_remembered(crops, tmp_path, monkeypatch, game):
    monkeypatch.setattr(training_state, "Guard", LaterGuard)
    with pytest.raises(InputError, match="loss of critic is no longer a number at step 7: there is no checkpoint"):
        train(game(step=7, turn="critic"), crops, Run(tmp_path, device="cpu", save_seconds=1e9, log_steps=10))
    assert not (tmp_path / "checkpoint.safetensors").exists()
    assert not losses(tmp_path)


def test_weights_that_are_no_numbers_are_not_saved_whatever_the_loss(crops, tmp_path):
    recipe = tiny_recipe(network="denoiser", config={}, phases=(Phase(1, 16, 4),), learning_rate=1e39)
    with pytest.raises(
        InputError, match=r"The tensor weights/network/\S+ is no longer a number at step 1: there is no"
    ):
        train(recipe, crops, Run(tmp_path, device="cpu"))
    assert not list(tmp_path.glob("checkpoint*"))


def test_options_that_nobody_knows_are_refused_before_anything_is_written(crops, tmp_path):
    with pytest.raises(InputError, match=r"sharpness-unet has no field config\.width: there are channels, widths"):
        train(tiny_recipe(config={"width": 4}), crops, Run(tmp_path / "run", device="cpu"))
    assert not (tmp_path / "run").exists()
