import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from refocal.estimators.network_map import NetworkMap
from refocal.images import tiles
from refocal.images.colour import luma
from refocal.types import InputError

METADATA = {
    "refocal.format": "1",
    "name": "sample",
    "network": "sample",
    "config": "{}",
    "licence": "CC0-1.0",
    "recipe": "{}",
    "steps": "3",
    "weights_sha256": "ab" * 32,
    "context_px": "6",
    "working_bytes": "40",
}


def sample(path, channels="rgb", inputs=("blurred",), output="radius_px", **metadata):
    """10 times the mean of 13 x 13 px of the first channel, less 3; and less the second input's, where there is one."""
    count = {"luma": 1, "rgb": 3}[channels]
    shape = ["batch", count, "height", "width"]
    kernel = np.zeros((1, count, 13, 13), np.float32)
    kernel[0, 0] = 10 / 169
    nodes = []
    for name in inputs:
        nodes.append(helper.make_node("Pad", [name, "sides"], [f"{name}.padded"], mode="edge"))
        nodes.append(helper.make_node("Conv", [f"{name}.padded", "kernel"], [f"{name}.mean"]))
    nodes.append(
        helper.make_node("Sub", [f"{inputs[0]}.mean", f"{inputs[1]}.mean" if inputs[1:] else "offset"], [output])
    )
    values = [
        numpy_helper.from_array(np.array([0, 0, 6, 6, 0, 0, 6, 6]), "sides"),
        numpy_helper.from_array(kernel, "kernel"),
        numpy_helper.from_array(np.float32(3), "offset"),
    ]
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in inputs]
    told = [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", 1, "height", "width"])]
    graph = helper.make_graph(nodes, "sample", given, told, values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    told = {**METADATA, "inputs": json.dumps(inputs), "channels": channels, "multiple": "4", **metadata}
    helper.set_model_props(model, told)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return str(path)


def mean13(plane):
    from scipy.ndimage import uniform_filter

    return uniform_filter(plane.astype(np.float64), 13, mode="nearest")


def photo(channels, height, width):
    """Multiples of 4 px a side, so that nothing is padded by its mirror image."""
    soft = np.random.default_rng(0).random((channels, height // 4, width // 4))
    return np.kron(soft, np.ones((1, 4, 4))).astype(np.float32)


def test_it_tells_radii_of_at_least_0(tmp_path):
    image = photo(3, 40, 64)
    before = image.copy()
    blur = NetworkMap(sample(tmp_path / "a.onnx"))(image)
    wanted = np.maximum(10 * mean13(image[0]) - 3, 0)
    np.testing.assert_allclose(blur.radius_px, wanted, atol=1e-4)
    assert (blur.radius_px == 0).any() and blur.radius_px.max() > 3
    assert (blur.family, blur.confidence, blur.radius_px.dtype) == ("disk", None, np.float32)
    np.testing.assert_array_equal(image, before)


def test_grey_and_colour_photos_go_into_either_kind_of_network(tmp_path):
    rgb, grey = sample(tmp_path / "rgb.onnx"), sample(tmp_path / "luma.onnx", "luma")
    image = photo(3, 24, 28)
    as_luma = np.maximum(10 * mean13(luma(image)[0]) - 3, 0)
    np.testing.assert_allclose(NetworkMap(grey)(image).radius_px, as_luma, atol=1e-4)
    np.testing.assert_allclose(NetworkMap(grey)(luma(image)).radius_px, as_luma, atol=1e-4)
    np.testing.assert_allclose(NetworkMap(rgb)(luma(image)).radius_px, as_luma, atol=1e-4)
    np.testing.assert_array_equal(
        NetworkMap(rgb)(image.astype(np.float64)).radius_px, NetworkMap(rgb)(image).radius_px
    )  # any float


def test_tiles_give_the_whole(tmp_path, monkeypatch):
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
    assert sum(width for _, _, width in sizes) < 3 * 900  # no more context than what is kept, on each side


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


def test_the_file_says_how_many_views_it_takes(tmp_path):
    assert NetworkMap(sample(tmp_path / "a.onnx")).views == 1
    assert NetworkMap(sample(tmp_path / "b.onnx", inputs=("left", "right"))).views == 2


def test_only_a_left_and_a_right_view_are_equalised(tmp_path):
    image = photo(2, 24, 32)
    wanted = np.maximum(10 * (mean13(image[0]) - mean13(image[1])), 0)
    other = NetworkMap(sample(tmp_path / "a.onnx", "luma", ("blurred", "deconvolved")))
    np.testing.assert_allclose(other(image).radius_px, wanted, atol=1e-4)
    views = NetworkMap(sample(tmp_path / "b.onnx", "luma", ("left", "right")))
    np.testing.assert_allclose(views(np.stack([image[0], 0.6 * image[0]])).radius_px, 0, atol=0.02)


def test_nothing_is_known_of_tiny_pictures(tmp_path):
    blur = NetworkMap(sample(tmp_path / "a.onnx"))(np.ones((3, 4, 9), np.float32))
    assert blur.radius_px.shape == blur.confidence.shape == (4, 9)
    assert not blur.radius_px.any() and not blur.confidence.any()
    odd = NetworkMap(sample(tmp_path / "a.onnx"))(np.full((1, 5, 7), 0.5, np.float32))
    np.testing.assert_allclose(odd.radius_px, np.full((5, 7), 2.0), atol=1e-4)


def test_what_cannot_be_run_is_refused_in_a_sentence(tmp_path):
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
        with pytest.raises(InputError, match=r"one picture \(1 or 3, H, W\)"):
            NetworkMap(sample(tmp_path / "a.onnx"))(np.ones(shape, np.float32))
    with pytest.raises(ValueError, match="at least 0, not -1 and 0"):
        NetworkMap(threads=-1)
