"""From a trained network to one ONNX file that runs without torch, and back to its weights.

The file holds the network's ``body`` for any batch, height and width. Weights are stored in half precision under the names of
the state dict, and cast to float32 in the graph; batch normalisation stays as it was trained. ONNX Runtime does the casts and
folds the normalisation into the convolutions when it opens the file, so neither costs time, and a training can go on from the
file that was shipped.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import hashlib
import inspect
import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from refocal.types import Array, InputError
from refocal.weights.network_file import FORMAT, open_network

OPSET = 20
"""The first with GELU as one operator, which runs 1.6 times as fast as its parts; ONNX Runtime knows it since 1.17."""

IR_VERSION = 9
"""Of opset 20's time."""

MOST_DIFFERENCE = 1e-3
"""A quarter of a grey level: what runs must be what was trained."""


@dataclass(frozen=True)
class About:
    """What a file tells of its network besides the graph.

    Attributes:
        network: Its name in ``NETWORKS``.
        config: Its ``Config``, with a field ``channels``: 1 (luma) or 3 (colour).
        name: Of the weights; by default the file's.
        recipe: The training, as JSON.
        steps: Of the training.
        licence: Of the weights, SPDX expression.
    """

    network: str
    config: Any
    name: str = ""
    recipe: str = "{}"
    steps: int = 0
    licence: str = "Apache-2.0"


@dataclass(frozen=True)
class Parity:
    """Largest absolute differences over all outputs, on random pictures.

    Attributes:
        even: ONNX Runtime from torch with the same rounded weights, sides that are multiples.
        odd: The same for odd sides, which are padded.
        rounding: Rounded weights from those that were trained, in torch.
    """

    even: float
    odd: float
    rounding: float


def export(network: nn.Module, path: Path, about: About) -> Parity:
    """Write a network to an ONNX file, and compare what it computes with torch.

    The names of the graph's inputs are those of the arguments of ``network.body``; its outputs are named by
    ``network.outputs``, or ``restored`` where there is no such attribute. Besides the pictures' ``channels`` an argument
    ``radius`` has one.

    Args:
        network: With ``body``, ``multiple`` and ``context_px``; stays as it is.
        path: Ends in .onnx; written whole or not at all.
        about: Goes into the metadata.

    Raises:
        InputError: If the path has another suffix or folder than it should, or a weight doesn't fit half precision.
        ValueError: If ``body`` leaves weights unused, or ONNX Runtime's result is another than torch's.
    """
    path = Path(path)
    if path.suffix != ".onnx" or not path.parent.is_dir():
        raise InputError(f"Give an .onnx file in an existing folder to export to, not {path}.")
    rounded = copy.deepcopy(network).to("cpu", torch.float32).eval()
    weights = _round(rounded)
    channels = int(about.config.channels)
    inputs = list(inspect.signature(rounded.body).parameters)
    examples = {name: 1 if name == "radius" else channels for name in inputs}
    model = _trace(rounded, examples)
    _clean(model)
    _store_half(model, weights)
    told = {
        "refocal.format": FORMAT,
        "name": about.name or path.stem,
        "network": about.network,
        "config": json.dumps(dataclasses.asdict(about.config)),
        "inputs": json.dumps(inputs),
        "channels": {1: "luma", 3: "rgb"}[channels],
        "multiple": str(int(rounded.multiple)),
        "context_px": str(int(rounded.context_px)),
        "working_bytes": str(_working_bytes(model)),
        "licence": about.licence,
        "recipe": about.recipe,
        "steps": str(about.steps),
        "weights_sha256": fingerprint(weights),
    }
    for key, value in told.items():
        model.metadata_props.add(key=key, value=value)
    part = path.with_name(f"{path.stem}.part.onnx")
    try:
        with part.open("wb") as file:
            file.write(model.SerializeToString())
            os.fsync(file.fileno())
        parity = _compare(part, network, rounded, list(examples.values()))
        if not max(parity.even, parity.odd) <= MOST_DIFFERENCE:
            raise ValueError(f"ONNX Runtime computes something else than torch: {parity}.")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return parity


def load_state(path: Path) -> dict[str, Tensor]:
    """The state dict in an exported .onnx file, or in a .safetensors file of one, as float32 on the CPU.

    Raises:
        InputError: If the file holds none.
    """
    from google.protobuf.message import DecodeError
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(path)
    try:
        if path.suffix == ".safetensors":
            return {name: tensor.float() for name, tensor in load_file(path).items()}
        import onnx

        model = onnx.load(path, load_external_data=False)
        known = {prop.key for prop in model.metadata_props}
        kept = [tensor for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT16]
        state = {tensor.name: torch.from_numpy(onnx.numpy_helper.to_array(tensor).astype(np.float32)) for tensor in kept}
    except (OSError, SafetensorError, DecodeError) as error:
        raise InputError(f"The weights file {path} can't be read: {error}.") from None
    if "refocal.format" not in known or not state:
        raise InputError(f"The weights file {path} holds no network of refocal's.")
    return state


def fingerprint(weights: Mapping[str, Array]) -> str:
    """SHA-256 of float16 weights: their names and bytes, in the names' order."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(weights[name], "<f2").tobytes())
    return digest.hexdigest()


def _round(network: nn.Module) -> dict[str, Array]:
    """Round the floating-point state in place to half precision; returns it as float16 by name."""
    weights = {}
    for name, tensor in network.state_dict().items():  # shares memory with the network
        if tensor.is_floating_point():
            half = tensor.half()
            if not half.isfinite().all():
                raise InputError(f"The network's weight {name} holds numbers that half precision cannot.")
            tensor.copy_(half)
            weights[name] = half.contiguous().numpy()
    return weights


def _trace(network: Any, channels: Mapping[str, int]) -> Any:
    """The body as a ``ModelProto``, for any batch, height and width."""
    # Large enough for what a body pads by itself; sides that differ, or they would be taken to be always equal.
    sides = (network.multiple * -(-side // network.multiple) for side in (64, 96))
    shape = tuple(sides)
    examples = tuple(torch.rand(2, count, *shape) for count in channels.values())
    free = {axis: torch.export.Dim.DYNAMIC for axis in (0, 2, 3)}
    outputs = list(getattr(network, "outputs", ("restored",)))
    network.forward = network.body
    try:
        with _quiet(), torch.no_grad():
            from onnxscript import optimizer

            program = torch.onnx.export(
                network,
                examples,
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
                dynamic_shapes=(free,) * len(examples),
                input_names=list(channels),
                output_names=outputs,
                optimize=False,  # would fold the normalisation and lose its weights
            )
            assert program is not None
            optimizer.fold_constants(program.model)
            optimizer.remove_unused_nodes(program.model)
            return program.model_proto
    finally:
        del network.forward


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks on torchvision and on torch's own deprecations."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _clean(model: Any) -> None:
    """Drop what tells of this machine's files, and give the free axes their names."""
    model.producer_name, model.producer_version, model.ir_version = "refocal", "", IR_VERSION
    del model.metadata_props[:], model.graph.metadata_props[:], model.graph.value_info[:]
    for part in (*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output):
        for axis, name in ((0, "batch"), (2, "height"), (3, "width")):
            value.type.tensor_type.shape.dim[axis].dim_param = name


def _store_half(model: Any, weights: Mapping[str, Array]) -> None:
    """Replace the weights by float16 ones, each with a cast to float32 before its use."""
    from onnx import TensorProto, helper, numpy_helper

    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    unused = sorted(set(weights) - set(stored))
    if unused:
        raise ValueError(f"The network's body doesn't use the weights {', '.join(unused)} as they are.")
    for name, half in weights.items():
        stored[name].CopyFrom(numpy_helper.from_array(half, name))
    nodes = list(model.graph.node)
    for node in nodes:
        node.input[:] = [f"{name}.float32" if name in weights else name for name in node.input]
    casts = [helper.make_node("Cast", [name], [f"{name}.float32"], to=TensorProto.FLOAT) for name in weights]
    del model.graph.node[:]
    model.graph.node.extend(casts + nodes)


def _working_bytes(model: Any) -> int:
    """What ONNX Runtime holds at once per pixel: results that are still needed, doubled, as its arena grows by doubling."""
    import onnx

    model = copy.deepcopy(model)
    height, width = 512, 512
    for value in model.graph.input:
        for axis, length in ((0, 1), (2, height), (3, width)):
            value.type.tensor_type.shape.dim[axis].dim_value = length
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    weights = {tensor.name for tensor in graph.initializer} | {f"{tensor.name}.float32" for tensor in graph.initializer}
    sizes = {
        value.name: 4 * prod(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in (*graph.input, *graph.value_info, *graph.output)
        if value.name not in weights
    }
    last = {name: index for index, node in enumerate(graph.node) for name in node.input}
    last |= dict.fromkeys((output.name for output in graph.output), len(graph.node))
    held, most = {value.name for value in graph.input}, 0
    for index, node in enumerate(graph.node):
        held |= set(node.output) & set(sizes)
        most = max(most, sum(sizes[name] for name in held))
        held = {name for name in held if last.get(name, index) > index}
    return -(-2 * most // (height * width))


def _compare(path: Path, network: nn.Module, rounded: nn.Module, channels: list[int]) -> Parity:
    file = open_network(path)
    random = torch.Generator().manual_seed(0)
    trained = copy.deepcopy(network).to("cpu", torch.float32).eval()
    found: list[float] = []
    for height, width in ((6 * file.multiple, 8 * file.multiple), (6 * file.multiple + 1, 8 * file.multiple + 3)):
        images = [torch.rand(2, count, height, width, generator=random) for count in channels]
        run = [torch.from_numpy(output) for output in file.run(*(image.numpy() for image in images))]
        with torch.no_grad():
            found.append(_difference(run, rounded(*images)))
            rounding = _difference(_tuple(trained(*images)), rounded(*images))
    return Parity(found[0], found[1], rounding)


def _difference(ours: Any, theirs: Any) -> float:
    return max(float((a - b).abs().max()) for a, b in zip(ours, _tuple(theirs), strict=True))


def _tuple(outputs: Any) -> tuple[Tensor, ...]:
    return outputs if isinstance(outputs, tuple) else (outputs,)
