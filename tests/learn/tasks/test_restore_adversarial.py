"""DefocusGAN's task: order of updates, guidance, terms, and a small game that stays finite."""

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from learn_samples import block_pixels, write_crops

from refocal.learn.losses.perceptual import make_features, perceptual_loss
from refocal.learn.recipe import Phase
from refocal.learn.recipes.learnable_blur_kernel_defocusgan import DEFOCUSGAN, EPOCH, RECIPES
from refocal.learn.tasks import make_pairs, read_options
from refocal.learn.tasks.restore_adversarial import RESTORE_ADVERSARIAL as TASK
from refocal.learn.tasks.restore_adversarial import Options
from refocal.learn.train import Run, train
from refocal.types import InputError

SMALL = {"config": {"branches": (1, 4), "thresholds_px": (1.9,)}, "pairs_options": {"max_radius_px": 3.0}}


def recipe_with(**options):
    return replace(DEFOCUSGAN, **SMALL, task_options={"perceptual_weight": 0.0, **options})


def batch_of(recipe):
    return make_pairs(recipe, torch.from_numpy(block_pixels(2, 32, seed=0)), torch.Generator().manual_seed(0), 0)


def test_the_critic_is_updated_from_epoch_6_twice_a_step():
    assert TASK.update_order(DEFOCUSGAN, 6 * EPOCH - 1) == ("network",)
    assert TASK.update_order(DEFOCUSGAN, 6 * EPOCH) == ("critic_3", "critic_3", "network")
    assert TASK.update_order(RECIPES["defocusgan-no-gan"], 10**6) == ("network",)
    assert TASK.update_order(RECIPES["defocusgan-double-loss"], 10**6)[:2] == ("critic_3", "critic_5")


def test_the_generators_loss_has_the_adversarial_term_from_a_given_step():
    recipe = recipe_with(critic_from=0, adversarial_from=5)
    networks, batch = TASK.make_networks(recipe), batch_of(recipe)
    assert set(TASK.losses(recipe, "network", networks, batch, 4)) == {"l1"}
    assert set(TASK.losses(recipe, "network", networks, batch, 5)) == {"l1", "adversarial"}


def test_guidance_ends():
    """Before its end the loss depends on the map, afterwards it doesn't."""
    recipe = recipe_with(critics=(), guidance_steps=10)
    networks, batch = TASK.make_networks(recipe), batch_of(recipe)
    other = {**batch, "radius_px": batch["radius_px"] + 2}

    def loss(given, step):
        return float(TASK.losses(recipe, "network", networks, given, step)["l1"].detach())

    assert loss(batch, 0) != loss(other, 0) and loss(batch, 9) != loss(other, 9)
    assert loss(batch, 10) == loss(other, 10)
    later = recipe_with(critics=(), guidance_steps=10, guidance_from=100)
    assert float(TASK.losses(later, "network", networks, batch, 60)["l1"].detach()) == loss(batch, 0)


@pytest.mark.parametrize(("where", "generator", "critic"), [("none", 0, 0), ("G", 1, 0), ("D", 0, 1), ("both", 1, 1)])
def test_the_defocus_weights_the_given_losses(where, generator, critic):
    """Where the radius is 10 px everywhere, weighted scores have weight 2."""

    def terms(weight_in):
        recipe = recipe_with(weight_in=weight_in)
        torch.manual_seed(1)
        networks = TASK.make_networks(recipe)
        batch = batch_of(recipe)
        batch["radius_px"] = torch.full_like(batch["radius_px"], 10.0)
        torch.manual_seed(2)  # of the penalty
        critic_terms = TASK.losses(recipe, "critic_3", networks, batch, 10**6)
        generator_terms = TASK.losses(recipe, "network", networks, batch, 10**6)
        return float(generator_terms["adversarial"].detach()), float(critic_terms["critic_3_distance"].detach())

    plain, weighted = terms("none"), terms(where)
    assert weighted[0] == pytest.approx(plain[0] * (1 + generator), rel=1e-3)
    assert weighted[1] == pytest.approx(plain[1] * (1 + critic), rel=1e-3)


def test_the_perceptual_term_names_its_features(shared, monkeypatch):
    """Weight times the features' mean squared error, under the name of the network that they are of."""
    monkeypatch.setenv("REFOCAL_WEIGHTS", str(shared / "data/weights"))
    recipe = replace(DEFOCUSGAN, **SMALL, task_options={"critics": (), "features": "lpips-squeeze"})
    networks, batch = TASK.make_networks(recipe), batch_of(recipe)
    terms = TASK.losses(recipe, "network", networks, batch, 10**6)
    restored = networks["network"](batch["blurred"])
    expected = 0.012 * perceptual_loss(restored, batch["sharp"], make_features("lpips-squeeze"))
    assert set(terms) == {"l1", "perceptual, squeezenet1.1 features.4"}
    assert float(terms["perceptual, squeezenet1.1 features.4"].detach()) == pytest.approx(
        float(expected.detach()), rel=1e-4
    )


def test_two_critics_have_half_the_weight_each():
    recipe = recipe_with(critics=(1, 3), weight_in="none", adversarial_weight=1.0)
    networks, batch = TASK.make_networks(recipe), batch_of(recipe)
    term = TASK.losses(recipe, "network", networks, batch, 0)["adversarial"]
    restored = networks["network"](batch["blurred"], batch["radius_px"], 1.0)
    scores = [networks[f"critic_{layers}"](restored).mean() for layers in (1, 3)]
    assert float(term.detach()) == pytest.approx(-float(sum(scores).detach()) / 2, rel=1e-4)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"critics": (3, 3)}, "different numbers"),
        ({"critics": (0,)}, "from 1 to 6"),
        ({"guidance_steps": 5}, "can't be guided"),
    ],
)
def test_options_that_cannot_be_followed_are_refused(options, sentence):
    recipe = RECIPES["deblurgan-v2"] if "guidance_steps" in options else replace(DEFOCUSGAN, **SMALL)
    with pytest.raises(InputError, match=sentence):
        TASK.make_networks(replace(recipe, task_options={"guidance_steps": 0, **options}))


def test_the_critics_loss_has_no_gradient_in_the_generator():
    recipe = recipe_with()
    networks, batch = TASK.make_networks(recipe), batch_of(recipe)
    sum(TASK.losses(recipe, "critic_3", networks, batch, 0).values()).backward()
    assert all(parameter.grad is None for parameter in networks["network"].parameters())
    assert all(parameter.grad is not None for parameter in networks["critic_3"].parameters())


@pytest.mark.parametrize("game", ["wasserstein", "relativistic"])
def test_a_small_game_lowers_both_losses(game):
    """On one batch: the critic separates restored from sharp better, and the generator comes nearer to sharp."""
    recipe = recipe_with(game=game, critics=(3,), critic_steps=1)
    networks, batch = TASK.make_networks(recipe), batch_of(recipe)
    optimisers = {name: torch.optim.Adam(network.parameters(), 3e-4) for name, network in networks.items()}

    def update(name, steps):
        found = []
        for _ in range(steps):
            terms = TASK.losses(recipe, name, networks, batch, 0)
            optimisers[name].zero_grad()
            torch.stack(list(terms.values())).sum().backward()
            optimisers[name].step()
            found.append({term: float(value.detach()) for term, value in terms.items()})
        return found

    distance = f"critic_3{'_distance' if game == 'wasserstein' else ''}"
    judged, restored = update("critic_3", 6), update("network", 12)
    assert judged[-1][distance] < judged[0][distance]
    assert restored[-1]["l1"] < 0.95 * restored[0]["l1"]
    assert all(np.isfinite(value) for terms in judged + restored for value in terms.values())


def test_the_loop_logs_the_game(tmp_path):
    recipe = replace(
        DEFOCUSGAN,
        **SMALL,
        task_options={"perceptual_weight": 0.0, "critic_from": 1, "adversarial_from": 2, "guidance_steps": 2},
        phases=(Phase(4, 32, 1),),
        validation_steps=4,
        validation_crops=1,
    )
    train(recipe, write_crops(tmp_path), Run(tmp_path / "run", device="cpu", log_steps=1))
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "critic_3_loss" in line] == [2, 3, 4]
    assert [line["step"] for line in lines if "adversarial" in line] == [3, 4]


def test_every_ablation_of_tables_4_to_6_builds():
    names = {
        "defocusgan-base": 1, "defocusgan-rcab": 1, "defocusgan-guided": 1, "defocusgan-multi-scale": 1,
        "defocusgan-no-gan": 1, "defocusgan": 2, "defocusgan-original-loss": 2, "defocusgan-double-loss": 3,
        "defocusgan-defocus-loss": 2, "defocusgan-released": 2, "defocusgan-light": 2, "deblurgan-v2": 2,
    }  # fmt: skip
    for name, networks in names.items():
        assert len(TASK.make_networks(RECIPES[name])) == networks, name
        assert bool(read_options(RECIPES[name], Options).guidance_steps) == (
            name not in ("defocusgan-base", "defocusgan-rcab", "deblurgan-v2")
        ), name
