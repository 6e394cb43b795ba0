"""DefocusGAN's task: turns, guidance, terms, and a small game that stays finite."""

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from learn_samples import write_crops

from refocal.learn.losses.perceptual import make_features, perceptual_loss
from refocal.learn.recipe import Phase
from refocal.learn.recipes.learnable_blur_kernel_defocusgan import DEFOCUSGAN, EPOCH, RECIPES
from refocal.learn.tasks.restore_adversarial import RestoreAdversarial
from refocal.learn.train import Run, train
from refocal.types import InputError

SMALL = {"config": {"branches": (1, 4), "thresholds_px": (1.9,)}, "pairs_options": {"max_radius_px": 3.0}}


def task_with(**options):
    return RestoreAdversarial(replace(DEFOCUSGAN, **SMALL, task_options={"perceptual_weight": 0.0, **options}))


def batch_of(task):
    random = np.random.default_rng(0)
    blocks = np.kron(random.integers(0, 256, (2, 8, 8, 3)), np.ones((1, 4, 4, 1)))
    return task.pairs(torch.from_numpy(blocks.astype(np.uint8)), torch.Generator().manual_seed(0), 0)


def test_the_critic_learns_from_epoch_6_twice_a_step():
    task = RestoreAdversarial(DEFOCUSGAN)
    assert task.turns(6 * EPOCH - 1) == ("network",)
    assert task.turns(6 * EPOCH) == ("critic_3", "critic_3", "network")
    assert RestoreAdversarial(RECIPES["defocusgan-no-gan"]).turns(10**6) == ("network",)
    assert RestoreAdversarial(RECIPES["defocusgan-double-loss"]).turns(10**6)[:2] == ("critic_3", "critic_5")


def test_the_generator_hears_of_the_critic_from_epoch_11():
    task = task_with(critic_from=0, adversarial_from=5)
    networks, batch = task.networks(), batch_of(task)
    assert set(task.losses("network", networks, batch, 4)) == {"l1"}
    assert set(task.losses("network", networks, batch, 5)) == {"l1", "adversarial"}


def test_guidance_ends():
    """While it lasts, another map gives another loss; at its end the map is no longer looked at."""
    task = task_with(critics=(), guidance_steps=10)
    networks, batch = task.networks(), batch_of(task)
    other = {**batch, "radius_px": batch["radius_px"] + 2}

    def loss(given, step):
        return float(task.losses("network", networks, given, step)["l1"].detach())

    assert loss(batch, 0) != loss(other, 0) and loss(batch, 9) != loss(other, 9)
    assert loss(batch, 10) == loss(other, 10)
    later = task_with(critics=(), guidance_steps=10, guidance_from=100)
    assert float(later.losses("network", networks, batch, 60)["l1"].detach()) == loss(batch, 0)


@pytest.mark.parametrize(("where", "generator", "critic"), [("none", 0, 0), ("G", 1, 0), ("D", 0, 1), ("both", 1, 1)])
def test_the_defocus_weighs_where_it_is_told_to(where, generator, critic):
    """Where the radius is 10 px everywhere, weighted scores count twice."""

    def terms(weight_in):
        task = task_with(weight_in=weight_in)
        torch.manual_seed(1)
        networks = task.networks()
        batch = batch_of(task)
        batch["radius_px"] = torch.full_like(batch["radius_px"], 10.0)
        torch.manual_seed(2)  # of the penalty
        played = task.losses("critic_3", networks, batch, 10**6)
        heard = task.losses("network", networks, batch, 10**6)
        return float(heard["adversarial"].detach()), float(played["critic_3_distance"].detach())

    plain, weighted = terms("none"), terms(where)
    assert weighted[0] == pytest.approx(plain[0] * (1 + generator), rel=1e-3)
    assert weighted[1] == pytest.approx(plain[1] * (1 + critic), rel=1e-3)


def test_the_perceptual_term_names_its_features(shared, monkeypatch):
    """Weight times the features' mean squared error, under the name of the network that they are of."""
    monkeypatch.setenv("REFOCAL_WEIGHTS", str(shared / "data/weights"))
    task = RestoreAdversarial(replace(DEFOCUSGAN, **SMALL, task_options={"critics": (), "features": "lpips-squeeze"}))
    networks, batch = task.networks(), batch_of(task)
    terms = task.losses("network", networks, batch, 10**6)
    restored = networks["network"](batch["blurred"])
    expected = 0.012 * perceptual_loss(restored, batch["sharp"], make_features("lpips-squeeze"))
    assert set(terms) == {"l1", "perceptual, squeezenet1.1 features.4"}
    assert float(terms["perceptual, squeezenet1.1 features.4"].detach()) == pytest.approx(
        float(expected.detach()), rel=1e-4
    )


def test_two_critics_count_half_each():
    task = task_with(critics=(1, 3), weight_in="none", adversarial_weight=1.0)
    networks, batch = task.networks(), batch_of(task)
    heard = task.losses("network", networks, batch, 0)["adversarial"]
    restored = networks["network"](batch["blurred"], batch["radius_px"], 1.0)
    scores = [networks[f"critic_{layers}"](restored).mean() for layers in (1, 3)]
    assert float(heard.detach()) == pytest.approx(-float(sum(scores).detach()) / 2, rel=1e-4)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"critics": (3, 3)}, "different numbers"),
        ({"critics": (0,)}, "from 1 to 6"),
        ({"guidance_steps": 5}, "can't be guided"),
    ],
)
def test_what_cannot_be_trained_is_told(options, sentence):
    recipe = RECIPES["deblurgan-v2"] if "guidance_steps" in options else replace(DEFOCUSGAN, **SMALL)
    with pytest.raises(InputError, match=sentence):
        RestoreAdversarial(replace(recipe, task_options={"guidance_steps": 0, **options})).networks()


def test_what_the_critic_sees_carries_no_gradient_to_the_generator():
    task = task_with()
    networks, batch = task.networks(), batch_of(task)
    sum(task.losses("critic_3", networks, batch, 0).values()).backward()
    assert all(parameter.grad is None for parameter in networks["network"].parameters())
    assert all(parameter.grad is not None for parameter in networks["critic_3"].parameters())


@pytest.mark.parametrize("game", ["wasserstein", "relativistic"])
def test_a_small_game_lowers_both_losses(game):
    """On one batch: the critic tells restored from sharp ever better, and the generator comes nearer to sharp."""
    torch.manual_seed(0)
    task = task_with(game=game, critics=(3,), critic_steps=1)
    networks, batch = task.networks(), batch_of(task)
    optimisers = {name: torch.optim.Adam(network.parameters(), 3e-4) for name, network in networks.items()}

    def play(turn, steps):
        told = []
        for _ in range(steps):
            terms = task.losses(turn, networks, batch, 0)
            optimisers[turn].zero_grad()
            torch.stack(list(terms.values())).sum().backward()
            optimisers[turn].step()
            told.append({name: float(value.detach()) for name, value in terms.items()})
        return told

    distance = f"critic_3{'_distance' if game == 'wasserstein' else ''}"
    judged, restored = play("critic_3", 6), play("network", 12)
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
    train(recipe, write_crops(tmp_path), Run(tmp_path / "run", log_steps=1))
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
        task = RestoreAdversarial(RECIPES[name])
        assert len(task.networks()) == networks, name
        assert bool(task.options.guidance_steps) == (
            name not in ("defocusgan-base", "defocusgan-rcab", "deblurgan-v2")
        ), name
