import dataclasses
import math
import re

import pytest

pytest.importorskip("torch")

from refocal.catalog import find
from refocal.learn.recipe import Phase, field_names, from_json, override, to_json
from refocal.learn.recipe_fields import check_fields
from refocal.learn.recipes import RECIPES
from refocal.learn.recipes.sharpness_loss import STAGE_1
from refocal.types import InputError


def test_overrides_reach_every_kind_of_field_and_leave_the_rest():
    given = {
        "learning-rate": "3e-3",
        "phases.0.steps": "12",
        "loss.0.weight": "0.5",
        "channels_last": "false",
        "schedule": "constant",
    }
    changed = override(STAGE_1, given)
    assert (changed.learning_rate, changed.phases[0].steps, changed.loss[0].weight) == (3e-3, 12, 0.5)
    assert (changed.channels_last, changed.schedule) == (False, "constant")
    assert changed.phases[0].batch == STAGE_1.phases[0].batch
    assert STAGE_1.learning_rate == 1e-4


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("learning_rat", "learning_rate"),
        ("steps", "phases.0.steps"),
        ("phases.7.steps", "phases.0.steps"),
        ("loss.0.wieght", "loss.0.weight"),
    ],
)
def test_an_unknown_field_names_the_nearest(name, nearest):
    with pytest.raises(InputError, match=re.escape(f"did you mean '{nearest}'")):
        override(STAGE_1, {name: "1"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("learning_rate", "fast"),
        ("phases.0.steps", "1.5"),
        ("schedule", "wavy"),
        ("compile", "maybe"),
        ("ema", "-1"),
        ("ema", "nan"),
    ],
)
def test_a_value_of_another_kind_is_refused(name, text):
    with pytest.raises(InputError, match=name):
        override(STAGE_1, {name: text})


def test_fields_of_mappings_are_read_as_json_or_else_text():
    given = {
        "task-options.guidance-steps": "100",
        "task_options.critics": "[3, 5]",
        "task_options.weight_in": "D",
        "task_options.features": "my-file.safetensors",
        "config.glue": "light",
        "config.attention": "false",
        "pairs-options.max-radius-px": "5",
        "pairs_options.noise_std": "1e-2",
        "phases.0.pairs_options.grey": "0.5",
    }
    changed = override(RECIPES["defocusgan"], given)
    check_fields(changed)
    assert changed.task_options == {
        **RECIPES["defocusgan"].task_options,
        "guidance_steps": 100,
        "critics": (3, 5),
        "weight_in": "D",
        "features": "my-file.safetensors",
    }
    assert changed.config == {**RECIPES["defocusgan"].config, "glue": "light", "attention": False}
    assert changed.pairs_options == {**RECIPES["defocusgan"].pairs_options, "max_radius_px": 5, "noise_std": 0.01}
    assert changed.phases[0].pairs_options["grey"] == 0.5
    assert to_json(from_json(to_json(changed))) == to_json(changed)
    check_fields(from_json(to_json(changed)))
    kernels = override(RECIPES["dual-pixel-map"], {"task-options.kernels.kind": "gaussian"}).task_options["kernels"]
    assert kernels == {"kind": "gaussian"}
    check_fields(override(RECIPES["sharpness-unet-beta-0.1"], {"loss.1.options.clipped": "true"}))


@pytest.mark.parametrize(
    ("recipe", "name", "text", "sentence"),
    [
        ("defocusgan", "config.glu", "light", "defocusgan has no field config.glu: there are channels, branches, "),
        ("defocusgan", "config.glue", "heavy", "config.glue is one of released, light, not 'heavy'"),
        (
            "defocusgan",
            "pairs-options.radius",
            "5",
            "dual-pixel has no field pairs_options.radius: there are max_radius_px",
        ),
        (
            "defocusgan",
            "phases.0.pairs-options.radius",
            "5",
            "no field phases.0.pairs_options.radius: there are max_radius",
        ),
        ("defocusgan", "pairs-options.max-radius-px", "wide", "pairs_options.max_radius_px is a number, not 'wide'"),
        ("defocusgan", "pairs-options.max-radius-px", "nan", "pairs_options.max_radius_px is a number, not 'nan'"),
        ("defocusgan", "task-options.guidance-steps", "1.5", "task_options.guidance_steps is a whole number, not 1.5"),
        ("defocusgan", "task-options.critics", "3", "task_options.critics is a list such as [3, 5], not 3"),
        ("denoiser", "task-options.speed", "3", "restore has no field task_options.speed: there is none at all."),
        (
            "svbr-net-short",
            "loss.0.options.speed",
            "3",
            "dissimilarity has no field loss.0.options.speed: there is none",
        ),
        ("sharpness-unet-beta-0.1", "loss.1.options.clipped", "1", "loss.1.options.clipped is true or false, not 1"),
    ],
)
def test_unknown_fields_of_mappings_are_refused(recipe, name, text, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        check_fields(override(RECIPES[recipe], {name: text}))


def test_mappings_as_a_whole_and_sources_can_not_be_set():
    for name in ("config", "source", "source.phases", "loss", "phases.0", "config.glue.x"):
        with pytest.raises(InputError, match="A recipe has no field"):
            override(dataclasses.replace(RECIPES["defocusgan"], config={"glue": "light"}), {name: "1"})


def test_names_of_fields_are_all_that_can_be_set():
    recipe = RECIPES["defocusgan-light"]
    names = field_names(recipe)
    assert {"seed", "phases.0.steps", "config.glue"} <= set(names)
    assert not {"source", "loss", "phases", "config"} & {name.partition(".")[0] for name in names if "." not in name}
    for name in names:
        value = recipe
        for key in name.split("."):
            value = value[int(key)] if key.isdigit() else value[key] if isinstance(value, dict) else getattr(value, key)
        text = value if isinstance(value, str) else re.sub(r"'", '"', str(value).lower())
        override(recipe, {name: text})


@pytest.mark.parametrize("name", RECIPES)
def test_all_recipes_hold_fields_that_are_read(name):
    check_fields(RECIPES[name])


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_survive_json_and_state_their_sources(name):
    recipe = RECIPES[name]
    assert to_json(from_json(to_json(recipe))) == to_json(recipe)
    fields = {key for keys in recipe.source for key in keys.split(", ")}
    assert {"phases", "learning_rate", *(["loss"] if recipe.loss else [])} <= fields
    assert fields <= {field.name for field in dataclasses.fields(recipe)}


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(InputError, match=r"did you mean 'sharpness-unet-beta-0\.01'"):
        find(RECIPES, "sharpness-unet-beta-0.011", "recipe")


def test_the_published_schedule_in_numbers():
    """100 epochs of 3780 batches of 32; 1e-4 down to 1e-12."""
    stage = RECIPES["sharpness-unet-beta-0"]
    assert stage.steps == 378_000
    assert stage.steps * 32 == pytest.approx(100 * 134_400 * 0.9, rel=1e-4)
    assert stage.rate_at(0) == 1e-4
    assert stage.rate_at(stage.steps - 1) == pytest.approx(1e-12)
    assert stage.rate_at(stage.steps // 2) == pytest.approx(0.5e-4, rel=1e-3)


def test_warming_up_holding_and_stairs():
    warm = override(STAGE_1, {"phases.0.steps": "100", "warmup_steps": "10", "hold_steps": "50", "learning_rate": "1"})
    assert [warm.rate_at(i) for i in (0, 4, 9, 10, 50)] == pytest.approx([0.1, 0.5, 1, 1, 1])
    assert warm.rate_at(75) == pytest.approx((1 + math.cos(math.pi * 25 / 49)) / 2, abs=1e-6)
    stairs = override(STAGE_1, {"schedule": "stairs", "stair_steps": "20", "stair_factor": "0.5", "learning_rate": "8"})
    assert [stairs.rate_at(i) for i in (0, 19, 20, 40, 60)] == [8, 8, 4, 2, 1]


def test_phases_follow_one_another():
    two = override(STAGE_1, {"phases.0.steps": "3"})
    two = type(two)(**{**vars(two), "phases": (*two.phases, Phase(2, 64, 8))})
    assert [two.phase_at(i).step for i in range(5)] == [0, 1, 2, 0, 1]
    assert [two.phase_at(i).phase.crop_px for i in range(5)] == [128, 128, 128, 64, 64]


def test_svbr_net_is_trained_as_published():
    paper, released = RECIPES["svbr-net"], RECIPES["svbr-net-released"]
    epoch = 700 * 39 // 8
    assert paper.steps == 64 * epoch and paper.phase_at(32 * epoch - 1).phase.pairs_options == {"maps": "exact"}
    assert paper.phase_at(32 * epoch).phase.pairs_options == {"maps": "packed"}
    rates = [paper.rate_at(place * epoch) for place in (0, 19, 20, 39, 40, 60)]
    assert rates == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-6])
    epoch = 700 * 39 // 12
    rates = [released.rate_at(place * epoch) for place in (0, 1, 20, 21, 41, 61)]
    assert rates == pytest.approx([1e-3, 1e-4, 1e-4, 1e-5, 1e-6, 1e-7])
    assert released.config == {"normalise": False} and {phase.batch for phase in released.phases} == {12}
    assert {phase.pairs_options["maps"] for phase in RECIPES["svbr-net-gtb"].phases} == {"exact"}
