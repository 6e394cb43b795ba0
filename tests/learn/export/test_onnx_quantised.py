"""Export in 8 bits: stored integers and scales, results, and a second export."""

import hashlib
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from export_samples import ABOUT, WIDE, OneChannel, halves
from onnx import numpy_helper
from torch import nn

from refocal.inference.network_file import open_network
from refocal.learn.export.onnx_file import About, export, load_state
from refocal.learn.export.packing import LARGEST, PER_GROUP, pack, unpack
from refocal.learn.nets import sharpness_unet
from refocal.learn.training.load_weights import load_weights
from refocal.types import InputError

LARGE = {"encoder.1.3.weight": 0, "bridge.0.weight": 0, "bridge.3.weight": 0, "up.0.weight": 1, "decoder.0.0.weight": 0}
"""The weights of ``WIDE`` with 1,000 numbers or more, and where their output channels are."""


def test_large_weights_are_stored_in_8_bits(in_8_bits):
    network, path, _ = in_8_bits
    trained = network.state_dict()
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}
    assert {name for name, array in stored.items() if array.dtype == np.int8} == LARGE.keys()
    state = load_state(path)
    assert state.keys() == halves(trained).keys()
    for name, weight in halves(trained).items():
        if name not in LARGE:
            assert torch.equal(state[name], weight)
            continue
        exact = trained[name].double().numpy()
        others = tuple(axis for axis in range(4) if axis != LARGE[name])
        largest = np.abs(exact).max(others, keepdims=True)
        assert np.abs(stored[name]).max(others).tolist() == [127 * bool(value) for value in largest.ravel()]
        assert (np.abs(state[name].numpy() - exact) <= largest / 127 / 2 * (1 + 1e-5)).all()
    assert not state["up.0.weight"][:, 6].any()


def test_a_file_in_8_bits_computes_what_torch_does_with_its_weights(in_8_bits):
    network, path, parity = in_8_bits
    read = sharpness_unet.sharpness_unet(WIDE).eval()
    read.load_state_dict(load_state(path))
    image = torch.rand(2, 1, 37, 51, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = read(image)
        unrounded = network.eval()(image)
    (given,) = open_network(path).run(image.numpy())
    np.testing.assert_allclose(given, expected, atol=5e-6)
    assert 0 < parity.even < 5e-6 and 0 < parity.odd < 5e-6
    assert 1e-4 < parity.rounding < 0.1 and (unrounded - expected).abs().max() > 1e-4


def test_8_bits_survive_a_second_export_and_are_in_the_metadata(in_8_bits, tmp_path):
    """What was read back is on the grid of its scales already."""
    _, path, _ = in_8_bits
    read = sharpness_unet.sharpness_unet(WIDE)
    read.load_state_dict(load_weights(str(path)))
    parity = export(read, tmp_path / "again.onnx", replace(ABOUT, config=WIDE), bits=8)
    first, second = load_state(path), load_state(tmp_path / "again.onnx")
    for name, weight in first.items():
        np.testing.assert_allclose(second[name], weight, rtol=3e-7)
    assert parity.rounding < 1e-5
    metadata = {prop.key: prop.value for prop in onnx.load(path).metadata_props}
    assert (metadata["bits"], metadata["refocal.format"]) == ("8", "1")
    digest = hashlib.sha256()
    for tensor in sorted(onnx.load(path).graph.initializer, key=lambda tensor: tensor.name):
        if tensor.name.removesuffix(".scale") in first:
            digest.update(tensor.name.encode() + numpy_helper.to_array(tensor).tobytes())
    assert open_network(path).weights_sha256 == metadata["weights_sha256"] == digest.hexdigest()


class Layers(nn.Module):
    """A linear layer along the channels, and a convolution of its own."""

    multiple, context_px = 1, 1

    def __init__(self):
        super().__init__()
        self.spread, self.mix, self.join = nn.Conv2d(1, 33, 3, padding=1), nn.Linear(33, 32), nn.Conv2d(32, 1, 1)

    def body(self, blurred):
        return self.join(self.mix(self.spread(blurred).movedim(1, 3)).movedim(3, 1))


def test_linear_layers_are_stored_in_8_bits_and_other_numbers_of_bits_refused(tmp_path):
    torch.manual_seed(0)
    network, about = Layers(), About("layers", OneChannel())
    assert export(network, tmp_path / "a.onnx", about, bits=8).odd < 1e-6
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(tmp_path / "a.onnx").graph.initializer}
    assert {name for name, array in stored.items() if array.dtype == np.int8} == {"mix.weight"}
    assert stored["mix.weight.scale"].shape == (32, 1)
    for bits in (4, 32):
        with pytest.raises(InputError, match=f"stored in 5, 6, 8 or 16 bits, not {bits}"):
            export(network, tmp_path / "b.onnx", about, bits=bits)
    assert [path.name for path in tmp_path.iterdir()] == ["a.onnx"]


@pytest.mark.parametrize("bits", [5, 6])
@pytest.mark.parametrize("shape", [(1,), (7, 3), (4, 5, 3, 3)])
def test_packed_integers_are_unpacked(bits, shape):
    largest = LARGEST[bits]
    integers = np.random.default_rng(0).integers(-largest, largest + 1, shape).astype(np.int8)
    integers.flat[0] = -largest
    packed = pack(integers, bits)
    assert packed.dtype == np.uint8 and packed.size == 3 * -(-integers.size // PER_GROUP[bits])
    np.testing.assert_array_equal(unpack(packed, shape, bits), integers)


@pytest.mark.parametrize("bits", [5, 6])
def test_a_packed_file_computes_what_torch_does_with_its_weights_and_is_smaller(in_8_bits, tmp_path, bits):
    network, path, _ = in_8_bits
    parity = export(network, tmp_path / "packed.onnx", replace(ABOUT, config=WIDE), bits=bits)
    assert parity.even < 1e-5 and parity.odd < 1e-5 and 1e-4 < parity.rounding < 0.2
    read = load_state(tmp_path / "packed.onnx")
    for name, weight in network.state_dict().items():
        if weight.is_floating_point():
            assert (read[name] - weight).abs().max() <= 0.4 * weight.abs().max()  # the largest may be clipped
    large = sum(w.numel() for w in network.state_dict().values() if w.ndim == 4 and w.numel() >= 1000)
    assert (path.stat().st_size - (tmp_path / "packed.onnx").stat().st_size) > (1 - bits / 7.9) * large - 20_000
