"""Exported files: results, stored weights, metadata, and what ONNX Runtime makes of the graph."""

import hashlib
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from export_samples import ABOUT, SMALL, halves, lively
from learn_samples import TINY
from onnx import numpy_helper
from safetensors.torch import save_file

from refocal.images.tiles import apply_tiled
from refocal.inference.network_file import open_network
from refocal.learn.export.onnx_file import About, export, load_state
from refocal.learn.export.quantise import round_weights
from refocal.learn.nets import ddnet, denoiser, sharpness_unet, xy_deblur
from refocal.learn.nets.padding import padded
from refocal.methods.network import Network
from refocal.restore import restore


def rounded(network):
    copy = sharpness_unet.sharpness_unet(SMALL)
    copy.load_state_dict(halves(network.state_dict()))
    return copy.eval()


@pytest.mark.parametrize("size", [(40, 24), (37, 51), (1, 3)])
def test_the_file_computes_what_torch_does(small, size):
    network, path, parity = small
    image = torch.rand(2, 1, *size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        restored = rounded(network)(image).clamp(0, 1)
    np.testing.assert_allclose(Network(str(path))(image), restored, atol=2e-6)
    assert (restored - image).abs().max() > 0.01  # or the comparison would notice nothing
    assert 0 < parity.even < 2e-6 and 0 < parity.odd < 2e-6
    assert 1e-5 < parity.rounding < 1e-2
    assert str(parity).startswith(f"differs from torch by at most {parity.even:.1e} (even sides)")


def test_exporting_is_silent_and_leaves_nothing_but_the_file(tmp_path, capfd):
    config = sharpness_unet.Config(**TINY)
    network = lively(sharpness_unet.sharpness_unet(config))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    export(network, tmp_path / "a.onnx", replace(ABOUT, config=config))
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["a.onnx"]
    assert network.training and "forward" not in vars(network)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_weights_are_stored_as_halves_under_their_names(small):
    network, path, _ = small
    expected = halves(network.state_dict())
    stored = {tensor.name: tensor for tensor in onnx.load(path).graph.initializer}
    assert {name for name in expected if stored[name].data_type != onnx.TensorProto.FLOAT16} == set()
    extra = sum(numpy_helper.to_array(tensor).size for name, tensor in stored.items() if name not in expected)
    assert extra <= sum(len(tensor) for tensor in expected.values())  # biases of zeros
    state = load_state(path)
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in expected.items())
    again = sharpness_unet.sharpness_unet(SMALL)
    again.load_state_dict(state)
    assert "encoder.0.1.running_var" in state
    save_file(state, path.with_suffix(".safetensors"))
    assert all(torch.equal(load_state(path.with_suffix(".safetensors"))[name], state[name]) for name in state)


def test_metadata_describe_the_network(small):
    network, path, _ = small
    metadata = {prop.key: prop.value for prop in onnx.load(path).metadata_props}
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        if tensor.is_floating_point():
            digest.update(name.encode() + tensor.half().numpy().tobytes())
    assert json.loads(metadata.pop("config")) == {
        "channels": 1,
        "widths": [4, 6, 8],
        "encoder_convs": 2,
        "decoder_convs": 1,
    }
    # 6 channels at full size (two of the U-Net's 4 and their concatenation 8, and the photo) and the arena's factor of
    # 2
    assert 2 * 4 * (4 + 4 + 8 + 1) <= int(metadata.pop("working_bytes")) <= 2 * 4 * (4 + 4 + 8 + 1) * 1.2
    assert metadata == {
        "refocal.format": "1",
        "name": "small",
        "network": "sharpness-unet",
        "inputs": '["blurred"]',
        "channels": "luma",
        "multiple": "4",
        "context_px": str(network.context_px),
        "licence": "CC0-1.0",
        "recipe": '{"seed": 3}',
        "steps": "17",
        "bits": "16",
        "weights_sha256": digest.hexdigest(),
    }
    file = open_network(path)
    assert (file.name, file.steps, file.outputs, file.licence) == ("small", 17, ("restored",), "CC0-1.0")


def test_the_file_has_dynamic_axes_and_no_paths_of_this_machine(small):
    content = small[1].read_bytes()
    for word in (b".py", b"refocal/", b"torch", str(Path.cwd()).encode()):
        assert word not in content
    graph = onnx.load(small[1]).graph
    for value in (*graph.input, *graph.output):
        axes = [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        assert axes == ["batch", 1, "height", "width"]


@pytest.mark.parametrize("bits", [16, 8])
def test_the_runtime_folds_casts_and_normalisation_away(small, in_8_bits, tmp_path, bits):
    """Or the file would cost time; the names of the operators are ONNX Runtime's."""
    _, path, _ = small if bits == 16 else in_8_bits
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    found = Counter(node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node)
    assert found["Gelu"] == found["Conv"] - 1 == 2 * 2 + 2 + 2
    assert found["Add"] == 1 and not found.keys() & {"Cast", "Mul", "BatchNormalization", "Erf", "Expand", "Shape"}


SEVERAL = {
    "ddnet": (ddnet.ddnet, ddnet.Config(blocks=1, width=8)),
    "xy-deblur": (xy_deblur.xy_deblur, xy_deblur.Config(base=4, blocks=1)),
    "denoiser": (denoiser.denoiser, denoiser.Config(width=8, blocks=1)),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_several_inputs_outputs_and_computed_weights(tmp_path, name):
    factory, config = SEVERAL[name]
    torch.manual_seed(0)
    network = lively(factory(config)).eval()
    export(network, tmp_path / "a.onnx", About(name, config))
    assert load_state(tmp_path / "a.onnx").keys() == network.state_dict().keys()
    network.load_state_dict(halves(network.state_dict()))
    file = open_network(tmp_path / "a.onnx")
    images = [torch.rand(3, 1, 45, 58, generator=torch.Generator().manual_seed(i)) for i in range(len(file.inputs))]
    with torch.no_grad():
        expected = padded(network.body, tuple(images), network.multiple)
    expected = expected if isinstance(expected, tuple) else (expected,)
    given = file.run(*(image.numpy() for image in images))
    assert len(given) == len(expected) == len(file.outputs) == (2 if name == "ddnet" else 1)
    assert len(file.inputs) == (2 if name == "ddnet" else 1)
    for ours, theirs in zip(given, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=5e-6)


def test_tiles_of_the_real_network_give_the_whole(tmp_path):
    torch.manual_seed(0)
    network = lively(sharpness_unet.sharpness_unet())
    assert sum(weight.numel() for weight in network.parameters()) == 4_891_216
    export(network, tmp_path / "a.onnx", About("sharpness-unet", sharpness_unet.Config()))
    assert (tmp_path / "a.onnx").stat().st_size < 2.02 * 4_898_576
    weights, scales = round_weights(network, 8)
    assert sum(array.nbytes for array in (*weights.values(), *scales.values())) < 1.01 * 4_898_576
    method = Network(str(tmp_path / "a.onnx"))
    tiling = method.tiling(0)
    assert tiling is not None and (tiling.multiple, tiling.context_px) == (16, 245)
    for size in ((60, 803), (803, 52)):
        image = np.random.default_rng(0).random((1, *size), np.float32)
        whole = method(image)
        np.testing.assert_allclose(restore(image, method, tile_px=120).image, whole, atol=1e-5)
        off_the_grid = apply_tiled(lambda tile, _: method(tile), image, tile_px=120, halo_px=245)
        assert np.abs(off_the_grid - whole).max() > 1e-2
