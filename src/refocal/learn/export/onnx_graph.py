"""A network's body as an ONNX graph: traced, its weights in half precision or 8 bits under their state-dict names."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from refocal.learn.export.packing import BITS, PER_GROUP, SHAPE, unpack, unpacking
from refocal.types import Array

OPSET = 20
"""First opset with GELU as one operator, which is 1.6 times as fast as its parts; supported since ONNX Runtime 1.17."""

IR_VERSION = 9
"""IR version of opset 20."""

SCALE = ".scale"
"""Suffix of the name of an 8-bit weight's scales."""


def trace(network: Any, channels: Mapping[str, int], outputs: list[str]) -> tuple[Any, int]:
    """Trace ``network.body`` to a graph for any batch, height and width.

    Args:
        network: In evaluation mode, on the CPU, float32.
        channels: Number of channels of each input, by name.
        outputs: Names of the outputs.

    Returns:
        The ``onnx.ModelProto``, and the peak memory of activations in bytes per pixel of one image.
    """
    # Large enough for padding inside a body; different sides, or the exporter would take them to be always equal.
    height, width = (network.multiple * -(-side // network.multiple) for side in (64, 96))
    examples = tuple(torch.rand(2, count, height, width) for count in channels.values())
    free = dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC)
    weights = set(network.state_dict())
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
                optimize=False,  # would fold the normalisation into the convolutions and lose its weights
            )
            assert program is not None and program.exported_program is not None
            memory = _Memory(program.exported_program.module())
            memory.run(*examples)
            # The exporter computes a bias of zeros for convolutions without one; left there, nothing could be folded.
            optimizer.fold_constants(
                program.model, should_fold=lambda node: None if _names(node).isdisjoint(weights) else False
            )
            optimizer.remove_unused_nodes(program.model)
            model = program.model_proto
    finally:
        del network.forward
    _clean(model)
    return model, memory.peak // (2 * height * width)


def store(model: Any, weights: Mapping[str, Array], scales: Mapping[str, Array], bits: int = 16) -> None:
    """Replace a graph's weights by rounded ones, each converted to float32 before its use.

    Half-precision weights are cast, 8-bit ones are cast and multiplied by their scales, those of fewer bits are
    unpacked first. ``DequantizeLinear`` is equivalent, but ONNX Runtime evaluates it in every run and can't fold the
    normalisation into the convolutions: 1.4 times the time was measured.

    Args:
        model: Changed in place.
        weights: float16 or int8, by name.
        scales: float32, for each of int8.
        bits: Bits per quantised weight: 8, or fewer to pack them.

    Raises:
        ValueError: If the graph lacks a weight.
    """
    from onnx import TensorProto, helper, numpy_helper

    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    unused = sorted(set(weights) - set(stored))
    if unused:
        raise ValueError(f"The network's body doesn't use the weights {', '.join(unused)} as they are.")
    nodes = list(model.graph.node)
    for node in nodes:
        node.input[:] = [f"{name}.float32" if name in weights else name for name in node.input]
    before = []
    for name, rounded in weights.items():
        packed, cast = name in scales and bits in PER_GROUP, f"{name}.whole" if name in scales else f"{name}.float32"
        if packed:
            (first, *constants), nodes_of = unpacking(name, rounded, bits)
        else:
            first, constants = numpy_helper.from_array(rounded, name), []
            nodes_of = [helper.make_node("Cast", [name], [cast], to=TensorProto.FLOAT)]
        if name in scales:
            constants.append(numpy_helper.from_array(scales[name], name + SCALE))
            nodes_of.append(helper.make_node("Mul", [cast, name + SCALE], [f"{name}.float32"]))
        stored[name].CopyFrom(first)
        model.graph.initializer.extend(constants)
        before += nodes_of
    del model.graph.node[:]
    model.graph.node.extend(before + nodes)


def stored_weights(model: Any) -> dict[str, Array]:
    """A graph's weights written by ``store``, as float32 by name."""
    from onnx import numpy_helper

    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    halves = {name: array.astype(np.float32) for name, array in arrays.items() if array.dtype == np.float16}
    quantised = {name: array for name, array in arrays.items() if name + SCALE in arrays}
    for name, array in quantised.items():
        if name + BITS in arrays:
            quantised[name] = unpack(array, tuple(arrays[name + SHAPE]), int(arrays[name + BITS]))
    return halves | {name: array * arrays[name + SCALE] for name, array in quantised.items()}


def _names(node: Any) -> set[str]:
    return {value.name for value in node.inputs if value is not None}


class _Memory(torch.fx.Interpreter):
    """Runs a traced body and records the peak memory of its activations in bytes."""

    peak = 0

    def run_node(self, n: torch.fx.Node) -> Any:
        """One operation; tensors that are no longer used have been released before."""
        result = super().run_node(n)
        weights = {tensor.untyped_storage().data_ptr() for tensor in self.module.state_dict().values()}
        live = {}
        for values in [*self.env.values(), result]:
            for value in values if isinstance(values, (tuple, list)) else [values]:
                if isinstance(value, Tensor):
                    live[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
        self.peak = max(self.peak, sum(size for pointer, size in live.items() if pointer not in weights))
        return result


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the exporter's messages on torchvision and on torch's own deprecations."""
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
    """Remove paths and versions of this machine, and name the dynamic axes."""
    model.producer_name, model.producer_version, model.ir_version = "refocal", "", IR_VERSION
    del model.metadata_props[:], model.graph.metadata_props[:], model.graph.value_info[:]
    for part in (*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output):
        for axis, name in ((0, "batch"), (2, "height"), (3, "width")):
            value.type.tensor_type.shape.dim[axis].dim_param = name
