import threading
from dataclasses import dataclass

import numpy as np
import pytest
import torch

import samples
from refocal.images import tiles
from refocal.images.colour import luma
from refocal.inference import network_file
from refocal.methods.network import Network
from refocal.restore import restore
from refocal.types import InputError, Tiling
from refocal.weights import locate


def image_of(*shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).uniform(0.2, 0.7, shape).astype(dtype)


def block_means(image, multiple):
    """The result of ``samples.blocks`` for (..., H, W), in NumPy: padded by reflection, below and on the right only."""
    height, width = image.shape[-2:]
    sides = [(0, 0)] * (image.ndim - 2) + [(0, -height % multiple), (0, -width % multiple)]
    padded = np.pad(image.astype(np.float64), sides, mode="reflect")
    for axis in (-2, -1):
        padded = (
            np.repeat(np.add.reduceat(padded, range(0, padded.shape[axis], multiple), axis), multiple, axis) / multiple
        )
    return padded[..., :height, :width]


def test_a_luma_network_changes_luma_and_keeps_chroma(tmp_path):
    network, image = Network(samples.scale(tmp_path / "a.onnx")), image_of(3, 5, 7)
    np.testing.assert_allclose(network(image[:1]), 0.5 * image[:1] + 0.1, atol=1e-7)
    restored = network(image)
    np.testing.assert_allclose(luma(restored), 0.5 * luma(image) + 0.1, atol=1e-6)
    change = restored - image
    np.testing.assert_allclose(change[1:], change[:1].repeat(2, 0), atol=1e-7)  # equal for red, green and blue
    assert np.ptp(change[0]) > 0.05


def test_a_colour_network_restores_grey_too(tmp_path):
    network, image = Network(samples.scale(tmp_path / "a.onnx", "rgb")), image_of(3, 5, 7)
    np.testing.assert_allclose(network(image), 0.5 * image + 0.1, atol=1e-7)
    np.testing.assert_allclose(network(image[:1]), 0.5 * image[:1] + 0.1, atol=1e-7)
    swapped = Network(samples.scale(tmp_path / "b.onnx", "rgb", gain=[[[1.0]], [[0.5]], [[0.0]]], offset=0.0))
    np.testing.assert_allclose(swapped(image[:1]), (0.299 + 0.5 * 0.587) * image[:1], atol=1e-6)


def test_results_are_clipped(tmp_path):
    image = image_of(3, 4, 4)
    assert (Network(samples.scale(tmp_path / "a.onnx", gain=10.0))(image) == 1).all()
    assert (Network(samples.scale(tmp_path / "b.onnx", offset=-2.0))(image) == 0).all()


@pytest.mark.parametrize("size", [(16, 24), (1, 1), (1, 30), (3, 17), (33, 47)])
def test_sides_are_padded_by_reflection_to_the_multiple(tmp_path, size):
    image = image_of(1, *size)
    restored = Network(samples.blocks(tmp_path / "a.onnx", 8))(image)
    np.testing.assert_allclose(restored, block_means(image, 8), atol=1e-6)


def test_any_leading_axes_array_type_and_dtype(tmp_path):
    network, double = Network(samples.blocks(tmp_path / "a.onnx", 4)), image_of(2, 3, 1, 9, 10, dtype=np.float64)
    before = double.copy()
    expected = network(double)
    assert expected.dtype == np.float64
    np.testing.assert_array_equal(double, before)
    np.testing.assert_allclose(expected, block_means(double, 4), atol=1e-6)
    np.testing.assert_array_equal(network(double[1, 2]), expected[1, 2])
    for dtype in (torch.float32, torch.float64):
        tensor = torch.from_numpy(double).to(dtype).requires_grad_()
        restored = network(tensor)
        assert restored.dtype == dtype and not restored.requires_grad
        np.testing.assert_allclose(restored.numpy(), expected, atol=1e-7)
    flipped = double.astype(np.float32)[..., ::-1, ::-1]
    np.testing.assert_allclose(network(flipped), block_means(flipped, 4), atol=1e-6)


def test_it_has_the_facts_of_its_file(tmp_path):
    network = Network(samples.blocks(tmp_path / "a.onnx", 8))
    assert network.network.weights_sha256 == "ab" * 32
    assert network.tiling(0) == network.tiling(9) == Tiling(12, 8, 40)


def test_tiles_lie_on_the_grid_of_the_photo(tmp_path):
    network, image = Network(samples.blocks(tmp_path / "a.onnx", 16)), image_of(1, 90, 301)
    np.testing.assert_allclose(restore(image, network, tile_px=40).image, block_means(image, 16), atol=1e-6)


def test_tiles_fit_the_memory_that_the_network_needs(tmp_path, monkeypatch):
    monkeypatch.setattr(tiles, "_free_bytes", lambda: 2 * 40_000 * 256)
    monkeypatch.setattr(tiles, "MIN_TILE_PX", 1)
    for needed, most in ((256, 40_000), (1024, 10_000), (1, 40_000 * 4)):  # 64 bytes are for the image itself
        network = Network(samples.scale(tmp_path / f"{needed}.onnx", working_bytes=str(needed)))
        sizes = []

        @dataclass(frozen=True)
        class Recording(Network):
            def __call__(self, image, blur=None, sizes=sizes):
                sizes.append(image.size)
                return super().__call__(image, blur)

        restore(image_of(1, 600, 700), Recording(network.weights))
        assert 0.7 * most < max(sizes) <= most


def test_a_file_is_opened_once_and_again_when_it_changes(tmp_path, monkeypatch):
    import onnxruntime

    opened, session = [], onnxruntime.InferenceSession
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *a, **k: opened.append(a) or session(*a, **k))
    network, image = Network(samples.scale(tmp_path / "a.onnx")), image_of(1, 64, 64)
    results = [None] * 8

    def run(index):
        results[index] = network(image)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 1
    assert all(np.array_equal(result, results[0]) for result in results)
    samples.scale(tmp_path / "a.onnx", gain=0.25)
    np.testing.assert_allclose(network(image), 0.25 * image + 0.1, atol=1e-7)
    assert len(opened) == 2
    (tmp_path / "a.onnx").unlink()
    with pytest.raises(InputError, match="no weights file"):
        network(image)


def test_a_listed_file_is_hashed_once(tmp_path, monkeypatch):
    import hashlib

    from refocal import weights

    path = tmp_path / "a.onnx"
    samples.scale(path)
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    listed = weights.Weight("a.onnx", content, "CC0-1.0", "", path.stat().st_size, None, "")
    monkeypatch.setitem(weights.WEIGHTS, "sample", listed)
    monkeypatch.setenv("REFOCAL_WEIGHTS", str(tmp_path))
    located, locate = [], network_file.locate
    monkeypatch.setattr(network_file, "locate", lambda name: located.append(name) or locate(name))
    network, image = Network("sample"), image_of(1, 8, 8)
    for _ in range(3):
        np.testing.assert_allclose(network(image), 0.5 * image + 0.1, atol=1e-7)
    assert located == ["sample"]
    samples.scale(path, gain=0.25)  # another hash than the table's
    with pytest.raises(InputError, match="has the SHA-256"):
        network(image)


def test_threads_are_those_given_or_all(tmp_path, monkeypatch):
    import os

    path = samples.scale(tmp_path / "a.onnx")
    options = network_file.open_network(path, 3).session.get_session_options()
    assert options.intra_op_num_threads == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5, 6, 7, 9}, raising=False)
    assert network_file.open_network(path).session.get_session_options().intra_op_num_threads == 5
    with pytest.raises(ValueError, match="threads"):
        Network(path, threads=-1)


def test_nothing_is_printed(tmp_path, capfd):
    Network(samples.blocks(tmp_path / "a.onnx", 8))(image_of(1, 9, 9))
    assert capfd.readouterr() == ("", "")


def test_other_files_are_refused(tmp_path):
    image = image_of(1, 8, 8)
    for name, sentence in (("a.safetensors", "is not .onnx"), ("a.onnx", "can't be read as a network")):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        with pytest.raises(InputError, match=sentence):
            Network(str(tmp_path / name))(image)
    foreign = samples.scale(tmp_path / "b.onnx", **{"refocal.format": None})
    with pytest.raises(InputError, match="lacks refocal's metadata"):
        Network(foreign)(image)
    two = samples.scale(tmp_path / "c.onnx", inputs=("blurred", "radius"))
    with pytest.raises(InputError, match="'sample' takes blurred and radius"):
        Network(two)(image)
    with pytest.raises(InputError, match="1 or 3 channels, not 2"):
        Network(samples.scale(tmp_path / "d.onnx"))(image_of(2, 8, 8))
    with pytest.raises(InputError, match="no weights file"):
        Network("nowhere.onnx")(image)


def test_invalid_metadata_are_refused(tmp_path):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(locate("denoiser-small"))
    for entry in model.metadata_props:
        entry.value = "banana" if entry.key == "multiple" else entry.value
    onnx.save(model, tmp_path / "net.onnx")
    with pytest.raises(InputError, match="metadata that can't be read"):
        Network(str(tmp_path / "net.onnx"))(np.ones((1, 8, 9), np.float32))
