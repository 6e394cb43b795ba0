import hashlib
import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from learn_samples import TINY, tiny_recipe
from onnx import numpy_helper
from safetensors.torch import save_file
from torch import nn

from refocal.images.tiles import apply_tiled
from refocal.inference.network_file import open_network
from refocal.learn.export.onnx_file import About, export, export_checkpoint, fingerprint, load_state
from refocal.learn.export.quantise import round_weights
from refocal.learn.nets import ddnet, denoiser, sharpness_unet, xy_deblur
from refocal.learn.nets.padding import padded
from refocal.learn.recipe import to_json
from refocal.learn.training import checkpoint as checkpoints
from refocal.learn.training.load_weights import load_weights
from refocal.methods.network import Network
from refocal.restore import restore
from refocal.types import InputError


def lively(network, seed=0):
    """Random weights, as if trained: normalisation by real statistics, and no zero layer."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in network.parameters():
            if not weight.any():
                weight.normal_(0, 0.05, generator=generator)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = None
                module.weight.uniform_(0.7, 1.3, generator=generator)
                module.bias.normal_(0, 0.1, generator=generator)
        network.train()
        if any(isinstance(module, nn.BatchNorm2d) for module in network.modules()):
            network(torch.rand(2, 1, 64, 64, generator=generator))
    return network


SMALL = sharpness_unet.Config(widths=(4, 6, 8), encoder_convs=2, decoder_convs=1)
ABOUT = About("sharpness-unet", SMALL, "small", '{"seed": 3}', 17, "CC0-1.0")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small U-Net and its file."""
    torch.manual_seed(0)
    network = lively(sharpness_unet.sharpness_unet(SMALL))
    path = tmp_path_factory.mktemp("export") / "small.onnx"
    return network, path, export(network, path, ABOUT)


WIDE = sharpness_unet.Config(widths=(4, 12, 24), encoder_convs=2, decoder_convs=1)


@pytest.fixture(scope="module")
def in_8_bits(tmp_path_factory):
    """A U-Net some of whose weights have more than 1,000 numbers, among them a transposed convolution's; and its
    file."""
    torch.manual_seed(0)
    network = lively(sharpness_unet.sharpness_unet(WIDE))
    with torch.no_grad():
        network.up[0].weight[:, 5] *= 20  # so that scales along the other axis would show
        network.up[0].weight[:, 6] = 0
    path = tmp_path_factory.mktemp("export8") / "wide.onnx"
    return network, path, export(network, path, replace(ABOUT, config=WIDE), bits=8)


LARGE = {"encoder.1.3.weight": 0, "bridge.0.weight": 0, "bridge.3.weight": 0, "up.0.weight": 1, "decoder.0.0.weight": 0}
"""The weights of ``WIDE`` with 1,000 numbers or more, and where their output channels are."""


def halves(state):
    return {name: tensor.half().float() for name, tensor in state.items() if tensor.is_floating_point()}


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
        with pytest.raises(InputError, match=f"stored in 8 or 16 bits, not {bits}"):
            export(network, tmp_path / "b.onnx", about, bits=bits)
    assert [path.name for path in tmp_path.iterdir()] == ["a.onnx"]


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
    assert (method.multiple, method.context_px(0)) == (16, 245)
    for size in ((60, 803), (803, 52)):
        image = np.random.default_rng(0).random((1, *size), np.float32)
        whole = method(image)
        np.testing.assert_allclose(restore(image, method, tile_px=120).image, whole, atol=1e-5)
        off_the_grid = apply_tiled(lambda tile, _: method(tile), image, tile_px=120, halo_px=245)
        assert np.abs(off_the_grid - whole).max() > 1e-2


@dataclass(frozen=True)
class OneChannel:
    channels: int = 1


class Faulty(nn.Module):
    """x + weight, with a weight that ``body`` never uses, or a value that no half can hold."""

    multiple, context_px = 1, 0

    def __init__(self, value=1.0, unused=False):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([value]))
        self.unused = nn.Parameter(torch.ones(3)) if unused else None

    def body(self, blurred):
        return blurred + self.weight


def test_networks_that_cannot_be_exported_are_refused_and_leave_the_old_file(tmp_path):
    path = tmp_path / "a.onnx"
    path.write_text("old")
    for value in (1e6, float("nan")):
        with pytest.raises(InputError, match="weight weight holds values that half precision cannot"):
            export(Faulty(value), path, About("faulty", OneChannel()))
    with pytest.raises(ValueError, match="doesn't use the weights unused"):
        export(Faulty(unused=True), path, About("faulty", OneChannel()))
    for wrong in (tmp_path / "a.pt", tmp_path / "none/a.onnx"):
        with pytest.raises(InputError, match=r"\.onnx file in an existing folder"):
            export(Faulty(), wrong, About("faulty", OneChannel()))
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


class Undefined(Faulty):
    """The root of negative numbers."""

    def body(self, blurred):
        return (blurred - 9 * self.weight) ** 0.5


def test_a_file_that_differs_from_torch_is_not_written(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="differs from torch"):
        export(Undefined(), tmp_path / "a.onnx", About("faulty", OneChannel()))
    monkeypatch.setattr("refocal.learn.export.onnx_file.MAX_DIFFERENCE", -1.0)
    with pytest.raises(ValueError, match="differs from torch"):
        export(Faulty(), tmp_path / "a.onnx", About("faulty", OneChannel()))
    assert list(tmp_path.iterdir()) == []


def test_files_without_weights_are_refused(tmp_path, small):
    for name in ("a.onnx", "a.safetensors"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        with pytest.raises(InputError, match="can't be read"):
            load_state(tmp_path / name)
    model = onnx.load(small[1])
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "b.onnx")
    with pytest.raises(InputError, match="holds no network of refocal's"):
        load_state(tmp_path / "b.onnx")


def test_a_checkpoint_is_exported_with_its_averaged_weights(tmp_path):
    recipe = tiny_recipe(ema=0.9)
    config = sharpness_unet.Config(**recipe.config)
    last, average = (lively(sharpness_unet.sharpness_unet(config), seed).state_dict() for seed in (1, 2))
    tensors = {f"weights/network/{name}": tensor for name, tensor in last.items()}
    tensors |= {f"average/{name}": tensor for name, tensor in average.items()}
    checkpoints.save(tmp_path / "c.safetensors", checkpoints.Checkpoint(recipe, 12, tensors, {}))
    export_checkpoint(tmp_path / "c.safetensors", tmp_path / "net.onnx", licence="CC0-1.0", context_px=9)
    state = load_state(tmp_path / "net.onnx")
    assert all(torch.equal(state[name], tensor) for name, tensor in halves(average).items())
    file = open_network(tmp_path / "net.onnx")
    assert (file.name, file.network, file.licence) == ("net", "sharpness-unet", "CC0-1.0")
    assert (file.steps, file.context_px, file.recipe) == (12, 9, to_json(recipe))
    assert file.weights_sha256 == fingerprint(
        {name: tensor.numpy().astype(np.float16) for name, tensor in state.items()}
    )
