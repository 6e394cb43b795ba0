"""A whole step on a GPU, from crops to averaged weights: nothing waits for the device."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from learn_samples import block_pixels
from waits import Waits, as_on_a_gpu

from refocal.learn.recipe import Phase
from refocal.learn.recipes import RECIPES
from refocal.learn.tasks import TASKS
from refocal.learn.training.run import Run, make_fabric
from refocal.learn.training.state import TrainingState

SMALL = {"widths": (16, 16, 32, 32), "blocks": (1, 1, 1, 1)}


@pytest.mark.parametrize("name", ["default", "fast"])
def test_no_step_waits_for_the_device(tmp_path, monkeypatch, name):
    recipe = replace(RECIPES[name], config=SMALL, phases=(Phase(9, 96, 2),), start="")
    state = TrainingState(
        TASKS[recipe.task].load(), recipe, make_fabric(recipe, Run(tmp_path, device="cpu")), saved=None
    )
    state.finite.at_once = False  # as on a GPU: its checks are evaluated when a line is logged
    pixels = torch.from_numpy(block_pixels(2, 96, 1))
    as_on_a_gpu(monkeypatch)
    state.do_step(pixels)  # the first step copies tables to the device and makes the optimiser's state
    with Waits() as waits:
        state.do_step(pixels)
    assert waits.found == []
    state.finite.raise_if_any()
