"""Quantised weights of fewer than 8 bits, packed into bytes, and the nodes that unpack them when a file is opened.

Three bytes, 24 bits, hold four weights of 64 levels (6 bits each), or five of 27 levels (4.8 bits each).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from refocal.types import Array

LARGEST = {8: 127, 6: 31, 5: 13}
"""Number of bits -> the largest integer of a weight, which ranges from minus that to that."""

PER_GROUP = {6: 4, 5: 5}
"""Number of bits -> weights in three bytes."""

LEVELS = {6: 64, 5: 27}
"""Number of bits -> levels that a packed weight may have; one more than the integers need in 6 bits."""

SHAPE, BITS = ".shape", ".bits"
"""Suffixes of the names of a packed weight's shape and number of bits."""


def pack(integers: Array, bits: int) -> Array:
    """int8 of any shape to uint8 (3, groups)."""
    count, base = PER_GROUP[bits], LEVELS[bits]
    flat = integers.astype(np.int64).ravel() + LARGEST[bits]
    groups = np.pad(flat, (0, -len(flat) % count)).reshape(-1, count)
    total = (groups * base ** np.arange(count)).sum(1)
    return np.stack([(total >> shift) & 255 for shift in (16, 8, 0)]).astype(np.uint8)


def unpack(packed: Array, shape: tuple[int, ...], bits: int) -> Array:
    """Undo ``pack``."""
    high, middle, low = packed.astype(np.int64)
    total = (high << 16) + (middle << 8) + low
    groups = total[:, None] // LEVELS[bits] ** np.arange(PER_GROUP[bits]) % LEVELS[bits]
    return (groups.ravel()[: int(np.prod(shape))] - LARGEST[bits]).astype(np.int8).reshape(shape)


def unpacking(name: str, integers: Array, bits: int) -> tuple[list[Any], list[Any]]:
    """Initialisers and nodes of a graph that make ``NAME.whole``, float32 integers, from the packed ``NAME``."""
    from onnx import TensorProto, helper, numpy_helper

    count, base = PER_GROUP[bits], LEVELS[bits]
    constants = {
        name: pack(integers, bits),
        name + SHAPE: np.array(integers.shape, np.int64),
        name + BITS: np.array(bits, np.int64),
        f"{name}.bytes": np.array([[1 << 16], [1 << 8], [1]], np.int32),
        f"{name}.first": np.array([0], np.int64),
        f"{name}.second": np.array([1], np.int64),
        f"{name}.powers": base ** np.arange(count, dtype=np.int32),
        f"{name}.base": np.array(base, np.int32),
        f"{name}.largest": np.array(LARGEST[bits], np.int32),
        f"{name}.count": np.array([integers.size], np.int64),
        f"{name}.flat": np.array([-1], np.int64),
    }
    steps = [
        ("Cast", [name], "wide", {"to": TensorProto.INT32}),
        ("Mul", [f"{name}.wide", f"{name}.bytes"], "weighted", {}),
        ("ReduceSum", [f"{name}.weighted", f"{name}.first"], "total", {"keepdims": 0}),
        ("Unsqueeze", [f"{name}.total", f"{name}.second"], "column", {}),
        ("Div", [f"{name}.column", f"{name}.powers"], "shifted", {}),
        ("Mod", [f"{name}.shifted", f"{name}.base"], "digits", {}),
        ("Sub", [f"{name}.digits", f"{name}.largest"], "signed", {}),
        ("Reshape", [f"{name}.signed", f"{name}.flat"], "row", {}),
        ("Slice", [f"{name}.row", f"{name}.first", f"{name}.count"], "kept", {}),
        ("Reshape", [f"{name}.kept", name + SHAPE], "shaped", {}),
        ("Cast", [f"{name}.shaped"], "whole", {"to": TensorProto.FLOAT}),
    ]
    nodes = [helper.make_node(kind, inputs, [f"{name}.{output}"], **more) for kind, inputs, output, more in steps]
    return [numpy_helper.from_array(value, key) for key, value in constants.items()], nodes
