import numpy as np
import pytest

from refocal.estimators.network_map import NetworkMap
from refocal.images import tiles
from refocal.images.colour import luma
from refocal.types import InputError
from samples import save_network


def sample(path, channels="rgb", inputs=("blurred",), **metadata):
    """radius_px = 10 times the mean of 13 x 13 px of the first channel, less 3, or less that of the second input."""
    count = {"luma": 1, "rgb": 3}[channels]
    kernel = np.zeros((1, count, 13, 13), np.float32)
    kernel[0, 0] = 10 / 169
    nodes = []
    for name in inputs:
        nodes.append(("Pad", [name, "sides"], [f"{name}.padded"], {"mode": "edge"}))
        nodes.append(("Conv", [f"{name}.padded", "kernel"], [f"{name}.mean"]))
    nodes.append(("Sub", [f"{inputs[0]}.mean", f"{inputs[1]}.mean" if inputs[1:] else "offset"], ["radius_px"]))
    constants = {"sides": np.array([0, 0, 6, 6, 0, 0, 6, 6]), "kernel": kernel, "offset": 3}
    metadata = {"context_px": "6", "multiple": "4", **metadata}
    return save_network(path, nodes, constants, inputs, channels, "radius_px", **metadata)


def mean13(plane):
    from scipy.ndimage import uniform_filter

    return uniform_filter(plane.astype(np.float64), 13, mode="nearest")


def photo(channels, height, width):
    """Random 4x4 blocks; sides are multiples of 4 px, so that the network needs no padding."""
    soft = np.random.default_rng(0).random((channels, height // 4, width // 4))
    return np.kron(soft, np.ones((1, 4, 4))).astype(np.float32)


def test_radii_are_those_of_the_network_but_at_least_0(tmp_path):
    image = photo(3, 40, 64)
    before = image.copy()
    blur = NetworkMap(sample(tmp_path / "a.onnx"))(image)
    wanted = np.maximum(10 * mean13(image[0]) - 3, 0)
    np.testing.assert_allclose(blur.radius_px, wanted, atol=1e-4)
    assert (blur.radius_px == 0).any() and blur.radius_px.max() > 3
    assert (blur.family, blur.confidence, blur.radius_px.dtype) == ("disk", None, np.float32)
    np.testing.assert_array_equal(image, before)


def test_grey_and_colour_photos_are_converted_for_the_network(tmp_path):
    rgb, grey = sample(tmp_path / "rgb.onnx"), sample(tmp_path / "luma.onnx", "luma")
    image = photo(3, 24, 28)
    as_luma = np.maximum(10 * mean13(luma(image)[0]) - 3, 0)
    np.testing.assert_allclose(NetworkMap(grey)(image).radius_px, as_luma, atol=1e-4)
    np.testing.assert_allclose(NetworkMap(grey)(luma(image)).radius_px, as_luma, atol=1e-4)
    np.testing.assert_allclose(NetworkMap(rgb)(luma(image)).radius_px, as_luma, atol=1e-4)
    np.testing.assert_array_equal(
        NetworkMap(rgb)(image.astype(np.float64)).radius_px, NetworkMap(rgb)(image).radius_px
    )  # any float


def test_tiles_give_the_same_map(tmp_path, monkeypatch):
    weights, image = sample(tmp_path / "a.onnx"), photo(3, 96, 240)
    whole = NetworkMap(weights)(image).radius_px
    np.testing.assert_allclose(NetworkMap(weights, tile_px=31)(image).radius_px, whole, atol=1e-4)
    sizes = []
    monkeypatch.setattr(tiles, "_free_bytes", lambda: 2 * 40 * 9000)
    monkeypatch.setattr(
        "refocal.estimators.network_map._radius", lambda tile, file: sizes.append(tile.shape) or tile[:1]
    )
    NetworkMap(weights)(image)
    assert len(sizes) > 2 and max(height * width for _, height, width in sizes) <= 9000
    sizes.clear()
    wide = np.broadcast_to(image[:, :8, :1], (3, 8, 900))
    NetworkMap(sample(tmp_path / "b.onnx", context_px="90"))(wide)
    assert sum(width for _, _, width in sizes) < 3 * 900  # context at most as wide as the tile's own part, on each side


def test_views_are_stacked_along_the_channels(tmp_path):
    weights = sample(tmp_path / "a.onnx", "luma", ("left", "right"))
    image = photo(2, 24, 32)
    wanted = np.maximum(10 * (mean13(image[0]) - mean13(image[1])), 0)
    as_given = NetworkMap(weights, equalise=False)
    np.testing.assert_allclose(as_given(image).radius_px, wanted, atol=1e-4)
    coloured = np.repeat(image, 3, axis=0)
    np.testing.assert_allclose(as_given(coloured).radius_px, wanted, atol=1e-4)
    with pytest.raises(InputError, match=r"one image \(2 or 6, H, W\), not \(3, 8, 8\)"):
        NetworkMap(weights)(image[[0, 0, 1], :8, :8])


def test_the_number_of_views_comes_from_the_file(tmp_path):
    assert NetworkMap(sample(tmp_path / "a.onnx")).views == 1
    assert NetworkMap(sample(tmp_path / "b.onnx", inputs=("left", "right"))).views == 2


def test_only_left_and_right_views_are_matched_in_brightness(tmp_path):
    image = photo(2, 24, 32)
    wanted = np.maximum(10 * (mean13(image[0]) - mean13(image[1])), 0)
    other = NetworkMap(sample(tmp_path / "a.onnx", "luma", ("blurred", "deconvolved")))
    np.testing.assert_allclose(other(image).radius_px, wanted, atol=1e-4)
    views = NetworkMap(sample(tmp_path / "b.onnx", "luma", ("left", "right")))
    np.testing.assert_allclose(views(np.stack([image[0], 0.6 * image[0]])).radius_px, 0, atol=0.02)


def test_a_tiny_image_has_an_unknown_blur(tmp_path):
    blur = NetworkMap(sample(tmp_path / "a.onnx"))(np.ones((3, 4, 9), np.float32))
    assert blur.radius_px.shape == blur.confidence.shape == (4, 9)
    assert not blur.radius_px.any() and not blur.confidence.any()
    odd = NetworkMap(sample(tmp_path / "a.onnx"))(np.full((1, 5, 7), 0.5, np.float32))
    np.testing.assert_allclose(odd.radius_px, np.full((5, 7), 2.0), atol=1e-4)


def test_unknown_weights_and_wrong_images_are_refused(tmp_path):
    image = np.ones((3, 8, 8), np.float32)
    with pytest.raises(
        InputError, match=r"no weights 'nonet'.*refocal train nonet.*refocal export.*--estimator FILE.onnx"
    ):
        NetworkMap("nonet")(image)
    with pytest.raises(InputError, match=r"no weights file nowhere\.onnx"):
        NetworkMap("nowhere.onnx")(image)
    with pytest.raises(InputError, match="returns restored, not radius_px: it estimates no blur"):
        NetworkMap("sharpness-unet-beta-0")(image)
    for shape in ((2, 8, 8), (8, 8), (1, 3, 8, 8), (3, 0, 8)):
        with pytest.raises(InputError, match=r"one image \(1 or 3, H, W\)"):
            NetworkMap(sample(tmp_path / "a.onnx"))(np.ones(shape, np.float32))
    with pytest.raises(ValueError, match="at least 0, not -1 and 0"):
        NetworkMap(threads=-1)
