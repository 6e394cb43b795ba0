"""Learning maps and kernels from dual-pixel views: turns, losses, and small trainings that must get better."""

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from learn_samples import tiny_recipe, write_crops

from refocal.learn.export.kernel_file import export_kernels
from refocal.learn.nets.kernel_bank import half_disks
from refocal.learn.recipe import Phase
from refocal.learn.recipes.learnable_blur_kernel_defocusgan import BAMBNET, EPOCH, MAP
from refocal.learn.tasks.dual_pixel import LearnKernels, Options, ViewConsistency, map_terms
from refocal.learn.train import Run, train
from refocal.learn.training import checkpoint
from refocal.optics.blur import Psf
from refocal.types import InputError

SMALL = {"config": {"branches": (1, 4)}, "pairs_options": {"max_radius_px": 3.0, "kernels": "first"}}


class Fixed(torch.nn.Module):
    """A network that tells a map it was given."""

    def __init__(self, signed):
        super().__init__()
        self.signed = torch.nn.Parameter(signed)

    def forward(self, left, right):
        return self.signed


def test_network_and_kernels_take_turns_as_published():
    task = LearnKernels(MAP)
    epochs = [task.turns(epoch * EPOCH)[0] for epoch in range(30)]
    assert epochs == 10 * ["network"] + 5 * ["kernels"] + 5 * ["network"] + 5 * ["kernels"] + 5 * ["network"]
    fixed = LearnKernels(replace(MAP, task_options={"turn_steps": 0}))
    assert {fixed.turns(step) for step in range(0, 10**6, 9973)} == {("network",)}


def pairs(task, seed=0):
    random = np.random.default_rng(seed)
    blocks = np.kron(random.integers(0, 256, (2, 10, 10, 3)), np.ones((1, 4, 4, 1)))
    return task.pairs(torch.from_numpy(blocks.astype(np.uint8)), torch.Generator().manual_seed(seed), 0)


def test_the_true_map_explains_the_photo_best():
    """Without occlusion, in the encoding that the loss gathers in, the error of the true map is near nothing."""
    task = LearnKernels(replace(MAP, **SMALL))
    batch = pairs(task)
    bank = task.networks()["kernels"]
    signed = torch.full_like(batch["sharp"], 2.0)
    batch["blurred"] = bank(batch["sharp"], signed).detach()

    def error(radius):
        networks = {"network": Fixed(torch.full_like(signed, radius)), "kernels": bank}
        return float(task.losses("network", networks, batch, 0)["data"].detach())

    errors = {radius: error(radius) for radius in (0.0, 1.0, 1.9, 2.0, 2.1, 3.0)}
    assert errors[2.0] == 0 and errors[0.0] > errors[1.0] > errors[1.9] > 0 and errors[2.1] < errors[3.0]
    assert errors[1.9] == pytest.approx(0.1 * errors[1.0], rel=1e-3)  # interpolation is linear
    assert error(-2.0) == pytest.approx(0, abs=1e-4)  # the banks begin alike: the sign is told by the views only


def test_only_whose_turn_it_is_gets_a_gradient():
    task = LearnKernels(replace(MAP, **SMALL))
    networks, batch = task.networks(), pairs(task)
    task.losses("kernels", networks, batch, 0)["data"].backward()
    assert all(parameter.grad is None for parameter in networks["network"].parameters())
    assert any(parameter.grad is not None for parameter in networks["kernels"].parameters())


def test_variation_and_known_map_are_counted_as_told():
    signed = torch.zeros(1, 3, 4, 5)
    signed[..., 2:] = 2.0  # one jump of 2 px in each of 4 rows and 3 channels
    batch = {"signed_px": torch.zeros(1, 1, 4, 5)}
    options = Options(variation_weight=0.5, variation_from=10, known_weight=3.0)
    terms = map_terms(signed, batch, 10, options)
    assert float(terms["variation"]) == pytest.approx(0.5 * 2 * 4 * 3)
    assert float(terms["known"]) == pytest.approx(3 * 2 * 3 / 5)
    assert set(map_terms(signed, batch, 9, options)) == {"known"}


def test_bambnet_compares_the_views_blurred_crosswise():
    """With the true radius both sides are the same picture, blurred by both kernels; behind the focus views are
    swapped."""
    task = ViewConsistency(replace(BAMBNET, **SMALL))
    sharp = torch.zeros(1, 3, 40, 40)
    sharp[..., 10:-10, 10:-10] = torch.rand(1, 3, 20, 20)  # black around, so that nothing is lost beyond the edge
    left, right = (Psf(kernel[3], boundary="zero").apply(sharp) for kernel in half_disks(sharp.device))  # in front

    def error(radius, first, second):
        network = {"network": Fixed(torch.full((1, 3, 40, 40), radius))}
        return float(task.losses("network", network, {"left": first, "right": second}, 0)["data"].detach())

    assert error(-3.0, left, right) == pytest.approx(0, abs=1e-3)
    assert error(3.0, right, left) == pytest.approx(0, abs=1e-3)
    assert error(0.0, left, right) > 5 and error(3.0, left, right) > error(0.0, left, right)


@pytest.mark.parametrize("recipe", [MAP, BAMBNET], ids=["kernels", "bambnet"])
def test_a_small_training_lowers_every_loss(recipe):
    """On one batch, so that the figures can be compared: the network first, then the kernels."""
    torch.manual_seed(0)
    task = (LearnKernels if recipe is MAP else ViewConsistency)(replace(recipe, **SMALL))
    networks, batch = task.networks(), pairs(task)

    def learn(turn, rate, steps):
        optimiser = torch.optim.Adam(networks[turn].parameters(), rate)
        told = []
        for _ in range(steps):
            loss = torch.stack(list(task.losses(turn, networks, batch, 0).values())).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            told.append(float(loss.detach()))
        return told

    found = learn("network", 5e-4, 15)
    assert found[-1] < 0.8 * found[0]
    if recipe is MAP:
        fitted = learn("kernels", 1e-3, 10)
        assert fitted[-1] < 0.95 * fitted[0]


def test_the_loop_trains_network_and_kernels_in_turn(tmp_path):
    recipe = replace(
        MAP,
        **SMALL,
        phases=(Phase(3, 32, 1),),
        task_options={"first_steps": 2, "turn_steps": 1},
        validation_steps=3,
        validation_crops=1,
    )
    train(recipe, write_crops(tmp_path), Run(tmp_path / "run", log_steps=1))
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "kernels_loss" in line] == [3]
    saved = checkpoint.load(tmp_path / "run" / "checkpoint.safetensors")
    begun = LearnKernels(recipe).networks()["kernels"].state_dict()
    learned = saved.part("weights/kernels")
    assert any(not torch.equal(value, begun[key]) for key, value in learned.items())
    assert export_kernels(tmp_path / "run" / "checkpoint.safetensors", tmp_path / "kernels.npz") == 50
    with np.load(tmp_path / "kernels.npz") as kernels:
        for radius in (0, 3, 24):
            np.testing.assert_allclose(kernels[f"front-{radius}"], learned[f"front.{radius}"], atol=1e-3, rtol=1e-3)


def test_another_checkpoint_has_no_kernels(tmp_path):
    recipe = tiny_recipe(phases=(Phase(1, 16, 1),), validation_steps=1)
    path = train(recipe, write_crops(tmp_path), Run(tmp_path / "run"))
    with pytest.raises(InputError, match="holds no blur kernels"):
        export_kernels(path, tmp_path / "kernels.npz")
    assert not list(tmp_path.glob("*.npz"))
