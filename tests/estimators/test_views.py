"""Preparation of the two views of a dual-pixel photo, and maps from them."""

import numpy as np
import pytest

from refocal.datasets import open_dataset
from refocal.datasets.files import read_pixels
from refocal.estimators.network_map import NetworkMap
from refocal.estimators.views import match_brightness, stack_views
from refocal.propagation.guided_filter import guided_filter
from refocal.types import InputError
from samples import save_network


def difference(path):
    """radius_px = 10 times the mean of |left - right| over the three channels."""
    nodes = [
        ("Sub", ["left", "right"], ["apart"]),
        ("Abs", ["apart"], ["size"]),
        ("ReduceMean", ["size", "axes"], ["mean"]),
        ("Mul", ["mean", "ten"], ["radius_px"]),
    ]
    constants = {"axes": np.array([1]), "ten": 10}
    return save_network(path, nodes, constants, ("left", "right"), "rgb", "radius_px", context_px="0")


def views(channels=1, height=96, width=120):
    """A random scene, 3 px further to the right in the left view."""
    blocks = np.random.default_rng(5).uniform(0.1, 0.6, (channels, height // 4, width // 4 + 1))
    scene = np.kron(blocks, np.ones((1, 4, 4)))
    return scene[..., :width].astype(np.float32), scene[..., 3 : width + 3].astype(np.float32)


def test_the_map_is_the_networks_output_for_both_views(tmp_path):
    estimate = NetworkMap(difference(tmp_path / "a.onnx"), equalise=False)
    left, right = views(3)
    wanted = 10 * np.abs(left - right).mean(0)
    np.testing.assert_allclose(estimate(stack_views(left, right)).radius_px, wanted, atol=1e-5)
    grey = 10 * np.abs(left[0] - right[0])
    np.testing.assert_allclose(estimate(stack_views(left[:1], right[:1])).radius_px, grey, atol=1e-5)
    mixed = 10 * np.abs(left[:1] - right).mean(0)
    np.testing.assert_allclose(estimate(stack_views(left[:1], right)).radius_px, mixed, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_darker_view_does_not_change_the_map(tmp_path, channels):
    weights = difference(tmp_path / "a.onnx")
    left, right = views(channels)
    wanted = NetworkMap(weights)(stack_views(left, right)).radius_px
    darker = stack_views(left, 0.7 * right)
    np.testing.assert_allclose(NetworkMap(weights)(darker).radius_px, wanted, atol=0.02)
    assert np.abs(NetworkMap(weights, equalise=False)(darker).radius_px - wanted).mean() > 0.5


def test_nor_does_a_view_with_vignetting_on_one_side(tmp_path):
    weights = difference(tmp_path / "a.onnx")
    left, right = views()
    fall_off = np.linspace(1.0, 0.75, left.shape[2], dtype=np.float32)
    wanted = NetworkMap(weights)(stack_views(left, right)).radius_px
    uneven = stack_views(left, right * fall_off)
    error = np.abs(NetworkMap(weights)(uneven).radius_px - wanted).mean()
    unequalised = np.abs(NetworkMap(weights, equalise=False)(uneven).radius_px - wanted).mean()
    assert error < 0.06 < 0.4 < unequalised


def test_the_gain_is_the_same_for_all_channels_and_in_range():
    left, right = views(3)
    bright = match_brightness(left / 2, right[[0, 0, 0]] / 2 * np.float32([1, 0.5, 0.25])[:, None, None])
    np.testing.assert_allclose(bright[1], bright[0] / 2, rtol=1e-5)
    assert bright.dtype == np.float32 and bright.max() <= 1
    black = np.zeros((1, 20, 20), np.float32)
    np.testing.assert_array_equal(match_brightness(black, black), black)
    np.testing.assert_allclose(
        match_brightness(np.full_like(black, 0.9), black + 0.1), 0.2, rtol=1e-6
    )  # no view is 9 times the other
    assert match_brightness(np.ones((1, 8, 8)), np.full((1, 8, 8), 0.7)).max() <= 1


def test_the_gain_of_a_camera_agrees_with_its_white_sheets(shared):
    """The rms error is 1.2 % over the eight scenes at full size."""
    data = open_dataset("pixel4_dp/4", shared / "data/test")
    sheets = shared / "data/test/pixel4_dp/calibration"
    light = [read_pixels(sheets / f"white_sheet_{side}.png")[..., 0] - 1024.0 for side in ("left", "right")]
    left, right = (sheet.reshape(252, 4, 336, 4).mean((1, 3)) for sheet in light)
    true = (left / right) ** (1 / 2.2)
    pair = data[0]
    left, right = pair.extras["left"], pair.extras["right"]
    seen = (right[0] > 0.1) & (right[0] < 0.8)
    error = np.log(match_brightness(left, right)[0] / right[0] / true)[seen]
    assert np.sqrt(np.mean(error**2)) < 0.015 < 0.08 < np.sqrt(np.mean(np.log(true[seen]) ** 2))


def test_views_of_different_size_are_refused():
    left, right = views()
    with pytest.raises(InputError, match="left view is 120x96, the right one 100x96: give two views of one photo"):
        stack_views(left, right[..., :100])


def test_smoothing_is_a_guided_filter_with_the_photo_as_guide(tmp_path):
    """The radius is a fraction of the shorter side; 0 leaves the map as the network predicts it."""
    file, both = difference(tmp_path / "difference.onnx"), stack_views(*views())
    plain = NetworkMap(file, equalise=False)(both).radius_px
    smooth = NetworkMap(file, equalise=False, smooth=1 / 12)(both).radius_px
    guide = both.mean(axis=0, keepdims=True)
    np.testing.assert_allclose(smooth, np.maximum(guided_filter(plain, guide, 8, 0.01), 0), atol=1e-5)
    assert smooth.std() < 0.7 * plain.std() and smooth.mean() == pytest.approx(plain.mean(), rel=0.1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        NetworkMap(file, smooth=2)
