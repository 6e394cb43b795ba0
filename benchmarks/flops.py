"""The network behind a method, and how much it computes: a multiplication and its addition are two operations."""

from __future__ import annotations

import tempfile
from math import prod
from pathlib import Path
from typing import Any

from refocal.inference.network_file import NetworkFile, open_network, runtime
from refocal.methods import METHODS
from refocal.types import InputError

SIDE_PX = 512
"""Of the picture that the operations are counted on; a multiple of every network's grid."""


def network_of(method: str) -> NetworkFile | None:
    """What the method runs once over the photo; nothing for a classical one, whatever it asks of a denoiser on its
    way.
    """
    weights = getattr(METHODS[method].make(), "weights", None)
    return None if weights is None else open_network(weights)


def shape_of(method: str) -> tuple[str, str]:
    """The same for methods whose networks differ in the weights alone, so cost the same; else another for each."""
    try:
        file = network_of(method)
    except InputError:  # its weights aren't here
        file = None
    return (file.network, file.config) if file else (method, "")


def gflop_per_megapixel(path: Path) -> float:
    """Of one run over a whole picture: convolutions and products of matrices, which are nearly all there is.

    What runs in tiles computes their contexts as well, and so more.

    Raises:
        ValueError: If a shape that is needed hangs on more than the picture's size.
    """
    import onnx

    model = onnx.load(path)
    sides = {"batch": 1, "height": SIDE_PX, "width": SIDE_PX}
    for told in model.graph.input:
        for length in told.type.tensor_type.shape.dim:
            if length.dim_param:
                length.dim_value = sides[length.dim_param]
    del model.graph.value_info[:]  # shapes for pictures of any size
    graph = onnx.shape_inference.infer_shapes(_folded(model)).graph
    shapes = _shapes(graph)
    return sum(_flop(node, shapes) for node in graph.node) / 1e9 / (SIDE_PX**2 / 1e6)


def _folded(model: Any) -> Any:
    """The model with everything computed that doesn't hang on pixels: onnx itself can't halve a side of the picture."""
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
    """Every tensor's, by name; a length that isn't known is 0."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for told in (*graph.input, *graph.value_info, *graph.output):
        shapes[told.name] = tuple(length.dim_value for length in told.type.tensor_type.shape.dim)
    return shapes


def _flop(node: Any, shapes: dict[str, tuple[int, ...]]) -> int:
    """Of one node: two times its multiplications."""
    if node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
        return 0
    first, second, output = (shapes.get(name, ()) for name in (*node.input[:2], node.output[0]))
    if not (first and second and output and all((*first, *second, *output))):
        raise ValueError(f"The shapes of {node.op_type} {node.name!r} can't be told from the picture's size.")
    if node.op_type == "Conv":  # each output value sums over a kernel (out, in / groups, *kernel)
        return 2 * prod(output) * prod(second[1:])
    if node.op_type == "ConvTranspose":  # each input value spreads over a kernel (in, out / groups, *kernel)
        return 2 * prod(first) * prod(second[1:])
    transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return 2 * prod(output) * first[-2 if transposed else -1]
