"""A training stops with a message, and a checkpoint from before, when a number isn't finite."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from learn_samples import logged_losses, tiny_recipe

from refocal.learn.recipe import Phase
from refocal.learn.train import Run, train
from refocal.learn.training import checkpoint
from refocal.learn.training import state as training_state
from refocal.learn.training.finite_check import FiniteCheck
from refocal.types import InputError


class CollectingCheck(FiniteCheck):
    """As on a GPU: the weights in memory are already lost when the check is evaluated."""

    def __init__(self, fabric):
        super().__init__(fabric)
        self.at_once = False


def all_finite(saved):
    return all(bool(torch.isfinite(tensor).all()) for tensor in saved.tensors.values())


def test_a_loss_that_is_not_finite_stops_the_training_and_keeps_the_good_weights(crops_file, tmp_path):
    recipe = tiny_recipe(phases=(Phase(40, 16, 4),), learning_rate=1e30)
    with pytest.raises(InputError, match="not finite at step"):
        train(recipe, crops_file, Run(tmp_path, device="cpu", log_steps=1, save_seconds=0.0))
    saved = checkpoint.load(tmp_path / "checkpoint.safetensors")
    assert saved.step < 40


def test_clipped_gradients_that_are_not_finite_are_reported_like_losses(crops_file, tmp_path):
    recipe = tiny_recipe(network="denoiser", config={}, phases=(Phase(40, 16, 4),), learning_rate=3e38, clip_norm=1.0)
    with pytest.raises(InputError, match="not finite at step"):
        train(recipe, crops_file, Run(tmp_path, device="cpu", log_steps=1))


@pytest.mark.parametrize("network", ["network", "critic"])
@pytest.mark.parametrize("fault", ["loss", "gradient"])
@pytest.mark.parametrize("at_once", [True, False])
def test_the_message_names_the_fault_and_the_training_resumes_with_a_lower_rate(
    crops_file, tmp_path, monkeypatch, toy, network, fault, at_once
):
    if not at_once:
        monkeypatch.setattr(training_state, "FiniteCheck", CollectingCheck)
    recipe, run = toy(step=7, network=network, fault=fault), Run(tmp_path, device="cpu", save_seconds=0.0, log_steps=5)
    with pytest.raises(InputError) as raised:
        train(recipe, crops_file, run)
    assert str(raised.value) == (
        f"The {fault} of {network} is not finite at step 7: the last checkpoint, of step 6, is from before; resume "
        "from it with --resume and a --learning-rate below 0.01."
    )
    saved = checkpoint.load(tmp_path / "checkpoint.safetensors")
    assert saved.step == 6 and all_finite(saved)
    slower = replace(recipe, learning_rate=1e-3)
    saved = checkpoint.load(train(slower, crops_file, replace(run, resume=True)))
    assert saved.step == 12 and all_finite(saved) and saved.recipe.learning_rate == 1e-3


def test_between_evaluations_the_first_bad_step_is_kept(crops_file, tmp_path, monkeypatch, toy):
    monkeypatch.setattr(training_state, "FiniteCheck", CollectingCheck)
    with pytest.raises(InputError, match="loss of critic is not finite at step 7: there is no checkpoint"):
        train(toy(step=7, network="critic"), crops_file, Run(tmp_path, device="cpu", save_seconds=1e9, log_steps=10))
    assert not (tmp_path / "checkpoint.safetensors").exists()
    assert not logged_losses(tmp_path)


def test_weights_that_are_not_finite_are_not_saved_whatever_the_loss(crops_file, tmp_path):
    recipe = tiny_recipe(network="denoiser", config={}, phases=(Phase(1, 16, 4),), learning_rate=1e39)
    with pytest.raises(InputError, match=r"The tensor weights/network/\S+ is not finite at step 1: there is no"):
        train(recipe, crops_file, Run(tmp_path, device="cpu"))
    assert not list(tmp_path.glob("checkpoint*"))
