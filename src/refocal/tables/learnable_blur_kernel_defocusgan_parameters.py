"""How many parameters a network has: counted in its file, or in the network itself where there is no file."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from refocal.types import InputError
from refocal.weights import WEIGHTS, locate

# Numbers of fields in the ONNX format (onnx/onnx.proto), a protocol-buffer message.
_GRAPH, _INITIALISER, _DIMS, _DATA_TYPE, _NAME = 7, 5, 1, 2, 8
_HALF = 10  # TensorProto.FLOAT16: so ``refocal export`` stores what was trained, and nothing else
_STATISTICS = "running_"  # of a batch normalisation: stored, but not trained


@dataclass(frozen=True)
class Source:
    """Where the parameters of a line are.

    Attributes:
        weights: Name in ``WEIGHTS``, counted first.
        network: Name in ``refocal.learn.nets.NETWORKS``, counted where there are no weights.
        config: Fields of its ``Config``.
    """

    weights: str
    network: str
    config: Mapping[str, Any] = field(default_factory=dict)


SOURCES = {
    "dmenet": Source("dmenet", "dmenet"),
    "dpdnet-single": Source("dpdnet-single", "dpdnet", {"views": 1}),
    "dpdnet": Source("dpdnet", "dpdnet"),
    "kpac": Source("kpac", "kpac"),
    "mdpnet": Source("mdpnet", "mdpnet"),
    "defocusgan": Source("defocusgan", "defocusgan"),
    "defocusgan-no-gan": Source("defocusgan-no-gan", "defocusgan"),
    "defocusgan-light": Source("defocusgan-light", "defocusgan", {"glue": "light"}),
}
"""A line's estimator or method -> where its parameters are."""


def millions(name: str, weights_dir: Path | None = None) -> float | None:
    """Parameters of a line's network, in millions.

    Args:
        name: Of the estimator or method.
        weights_dir: Folder of the user's own NAME.onnx, counted before all others.

    Returns:
        None where nothing is known of it, or there is no file and no torch to build it with.
    """
    if weights_dir is not None and (weights_dir / f"{name}.onnx").is_file():
        return in_file(weights_dir / f"{name}.onnx") / 1e6
    source = SOURCES.get(name)
    if source is None:
        return None
    if source.weights in WEIGHTS:
        try:
            return in_file(locate(source.weights)) / 1e6
        except InputError:  # known, but not shipped
            pass
    count = _in_network(source.network, json.dumps(source.config))
    return None if count is None else count / 1e6


def in_file(path: Path) -> int:
    """Count the parameters in a file that ``refocal export`` wrote; needs neither torch nor onnx.

    Raises:
        InputError: If it can't be read as one.
    """
    try:
        model = memoryview(path.read_bytes())
        graphs = (graph for number, graph in _fields(model) if number == _GRAPH)
        tensors = (tensor for graph in graphs for number, tensor in _fields(graph) if number == _INITIALISER)
        return sum(map(_trained, tensors))
    except (IndexError, TypeError, UnicodeDecodeError):
        raise InputError(f"The parameters in {path} can't be counted: give a file that refocal export wrote.") from None


def _trained(tensor: memoryview) -> int:
    """Numbers in a tensor, if they were trained."""
    sides, kind, name = [], 0, ""
    for number, value in _fields(tensor):
        if number == _DIMS:
            sides += [value] if isinstance(value, int) else _numbers(value)
        elif number == _DATA_TYPE:
            kind = value
        elif number == _NAME:
            name = bytes(value).decode()
    return math.prod(sides) if kind == _HALF and _STATISTICS not in name else 0


def _fields(message: memoryview) -> Iterator[tuple[int, Any]]:
    """Number and value of each field: an int, or the bytes of whatever is longer."""
    place = 0
    while place < len(message):
        key, place = _number(message, place)
        wire = key & 7
        if wire == 0:
            value, place = _number(message, place)
            yield key >> 3, value
            continue
        length = {1: 8, 5: 4}.get(wire)
        if length is None:
            length, place = _number(message, place)
        yield key >> 3, message[place : place + length]
        place += length


def _numbers(packed: memoryview) -> list[int]:
    found, place = [], 0
    while place < len(packed):
        value, place = _number(packed, place)
        found.append(value)
    return found


def _number(message: memoryview, place: int) -> tuple[int, int]:
    """A number of seven bits per byte, the lowest first, and the place after it."""
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7


@lru_cache(maxsize=32)
def _in_network(name: str, config: str) -> int | None:
    """Trained parameters of a network that is built without memory; None without torch or where there is no such network."""
    try:
        # By name, as the run world must load without them.
        networks = importlib.import_module("refocal.learn.nets").NETWORKS
        torch = importlib.import_module("torch")
    except ImportError:
        return None
    if name not in networks:
        return None
    make = networks[name].load()
    shape = importlib.import_module(make.__module__).Config(**json.loads(config))
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in make(shape).parameters() if parameter.requires_grad)
