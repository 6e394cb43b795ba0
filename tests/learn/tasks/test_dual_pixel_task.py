"""Learning maps and kernels from dual-pixel views: order of updates, losses, and small trainings."""

import json
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from learn_samples import block_pixels, fixed_output, write_crops

from refocal.learn.nets.kernel_bank import half_disks
from refocal.learn.recipe import Phase
from refocal.learn.recipes.learnable_blur_kernel_defocusgan import BAMBNET, EPOCH, MAP
from refocal.learn.tasks import make_pairs
from refocal.learn.tasks.dual_pixel import LEARN_KERNELS, VIEW_CONSISTENCY, Options, map_terms
from refocal.learn.train import Run, train
from refocal.learn.training import checkpoint
from refocal.optics.blur import Psf

SMALL = {"config": {"branches": (1, 4)}, "pairs_options": {"max_radius_px": 3.0, "kernels": "first"}}


def test_network_and_kernels_alternate_as_published():
    epochs = [LEARN_KERNELS.update_order(MAP, epoch * EPOCH)[0] for epoch in range(30)]
    assert epochs == 10 * ["network"] + 5 * ["kernels"] + 5 * ["network"] + 5 * ["kernels"] + 5 * ["network"]
    fixed = replace(MAP, task_options={"turn_steps": 0})
    assert {LEARN_KERNELS.update_order(fixed, step) for step in range(0, 10**6, 9973)} == {("network",)}


def pairs(recipe, seed=0):
    crops = torch.from_numpy(block_pixels(2, 40, seed=seed))
    return make_pairs(recipe, crops, torch.Generator().manual_seed(seed), 0)


def test_the_true_map_explains_the_photo_best():
    """Without occlusion, in the encoding that the loss gathers in, the error of the true map is near nothing."""
    recipe = replace(MAP, **SMALL)
    batch = pairs(recipe)
    bank = LEARN_KERNELS.make_networks(recipe)["kernels"]
    signed = torch.full_like(batch["sharp"], 2.0)
    batch["blurred"] = bank(batch["sharp"], signed).detach()

    def error(radius):
        networks = {"network": fixed_output(torch.full_like(signed, radius)), "kernels": bank}
        return float(LEARN_KERNELS.losses(recipe, "network", networks, batch, 0)["data"].detach())

    errors = {radius: error(radius) for radius in (0.0, 1.0, 1.9, 2.0, 2.1, 3.0)}
    assert errors[2.0] == 0 and errors[0.0] > errors[1.0] > errors[1.9] > 0 and errors[2.1] < errors[3.0]
    assert errors[1.9] == pytest.approx(0.1 * errors[1.0], rel=1e-3)  # interpolation is linear
    assert error(-2.0) == pytest.approx(0, abs=1e-4)  # the banks begin equal: only the views determine the sign


def test_only_the_updated_network_gets_a_gradient():
    recipe = replace(MAP, **SMALL)
    networks, batch = LEARN_KERNELS.make_networks(recipe), pairs(recipe)
    LEARN_KERNELS.losses(recipe, "kernels", networks, batch, 0)["data"].backward()
    assert all(parameter.grad is None for parameter in networks["network"].parameters())
    assert any(parameter.grad is not None for parameter in networks["kernels"].parameters())


def test_terms_of_the_map_by_hand():
    signed = torch.zeros(1, 3, 4, 5)
    signed[..., 2:] = 2.0  # one jump of 2 px in each of 4 rows and 3 channels
    batch = {"signed_px": torch.zeros(1, 1, 4, 5)}
    options = Options(variation_weight=0.5, variation_from=10, known_weight=3.0)
    terms = map_terms(signed, batch, 10, options)
    assert float(terms["variation"]) == pytest.approx(0.5 * 2 * 4 * 3)
    assert float(terms["known"]) == pytest.approx(3 * 2 * 3 / 5)
    assert set(map_terms(signed, batch, 9, options)) == {"known"}


def test_bambnet_compares_the_views_blurred_crosswise():
    """With the true radius both sides are the same image, blurred by both kernels; behind the focus views are
    exchanged."""
    recipe = replace(BAMBNET, **SMALL)
    sharp = torch.zeros(1, 3, 40, 40)
    sharp[..., 10:-10, 10:-10] = torch.rand(1, 3, 20, 20)  # black around, so that nothing is lost beyond the edge
    left, right = (Psf(kernel[3], boundary="zero").apply(sharp) for kernel in half_disks(sharp.device))  # in front

    def error(radius, first, second):
        network = {"network": fixed_output(torch.full((1, 3, 40, 40), radius))}
        views = {"left": first, "right": second}
        return float(VIEW_CONSISTENCY.losses(recipe, "network", network, views, 0)["data"].detach())

    assert error(-3.0, left, right) == pytest.approx(0, abs=1e-3)
    assert error(3.0, right, left) == pytest.approx(0, abs=1e-3)
    assert error(0.0, left, right) > 5 and error(3.0, left, right) > error(0.0, left, right)


@pytest.mark.parametrize("recipe", [MAP, BAMBNET], ids=["kernels", "bambnet"])
def test_a_small_training_lowers_every_loss(recipe):
    """On one batch, so that the figures can be compared: the network first, then the kernels."""
    task = LEARN_KERNELS if recipe is MAP else VIEW_CONSISTENCY
    small = replace(recipe, **SMALL)
    networks, batch = task.make_networks(small), pairs(small)

    def learn(name, rate, steps):
        optimiser = torch.optim.Adam(networks[name].parameters(), rate)
        found = []
        for _ in range(steps):
            loss = torch.stack(list(task.losses(small, name, networks, batch, 0).values())).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            found.append(float(loss.detach()))
        return found

    found = learn("network", 5e-4, 15)
    assert found[-1] < 0.8 * found[0]
    if recipe is MAP:
        fitted = learn("kernels", 1e-3, 10)
        assert fitted[-1] < 0.95 * fitted[0]


def test_the_loop_updates_network_and_kernels_alternately(tmp_path):
    recipe = replace(
        MAP,
        **SMALL,
        phases=(Phase(3, 32, 1),),
        task_options={"first_steps": 2, "turn_steps": 1},
        validation_steps=3,
        validation_crops=1,
    )
    train(recipe, write_crops(tmp_path), Run(tmp_path / "run", device="cpu", log_steps=1))
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "kernels_loss" in line] == [3]
    saved = checkpoint.load(tmp_path / "run" / "checkpoint.safetensors")
    begun = LEARN_KERNELS.make_networks(recipe)["kernels"].state_dict()
    learned = saved.part("weights/kernels")
    assert any(not torch.equal(value, begun[key]) for key, value in learned.items())
