"""The default model's network: receptive field, initial identity, and the exported file."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from torch.utils.flop_counter import FlopCounterMode

from refocal.inference.network_file import open_network
from refocal.learn.export.onnx_file import About, export
from refocal.learn.nets import NETWORKS
from refocal.learn.nets.focus_unet import MIN_SCALE_PX, Config, focus_unet, reach_px

SMALL = Config(widths=(4, 6, 8, 8), blocks=(1, 1, 1, 1))


def random_images(*shape, seed=1, dtype=torch.float32):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def lively(config=SMALL):
    """A network without zero weights, as in the middle of a training."""
    torch.manual_seed(0)
    network = focus_unet(config)
    for name, weight in network.named_parameters():
        if not weight.detach().any():
            torch.nn.init.normal_(weight, std=0.1 if name.startswith("tail") else 0.05)
    return network.eval()


def test_the_number_of_parameters():
    """By hand: head, encoder, decoder, down, up, tail, map."""
    parts = (1184, 3_135_360, 775_040, 172_480, 172_928, 1156, 578)
    assert sum(weight.numel() for weight in focus_unet().parameters()) == sum(parts) == 4_258_726


def test_the_table_states_the_parameters():
    assert f"{4_258_726:,} parameters" in NETWORKS["focus-unet"].about


def test_a_megapixel_costs_at_most_300_gflop():
    with torch.device("meta"):
        network, photo = focus_unet(), torch.zeros(1, 1, 1000, 1000)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(photo)
    gflop = counter.get_total_flops() / 1e9
    assert gflop == pytest.approx(138.8, abs=0.1) and gflop < 300


@pytest.mark.parametrize("config", [Config(), SMALL, Config(widths=(4, 8), blocks=(1, 1), unshuffle=4)])
def test_a_fresh_network_changes_nothing(config):
    blurred = random_images(2, config.channels, 37, 50)
    restored, radius_px, scale_px = focus_unet(config)(blurred)
    assert torch.equal(restored, blurred)
    assert radius_px.shape == scale_px.shape == (2, 1, 37, 50)
    assert radius_px.min() >= 0 and scale_px.min() >= MIN_SCALE_PX


def test_confidence_is_the_probability_of_a_small_error():
    network, blurred = lively(), random_images(1, 1, 64, 48)
    with torch.no_grad():
        network.blur.weight *= 20  # radii on both sides of 2 px, where a quarter becomes more than half a pixel
        predicted, body = network.predict(blurred), network.body(blurred)
    radius_px, scale_px = (part.double() for part in predicted[1:])
    assert radius_px.min() < 2 < radius_px.max()
    near = torch.maximum(torch.tensor(0.5), 0.25 * radius_px)
    laplace = torch.distributions.Laplace(radius_px, scale_px)
    wanted = laplace.cdf(radius_px + near) - laplace.cdf(radius_px - near)
    torch.testing.assert_close(body[2].double(), wanted, atol=1e-5, rtol=0)
    assert torch.equal(body[0], predicted[0]) and torch.equal(body[1], predicted[1])


@pytest.mark.parametrize(
    "config",
    [
        Config(widths=(2, 2, 2, 2)),
        Config(widths=(2, 2, 2), blocks=(1, 3, 2), unshuffle=4),
        Config(widths=(2, 2), blocks=(2, 1), unshuffle=1),
    ],
)
def test_the_receptive_field_is_context_px(config):
    """NaN spreads over the whole receptive field, whatever the weights."""
    network, reach = lively(config).double(), reach_px(config)
    length = 2 * (reach // network.multiple + 2) * network.multiple
    furthest = [0, 0, 0]
    for phase in range(network.multiple):
        blurred = random_images(1, 1, network.multiple, length, dtype=torch.float64)
        place = length // 2 + phase
        blurred[..., 0, place] = torch.nan
        with torch.no_grad():
            predicted = network(blurred)
        for i, part in enumerate(predicted):
            touched = part[0, 0].isnan().any(0).nonzero()
            furthest[i] = max(furthest[i], int((touched - place).abs().max()))
    assert max(furthest) <= network.context_px == reach
    assert min(furthest) > reach - 2 * network.multiple  # no tile overlaps by much more than it must


def test_what_lies_further_away_changes_nothing():
    network, reach = lively(), reach_px(SMALL)
    blurred = random_images(1, 1, 48, 2 * reach + 80)
    other = blurred.clone()
    other[..., reach + 64 :] = 1 - other[..., reach + 64 :]
    with torch.no_grad():
        for one, two in zip(network(blurred), network(other), strict=True):
            assert torch.equal(one[..., :64], two[..., :64])
            assert not torch.equal(one[..., 64 : reach + 64], two[..., 64 : reach + 64])


@pytest.mark.parametrize(("down", "right"), [(16, 0), (0, 32), (16, 16)])
def test_shifts_on_its_grid_shift_the_output(down, right):
    network, reach = lively().double(), reach_px(SMALL)
    assert network.multiple == 16
    photo = random_images(1, 1, 2 * reach + 64, 2 * reach + 64, dtype=torch.float64)
    with torch.no_grad():
        whole, part = network(photo), network(photo[..., down:, right:])
    for one, two in zip(whole, part, strict=True):
        inner = (..., slice(reach, 48 + reach - down), slice(reach, 48 + reach - right))
        torch.testing.assert_close(one[..., down:, right:][inner], two[inner], atol=1e-12, rtol=0)


@pytest.mark.parametrize(("height", "width"), [(37, 50), (16, 17), (5, 9), (64, 1)])
def test_odd_sides_are_continued_below_and_to_the_right(height, width):
    network, blurred = lively(), random_images(2, 1, height, width)
    grown = np.pad(blurred, ((0, 0), (0, 0), (0, -height % 16), (0, -width % 16)), mode="reflect")
    with torch.no_grad():
        for part, whole in zip(network(blurred), network.predict(torch.from_numpy(grown)), strict=True):
            torch.testing.assert_close(part, whole[..., :height, :width])


def test_the_file_predicts_restored_radius_and_confidence(tmp_path):
    network = lively()
    parity = export(network, tmp_path / "small.onnx", About("focus-unet", SMALL, "small"))
    assert max(parity.even, parity.odd) < 1e-4 and parity.rounding < 0.02
    file = open_network(tmp_path / "small.onnx")
    assert (file.inputs, file.outputs) == (("blurred",), ("restored", "radius_px", "confidence"))
    assert (file.channels, file.tiling.multiple, file.tiling.context_px) == ("luma", 16, reach_px(SMALL))
    blurred = random_images(1, 1, 32, 48)
    with torch.no_grad():
        wanted = network.body(blurred)
    for ours, theirs in zip(file.run(blurred.numpy()), wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=5e-3)  # weights in half precision
    assert math.isclose(file.run(blurred.numpy())[2].max(), float(wanted[2].max()), abs_tol=5e-3)
