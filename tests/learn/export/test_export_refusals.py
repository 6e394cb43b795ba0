"""Networks that can't be exported, files without weights, and the export of checkpoints."""

import numpy as np
import onnx
import pytest
import torch
from export_samples import OneChannel, halves, lively
from learn_samples import tiny_recipe
from torch import nn

from refocal.files.whole import Exists
from refocal.inference.network_file import open_network
from refocal.learn.export.onnx_file import About, export, export_checkpoint, fingerprint, load_state
from refocal.learn.nets import sharpness_unet
from refocal.learn.recipe import to_json
from refocal.learn.training import checkpoint as checkpoints
from refocal.types import InputError


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
            export(Faulty(value), path, About("faulty", OneChannel()), overwrite=True)
    with pytest.raises(ValueError, match="doesn't use the weights unused"):
        export(Faulty(unused=True), path, About("faulty", OneChannel()), overwrite=True)
    with pytest.raises(Exists, match="exists already"):
        export(Faulty(), path, About("faulty", OneChannel()))
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
    assert (file.steps, file.tiling.context_px, file.recipe) == (12, 9, to_json(recipe))
    assert file.weights_sha256 == fingerprint(
        {name: tensor.numpy().astype(np.float16) for name, tensor in state.items()}
    )
