"""The default model's task: losses computed by hand, a short training, and recipes that are refused."""

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from learn_samples import fixed_output, logged_losses, write_crops

from refocal.cli import main
from refocal.inference.network_file import open_network
from refocal.learn.export.onnx_file import export_checkpoint
from refocal.learn.nets import make_config
from refocal.learn.nets.focus_unet import MIN_SCALE_PX
from refocal.learn.pairs.camera import REACH, CameraPairs
from refocal.learn.pairs.uniform import PAIRS
from refocal.learn.recipe import Phase, Term, from_json, to_json
from refocal.learn.recipe_fields import check_fields
from refocal.learn.recipes.default import DEFAULT, RECIPES
from refocal.learn.tasks import TASKS, make_network, make_pairs, read_options
from refocal.learn.tasks.restore_and_map import MAX_PSNR_DB, RESTORE_AND_MAP, Options, laplace_nll
from refocal.learn.train import Run, train
from refocal.learn.training import checkpoint
from refocal.types import InputError

TINY = replace(
    DEFAULT,
    config={"widths": (8, 12), "blocks": (1, 1)},
    phases=(Phase(20, 32, 8),),
    pairs_options={
        "max_radius_px": 2.0,
        "least_radius_px": 1.5,
        "border_px": 4,
        **dict.fromkeys(("in_focus", "layers", "resized", "noisy", "compressed"), 0.0),
    },
    task_options={"map_weight": 0.05},
    learning_rate=5e-3,
    warmup_steps=0,
    ema=0.0,
    precision="32-true",
    validation_steps=10,
    validation_crops=16,
)


def noise(*shape, seed=1):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_the_likelihood_is_laplaces():
    radius_px, scale_px, true = 5 * noise(2, 1, 8, 9), 0.05 + noise(2, 1, 8, 9, seed=2), 5 * noise(2, 1, 8, 9, seed=3)
    wanted = -torch.distributions.Laplace(radius_px, scale_px).log_prob(true).mean()
    assert float(laplace_nll(radius_px, scale_px, true)) == pytest.approx(float(wanted), rel=1e-5)


def test_the_likeliest_scale_is_the_mean_error():
    true, radius_px = 4 * noise(1, 1, 40, 40), 4 * noise(1, 1, 40, 40, seed=2)
    scale_px = (radius_px - true).abs().mean().clone().requires_grad_()
    laplace_nll(radius_px, scale_px, true).backward()
    assert abs(float(scale_px.grad)) < 1e-5


def test_terms_are_taken_at_every_size():
    """A difference of +-0.1 that alternates is gone in the means over 2 x 2; one of 0.1 all over is in all of them."""
    sharp = noise(2, 1, 8, 8)
    rows = torch.arange(8)
    alternating = (0.1 * (-1.0) ** (rows + rows[:, None])).expand(2, 1, 8, 8)
    blocks = torch.full((2, 1, 8, 8), 0.1)
    blocks[..., :4] = -0.1
    blocks = blocks.roll(2, -1)  # of 4 x 8: they last to the means over 2 x 2, and cancel in half of those over 4 x 4
    ones = torch.ones(2, 1, 8, 8)
    batch = {"blurred": sharp, "sharp": sharp, "radius_px": 2 * ones}
    recipe = replace(
        DEFAULT,
        loss=(Term("l1", 2.0), Term("l2", 3.0)),
        task_options={"scales": 3, "coarser_weight": 0.25, "map_weight": 0.1},
    )
    for difference, l1, l2 in [
        (alternating, 0.1, 0.01),
        (0.1 * ones, 0.1 * 1.5, 0.01 * 1.5),
        (blocks, 0.1 * 1.25, 0.01 * 1.25),
    ]:
        network = fixed_output(sharp + difference, 3 * ones, 0.5 * ones)
        losses = RESTORE_AND_MAP.losses(recipe, "network", {"network": network}, batch, 0)
        assert list(losses) == ["l1", "l2", "map"]
        assert float(losses["l1"]) == pytest.approx(2 * l1, rel=1e-4)
        assert float(losses["l2"]) == pytest.approx(3 * l2, rel=1e-4)
        assert float(losses["map"]) == pytest.approx(0.1 * (1 / 0.5 + np.log(2 * 0.5)), rel=1e-5)
    assert (Options().scales, Options().coarser_weight) == (3, 0.5)


def test_validation_measures_the_clipped_image():
    sharp = 0.2 + 0.6 * noise(2, 1, 16, 16)
    white = torch.ones(2, 1, 16, 16)
    batch = {"blurred": sharp + 0.1, "sharp": sharp, "radius_px": 2 * white}
    off = torch.tensor([1.0, -0.5]).view(2, 1, 1, 1)
    figures = RESTORE_AND_MAP.validate(fixed_output(sharp - 0.01, 2 * white + off, white), batch)
    assert next(iter(figures)) == "psnr"
    assert figures["psnr"].tolist() == pytest.approx([40, 40], abs=1e-2)
    assert figures["psnr_blurred"].tolist() == pytest.approx([20, 20], abs=1e-2)
    assert figures["minus_mae_px"].tolist() == [-1.0, -0.5] and figures["minus_mae_px_flat"].tolist() == [0.0, 0.0]
    batch["sharp"] = white
    figures = RESTORE_AND_MAP.validate(fixed_output(white + 0.3, white, white), batch)
    assert figures["psnr"].tolist() == [MAX_PSNR_DB, MAX_PSNR_DB]  # clipped to [0, 1] it is exact


def test_twenty_steps_lower_every_loss(tmp_path):
    crops = write_crops(tmp_path, count=200)
    trained = train(TINY, crops, Run(tmp_path / "run", device="cpu", log_steps=1))
    logged = logged_losses(tmp_path / "run")
    assert len(logged) == 20
    for line in logged:
        assert line["loss"] == pytest.approx(line["charbonnier"] + line["map"], abs=1e-6)
    kept = checkpoint.load(trained)
    torch.manual_seed(0)
    fresh, after = make_network(TINY), make_network(TINY)
    after.load_state_dict(kept.best())
    pixels = torch.from_numpy(np.load(crops))[:32]
    batch = make_pairs(TINY, pixels, torch.Generator().manual_seed(9), 0)
    with torch.no_grad():  # on the same pairs: batches differ more than twenty steps change
        before, now = (
            RESTORE_AND_MAP.losses(TINY, "network", {"network": network}, batch, 0) for network in (fresh, after)
        )
    assert now["charbonnier"] < 0.9 * before["charbonnier"] and now["map"] < before["map"] - 0.05 * 0.2
    assert next(iter(kept.about["validation"])) == "psnr"


def test_recipes_are_complete_and_can_be_followed():
    for recipe in RECIPES.values():
        check_fields(recipe)
        assert to_json(from_json(to_json(recipe))) == to_json(recipe)
        network = make_network(recipe)
        assert sum(weight.numel() for weight in network.parameters()) <= 6_000_000
        assert TASKS[recipe.task].load() is RESTORE_AND_MAP and read_options(recipe, Options).map_weight > 0
        radii = []
        for phase in recipe.phases:
            pairs = PAIRS[recipe.pairs].make({**recipe.pairs_options, **phase.pairs_options})
            assert isinstance(pairs, CameraPairs)
            assert (
                round(REACH * pairs.max_radius_px) + 1 <= pairs.border_px
            )  # else the periodic boundary reaches into the crop
            assert phase.crop_px % 16 == 0 and phase.crop_px // 2 >= 2 * pairs.border_px
            radii.append(pairs.max_radius_px)
        assert radii == sorted(radii)  # small ones first
    assert DEFAULT.rate_at(DEFAULT.warmup_steps - 1) == DEFAULT.learning_rate
    assert DEFAULT.rate_at(DEFAULT.steps - 1) == pytest.approx(DEFAULT.final_learning_rate)


def test_the_scale_of_an_untrained_map_has_its_minimum():
    network = make_network(TINY)
    with torch.no_grad():
        assert network(noise(1, 1, 32, 32))[2].min() > MIN_SCALE_PX


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("pairs-options.radius", "3", "camera has no field pairs_options.radius: there are max_radius_px"),
        (
            "phases.0.pairs-options.max-radius-px",
            "wide",
            "phases.0.pairs_options.max_radius_px is a number, not 'wide'",
        ),
        ("task-options.scale", "3", "restore-and-map has no field task_options.scale: there are scales"),
        ("config.width", "8", "focus-unet has no field config.width: there are unshuffle"),
        ("pairs-options.lens.rims", "1", "lens"),
        ("pairs-options.lens.rim", "wide", "lens"),
        ("pairs-options.lens.rim", "-1", "lens"),
        ("pairs-options.in-focus", "2", "in_focus"),
        ("phases.0.pairs-options.max-radius-px", "-3", "max_radius_px"),
        ("phases.0.pairs-options.border-px", "-4", "border_px"),
        ("phases.0.pairs-options.border-px", "16", "16"),
        ("phases.0.pairs-options.max-radius-px", "40", "40"),
        ("phases.0.crop-px", "20", "20"),
        ("task-options.scales", "0", "scales"),
        ("task-options.scales", "9", "scales"),
        ("task-options.map-weight", "-1", "map_weight"),
        ("config.widths", "[32, 64, 128]", "widths"),
        ("config.widths", "[]", "widths"),
        ("config.unshuffle", "0", "unshuffle"),
        ("config.channels", "3", "focus-unet has no field config.channels"),
    ],
)
def test_invalid_fields_are_refused_in_one_sentence(field, value, sentence, tmp_path, capsys):
    words = ["--phases.0.steps", "1", "--phases.0.batch", "4", "--phases.0.crop-px", "32"]
    for later in range(1, len(DEFAULT.phases)):
        words += [f"--phases.{later}.steps", "0", f"--phases.{later}.crop-px", "32"]
    words += ["--phases.0.pairs-options.border-px", "8", "--validation-crops", "2", "--precision", "32-true"]
    words += [
        "--pairs-options.resized",
        "0",
        "--config.widths",
        "[4, 8]",
        "--config.blocks",
        "[1, 1]",
        "--phases.0.pairs-options.max-radius-px",
        "3",
    ]
    crops = str(write_crops(tmp_path, count=100))
    words = ["train", "default", "--data", crops, "-o", str(tmp_path / "run"), "--device", "cpu", *words]
    assert main([*words, f"--{field}", value]) == 2
    message = capsys.readouterr().err
    assert sentence in message and message.count("\n") == 1


def test_configs_of_earlier_versions_are_read():
    """They have a field ``channels``, of which only luma is still supported."""
    fields = {"channels": 1, "unshuffle": 2, "widths": [8, 12], "blocks": [1, 1]}
    assert make_config("focus-unet", fields) == make_config("focus-unet", TINY.config)
    old = replace(TINY, config=fields)
    make_network(old).load_state_dict(make_network(TINY).state_dict())
    with pytest.raises(InputError, match="supports focus-unet with channels 1 only, not 3"):
        make_config("focus-unet", {"channels": 3})


def test_a_checkpoint_of_an_earlier_version_is_exported(tmp_path):
    """Its recipe has ``config.channels``; the file's metadata has it as well, and the fields that came later."""
    old = replace(TINY, config={"channels": 1, **TINY.config})
    tensors = {f"weights/network/{name}": tensor for name, tensor in make_network(TINY).state_dict().items()}
    checkpoint.save(tmp_path / "old.safetensors", checkpoint.Checkpoint(old, 20, tensors, {}))
    export_checkpoint(tmp_path / "old.safetensors", tmp_path / "old.onnx")
    file = open_network(tmp_path / "old.onnx")
    assert json.loads(file.config) == {
        "channels": 1,
        "unshuffle": 2,
        "widths": [8, 12],
        "blocks": [1, 1],
        "confidence_slope": 1.0,
        "confidence_offset": 0.0,
    }
    assert json.loads(file.recipe)["config"]["channels"] == 1 and file.channels == "luma"
