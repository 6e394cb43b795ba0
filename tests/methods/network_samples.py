"""ONNX files of networks simple enough to know what they compute."""

import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

METADATA = {
    "refocal.format": "1",
    "name": "sample",
    "network": "sample",
    "config": "{}",
    "licence": "CC0-1.0",
    "recipe": "{}",
    "steps": "3",
    "weights_sha256": "ab" * 32,
    "context_px": "12",
    "working_bytes": "40",
}


def scale(path, channels="luma", gain=0.5, offset=0.1, inputs=("blurred",), **metadata):
    """restored = gain * first input + offset."""
    nodes = [
        helper.make_node("Mul", [inputs[0], "gain"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offset"], ["restored"]),
    ]
    return _write(path, nodes, {"gain": gain, "offset": offset}, inputs, channels, 1, metadata)


def blocks(path, multiple, **metadata):
    """restored = the mean of every square of ``multiple`` px, in each of its pixels."""
    square = {"kernel_shape": [multiple, multiple], "strides": [multiple, multiple]}
    nodes = [
        helper.make_node("AveragePool", ["blurred"], ["means"], **square),
        helper.make_node("Resize", ["means", "", "scales"], ["restored"], mode="nearest"),
    ]
    return _write(path, nodes, {"scales": [1, 1, multiple, multiple]}, ("blurred",), "luma", multiple, metadata)


def told(path, gain=0.5, share=1 / 12, **metadata):
    """restored = gain * blurred + share * radius_px, for colour."""
    nodes = [
        helper.make_node("Mul", ["blurred", "gain"], ["scaled"]),
        helper.make_node("Mul", ["radius_px", "share"], ["added"]),
        helper.make_node("Add", ["scaled", "added"], ["restored"]),
    ]
    metadata = {"config": '{"full_radius_px": 6.0}', **metadata}
    return _write(path, nodes, {"gain": gain, "share": share}, ("blurred", "radius_px"), "rgb", 4, metadata)


def _write(path, nodes, constants, inputs, channels, multiple, metadata):
    counts = dict.fromkeys((*inputs, "restored"), {"luma": 1, "rgb": 3}[channels]) | {"radius_px": 1}
    pictures = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", counts[name], "height", "width"])
        for name in (*inputs, "restored")
    ]
    values = [numpy_helper.from_array(_array(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "sample", pictures[:-1], pictures[-1:], values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    told = {**METADATA, "inputs": json.dumps(inputs), "channels": channels, "multiple": str(multiple), **metadata}
    helper.set_model_props(model, {key: value for key, value in told.items() if value is not None})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return str(path)


def _array(value):
    return np.asarray(value, np.float32)
