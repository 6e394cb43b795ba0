"""The network of a method and its operations: a multiplication and its addition count as two."""

from __future__ import annotations

import tempfile
from math import prod
from pathlib import Path
from typing import Any

from refocal.inference.network_file import NetworkFile, runtime
from refocal.methods import METHODS
from refocal.types import InputError

SIDE_PX = 512
"""Side of the image that the operations are counted for; a multiple of every network's grid."""


def network_of(method: str) -> NetworkFile | None:
    """The network that the method runs once over the photo; None for a classical one, with or without a denoiser."""
    made = METHODS[method].make()
    return None if getattr(made, "weights", None) is None else made.network


def shape_of(method: str) -> tuple[str, str]:
    """A key that is equal for methods whose networks differ only in the weights and so cost the same."""
    try:
        file = network_of(method)
    except InputError:  # its weights aren't here
        file = None
    return (file.network, file.config) if file else (method, "")


def gflop_per_megapixel(path: Path) -> float:
    """Operations of one run over a whole image: convolutions and matrix products, nearly all of the computation.

    Tiles add the computation of their contexts.

    Raises:
        ValueError: If a shape depends on more than the size of the image.
    """
    import onnx

    model = onnx.load(path)
    sides = {"batch": 1, "height": SIDE_PX, "width": SIDE_PX}
    for tensor in model.graph.input:
        for length in tensor.type.tensor_type.shape.dim:
            if length.dim_param:
                length.dim_value = sides[length.dim_param]
    del model.graph.value_info[:]  # shapes for images of any size
    graph = onnx.shape_inference.infer_shapes(_folded(model)).graph
    shapes = _shapes(graph)
    return sum(_flop(node, shapes) for node in graph.node) / 1e9 / (SIDE_PX**2 / 1e6)


def _folded(model: Any) -> Any:
    """The model with constants folded: onnx itself can't infer the half of a side."""
    import onnx

    onnxruntime = runtime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors: it warns that the file is for this machine
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "folded.onnx")
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return onnx.load(options.optimized_model_filepath)


def _shapes(graph: Any) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor, by name; an unknown length is 0."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for tensor in (*graph.input, *graph.value_info, *graph.output):
        shapes[tensor.name] = tuple(length.dim_value for length in tensor.type.tensor_type.shape.dim)
    return shapes


def _flop(node: Any, shapes: dict[str, tuple[int, ...]]) -> int:
    """Operations of one node: two times its multiplications."""
    if node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
        return 0
    first, second, output = (shapes.get(name, ()) for name in (*node.input[:2], node.output[0]))
    if not (first and second and output and all((*first, *second, *output))):
        raise ValueError(f"The shapes of {node.op_type} {node.name!r} don't follow from the size of the image.")
    if node.op_type == "Conv":  # each output value sums over a kernel (out, in / groups, *kernel)
        return 2 * prod(output) * prod(second[1:])
    if node.op_type == "ConvTranspose":  # each input value spreads over a kernel (in, out / groups, *kernel)
        return 2 * prod(first) * prod(second[1:])
    transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return 2 * prod(output) * first[-2 if transposed else -1]
