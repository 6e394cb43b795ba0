"""A network's body as an ONNX graph: traced, its weights in half precision or 8 bits under their own names."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from refocal.types import Array

OPSET = 20
"""The first with GELU as one operator, which runs 1.6 times as fast as its parts; ONNX Runtime knows it since 1.17."""

IR_VERSION = 9
"""Of opset 20's time."""

SCALE = ".scale"
"""What the scales of a weight in 8 bits are called, after its name."""


def trace(network: Any, channels: Mapping[str, int], outputs: list[str]) -> tuple[Any, int]:
    """Turn ``network.body`` into a graph for any batch, height and width.

    Args:
        network: In evaluation mode, on the CPU, float32.
        channels: Of each input, by name.
        outputs: Names.

    Returns:
        The ``onnx.ModelProto``, and how many bytes of results the body needs at once per pixel of one picture.
    """
    # Large enough for what a body pads by itself; sides that differ, or they would be taken to be always equal.
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
                optimize=False,  # would fold the normalisation into the convolutions, and its weights were gone
            )
            assert program is not None and program.exported_program is not None
            memory = _Memory(program.exported_program.module())
            memory.run(*examples)
            # The exporter computes a bias of zeros beside the convolutions without one; left there, nothing could be
            # folded.
            optimizer.fold_constants(
                program.model, should_fold=lambda node: None if _names(node).isdisjoint(weights) else False
            )
            optimizer.remove_unused_nodes(program.model)
            model = program.model_proto
    finally:
        del network.forward
    _clean(model)
    return model, memory.most // (2 * height * width)


def store(model: Any, weights: Mapping[str, Array], scales: Mapping[str, Array]) -> None:
    """Replace a graph's weights by rounded ones, each turned to float32 before its use.

    Halves are cast, 8 bits are cast and multiplied by their scales. ``DequantizeLinear`` would do that too, but ONNX
    Runtime computes it anew in every run and leaves the normalisation beside the convolutions: 1.4 times the time was
    measured.

    Args:
        model: Changed in place.
        weights: float16 or int8, by name.
        scales: float32, for each of int8.

    Raises:
        ValueError: If the graph lacks one.
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
        stored[name].CopyFrom(numpy_helper.from_array(rounded, name))
        if name in scales:
            model.graph.initializer.append(numpy_helper.from_array(scales[name], name + SCALE))
            before.append(helper.make_node("Cast", [name], [f"{name}.whole"], to=TensorProto.FLOAT))
            before.append(helper.make_node("Mul", [f"{name}.whole", name + SCALE], [f"{name}.float32"]))
        else:
            before.append(helper.make_node("Cast", [name], [f"{name}.float32"], to=TensorProto.FLOAT))
    del model.graph.node[:]
    model.graph.node.extend(before + nodes)


def stored_weights(model: Any) -> dict[str, Array]:
    """A graph's weights that ``store`` put there, as float32 by name."""
    from onnx import numpy_helper

    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    halves = {name: array.astype(np.float32) for name, array in arrays.items() if array.dtype == np.float16}
    return halves | {name: array * arrays[name + SCALE] for name, array in arrays.items() if name + SCALE in arrays}


def _names(node: Any) -> set[str]:
    return {value.name for value in node.inputs if value is not None}


class _Memory(torch.fx.Interpreter):
    """Runs a traced body and notes how many bytes of results are needed at once."""

    most = 0

    def run_node(self, n: torch.fx.Node) -> Any:
        """One operation; what is no longer used has been dropped before it."""
        result = super().run_node(n)
        weights = {tensor.untyped_storage().data_ptr() for tensor in self.module.state_dict().values()}
        held = {}
        for values in [*self.env.values(), result]:
            for value in values if isinstance(values, (tuple, list)) else [values]:
                if isinstance(value, Tensor):
                    held[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
        self.most = max(self.most, sum(size for pointer, size in held.items() if pointer not in weights))
        return result


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
