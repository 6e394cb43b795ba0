import typing

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from scipy.ndimage import correlate, gaussian_filter, median_filter

from refocal.methods import denoisers
from refocal.methods.denoisers import median, open_denoiser
from refocal.methods.red import RED
from refocal.optics.blur import Psf
from refocal.types import InputError

TAPS = np.array([[0.1, 0.2, 0.05], [0.0, 0.4, 0.1], [0.05, 0.15, -0.1]], np.float32)
BIAS = 0.03


def network_file(path, bias=BIAS, **changes):
    """A network of one zero-padded convolution, x -> TAPS * x + bias, with an exported file's metadata."""
    shape = ["n", 1, "h", "w"]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["blurred", "taps", "bias"], ["restored"], pads=[1, 1, 1, 1])],
        "one",
        [helper.make_tensor_value_info("blurred", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("restored", TensorProto.FLOAT, shape)],
        [
            numpy_helper.from_array(TAPS[None, None], "taps"),
            numpy_helper.from_array(np.array([bias], np.float32), "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    metadata = {
        "refocal.format": "1",
        "name": "one",
        "network": "denoiser",
        "inputs": '["blurred"]',
        "channels": "luma",
    }
    metadata |= {"config": "{}", "multiple": "1", "context_px": "7", "working_bytes": "123", "licence": ""}
    for key, value in (metadata | {"recipe": "{}", "steps": "0", "weights_sha256": ""} | changes).items():
        model.metadata_props.add(key=key, value=value)
    onnx.save(model, path)
    return str(path)


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 6), (2, 5, 1), (2, 2, 31, 44)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_median_agrees_with_scipy(shape, dtype):
    image = np.random.default_rng(0).random(shape).astype(dtype)
    image[..., ::3] = np.round(image[..., ::3], 1)  # ties
    before = image.copy()
    expected = median_filter(image, (1,) * (image.ndim - 2) + (3, 3), mode="mirror")
    for found in (median(image), median(torch.from_numpy(image)).numpy()):
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(("metadata", "trained_std"), [({}, 5 / 255), ({"refocal.noise_std": "0.1"}, 0.1)])
@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_is_rescaled_to_the_noise(tmp_path, metadata, trained_std, convert, dtype):
    """(s/s0) f0((s0/s) x): the convolution is unchanged, its bias is scaled by s/s0; channel by channel."""
    denoise = open_denoiser(network_file(tmp_path / "one.onnx", **metadata))
    image = np.random.default_rng(1).random((2, 3, 9, 12)).astype(dtype)
    convolved = np.stack([[correlate(plane, TAPS, mode="constant") for plane in one] for one in image])
    for noise_std in (0.5 * trained_std, 3.25 / 255, 4 * trained_std):
        found = denoise(convert(image), noise_std)
        assert found.dtype == convert(image).dtype
        np.testing.assert_allclose(np.asarray(found), convolved + BIAS * noise_std / trained_std, atol=1e-6)


@pytest.mark.parametrize("turn", range(9))
def test_a_rotated_call_equals_a_call_with_rotated_kernels(tmp_path, turn):
    denoise = open_denoiser(network_file(tmp_path / "one.onnx", bias=0.0))
    taps = np.rot90(TAPS[:, ::-1] if turn in (4, 5, 6, 7) else TAPS, -turn)
    image = np.random.default_rng(2).random((1, 7, 10)).astype(np.float32)
    np.testing.assert_allclose(denoise(image, 0.02, turn)[0], correlate(image[0], taps, mode="constant"), atol=1e-6)


@pytest.mark.parametrize("turn", range(8))
def test_a_networks_grid_begins_at_the_images_first_pixel_under_every_rotation(tmp_path, turn):
    """Sides are padded to multiples by mirroring at the end; the zeros of the convolution lie beyond the padding."""
    denoise = open_denoiser(network_file(tmp_path / "one.onnx", bias=0.0, multiple="4"))
    image = np.random.default_rng(2).random((1, 7, 10)).astype(np.float32)
    padded = np.pad(image, [(0, 0), (0, 1), (0, 2)], mode="reflect")
    np.testing.assert_allclose(denoise(image, 0.02, turn), denoise(padded, 0.02, turn)[:, :7, :10], atol=1e-7)


@pytest.mark.parametrize("solver", ["fixed-point", "steepest-descent"])
def test_every_iteration_rotates_the_networks_input(tmp_path, solver):
    path = network_file(tmp_path / "one.onnx")
    turns = iter(range(10))
    image = np.random.default_rng(3).random((2, 9, 11))
    psf = Psf(np.full((3, 3), 1 / 9))
    by_hand = RED(10, solver=solver, denoiser=lambda x, noise_std: open_denoiser(path)(x, noise_std, next(turns)))(
        image, psf
    )
    np.testing.assert_array_equal(RED(10, solver=solver, denoiser=path)(image, psf), by_hand)


def test_the_option_network_opens_the_shipped_file(tmp_path, monkeypatch):
    monkeypatch.setattr(denoisers, "SHIPPED", network_file(tmp_path / "one.onnx"))
    image = np.full((1, 5, 5), 0.5, np.float32)
    assert open_denoiser("network")(image, 5 / 255)[0, 2, 2] == pytest.approx(0.5 * TAPS.sum() + BIAS, abs=1e-6)


def test_the_tiling_includes_the_networks(tmp_path):
    path = network_file(tmp_path / "one.onnx", multiple="4")
    plain, networked = RED().tiling(3), RED(denoiser=path).tiling(3)
    assert (plain.multiple, networked.multiple) == (1, 4)
    assert networked.bytes_per_pixel == plain.bytes_per_pixel + 123
    assert networked.context_px == plain.context_px + 7


def test_a_users_function_is_used_directly():
    assert open_denoiser(gaussian_filter) is gaussian_filter


@pytest.mark.parametrize("option", ["mediam", "median.png", ""])
def test_an_unknown_option_is_refused(option):
    with pytest.raises(InputError, match="choose median, network or the path"):
        open_denoiser(option)


@pytest.mark.parametrize("metadata", [{"channels": "rgb"}, {"inputs": '["blurred", "radius"]'}])
def test_a_network_that_is_no_denoiser_is_refused(tmp_path, metadata):
    with pytest.raises(InputError, match="'one' is no denoiser"):
        open_denoiser(network_file(tmp_path / "one.onnx", **metadata))


def test_the_option_can_be_a_flag():
    assert typing.get_type_hints(RED)["denoiser"] is str
