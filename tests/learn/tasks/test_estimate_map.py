"""A small DMENet learns, is exported, and predicts the same map without torch."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")
pytest.importorskip("onnxscript")

from dataclasses import replace

from learn_samples import fixed_output, write_crops
from scipy.ndimage import gaussian_filter

from refocal.estimators.network_map import NetworkMap
from refocal.inference.network_file import open_network
from refocal.learn.export.onnx_file import export_checkpoint, load_state
from refocal.learn.nets import NETWORKS
from refocal.learn.nets.dmenet import Config, dmenet
from refocal.learn.pairs.depth_like import LayeredSceneBlur
from refocal.learn.pairs.uniform import PAIRS
from refocal.learn.recipe import Phase, Term, from_json, override, to_json
from refocal.learn.recipes.dmenet import DMENET, EPOCH, RECIPES
from refocal.learn.tasks import TASKS
from refocal.learn.tasks.estimate_map import ESTIMATE_MAP
from refocal.learn.train import Run, train
from refocal.learn.training import checkpoint
from refocal.learn.training.log import read_log

TINY = {
    "encoder": (8, 12, 16),
    "encoder_convs": (2, 1, 1),
    "decoder": (12, 8),
    "decoder_convs": (1, 1),
    "refinements": 1,
}
RECIPE = replace(
    DMENET,
    config=TINY,
    phases=(Phase(120, 32, 8),),
    pairs_options={"max_radius_px": 4.0, "by_rule": 0.0},
    learning_rate=1e-2,
    schedule="cosine",
    ema=0.9,
    validation_steps=20,
    validation_crops=16,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dmenet")
    crops = write_crops(folder, count=400)
    return train(RECIPE, crops, Run(folder / "run", device="cpu", log_steps=5))


@pytest.fixture(scope="module")
def exported(trained):
    path = trained.parent / "tiny.onnx"
    return path, export_checkpoint(trained, path)


def test_the_loss_falls_and_the_map_of_what_was_held_out_gets_better(trained):
    log = read_log(trained.parent / "log.jsonl")
    logged = [line for line in log if "loss" in line]
    for name in ("loss", "l2", "l2_coarser"):
        assert np.mean([line[name] for line in logged[-5:]]) < 0.5 * np.mean([line[name] for line in logged[:2]])
    assert logged[0]["loss"] == pytest.approx(logged[0]["l2"] + logged[0]["l2_coarser"])
    figures = [line["validation"] for line in log if "validation" in line]
    first, last = figures[0]["minus_mae_px"], figures[-1]["minus_mae_px"]
    assert last > first + 0.2
    assert last > figures[-1]["minus_mae_px_flat"] + 0.05  # it varies within images like the true map
    assert next(iter(checkpoint.load(trained).about["validation"])) == "minus_mae_px"


def test_the_exported_file_predicts_the_same_map(trained, exported):
    path, parity = exported
    assert parity.even < 1e-4 and parity.odd < 1e-4
    file = open_network(path)
    assert (file.inputs, file.outputs, file.channels) == (("blurred",), ("radius_px",), "rgb")
    network = dmenet(Config(**TINY, auxiliary=False)).eval()
    network.load_state_dict(load_state(path))
    image = np.random.default_rng(0).random((3, 45, 70), np.float32)
    image[..., 35:] = gaussian_filter(image[..., 35:], (0, 1.5, 1.5))
    with torch.no_grad():
        wanted = network(torch.from_numpy(image)[None])[0, 0].numpy()
    blur = NetworkMap(str(path))(image)
    np.testing.assert_allclose(blur.radius_px, wanted, atol=1e-4)
    assert wanted[:, 50:].mean() > wanted[:, :20].mean() + 1 and wanted.min() >= 0


def test_weights_that_only_training_uses_stay_in_the_checkpoint(trained, exported):
    kept = checkpoint.load(trained).best()
    lost = {name for name in kept if name not in load_state(exported[0]) and "num_batches" not in name}
    assert lost and all(name.startswith("coarser.") for name in lost)


def test_figures_and_losses_by_hand():
    true = torch.arange(16.0).view(1, 1, 4, 4).expand(2, 1, 4, 4)
    batch = {"blurred": torch.zeros(2, 3, 4, 4), "radius_px": true}
    recipe = replace(DMENET, loss=(Term("l1", 2.0), Term("l2", 0.5)))
    off = true + torch.tensor([1.0, -3.0]).view(2, 1, 1, 1)
    figures = ESTIMATE_MAP.validate(fixed_output(off), batch)
    assert figures["minus_mae_px"].tolist() == [-1.0, pytest.approx(-(3 * 13 + 2 + 1 + 0) / 16)]  # clipped at 0
    assert figures["minus_mae_px_flat"].tolist() == [-4.0, -4.0]
    means = torch.tensor([[2.5, 4.5], [10.5, 12.5]]).expand(2, 1, 2, 2)
    losses = ESTIMATE_MAP.losses(recipe, "network", {"network": fixed_output(off, means + 2, true)}, batch, 0)
    assert {name: float(value) for name, value in losses.items()} == pytest.approx(
        {"l1": 2 * 2.0, "l1_coarser": 2 * 2.0, "l2": 0.5 * 5.0, "l2_coarser": 0.5 * 4.0}
    )
    assert list(ESTIMATE_MAP.losses(recipe, "network", {"network": fixed_output(off)}, batch, 0)) == ["l1", "l2"]


def test_several_views_go_in_by_name():
    class Views(torch.nn.Module):
        inputs = ("left", "right")

        def forward(self, left, right):
            return left - right

    true = torch.ones(1, 1, 4, 4)
    batch = {"left": 3 * true, "right": true, "radius_px": true}
    assert ESTIMATE_MAP.validate(Views(), batch)["minus_mae_px"].tolist() == [-1.0]


def test_recipes_are_complete_and_state_their_sources():
    assert list(RECIPES) == ["dmenet", "dmenet-short"]
    for recipe in RECIPES.values():
        assert from_json(to_json(recipe)) == recipe
        assert {"phases", "loss", "pairs", "start"} <= set(recipe.source)
        assert set(", ".join(recipe.source).split(", ")) <= set(vars(recipe))
        assert NETWORKS[recipe.network].load()(Config(**TINY)) and TASKS[recipe.task].load() is ESTIMATE_MAP
        assert PAIRS[recipe.pairs].make(recipe.pairs_options) == LayeredSceneBlur()
    assert (DMENET.phases[0].crop_px, DMENET.phases[0].batch) == (240, 3)
    rates = [DMENET.rate_at(step) for step in (0, 20 * EPOCH - 1, 20 * EPOCH, 40 * EPOCH)]
    assert rates == pytest.approx([1e-4, 1e-4, 8e-5, 6.4e-5])
    assert override(RECIPES["dmenet-short"], {"phases.0.steps": "5"}).steps == 4005
