"""Weights to start a training from: by name, from a checkpoint, or from an exported file."""

from __future__ import annotations

from torch import Tensor

from refocal.learn.export.onnx_file import load_state
from refocal.learn.training.checkpoint import load
from refocal.weights import locate


def load_weights(name: str) -> dict[str, Tensor]:
    """The state dict of a network.

    Args:
        name: A name from ``WEIGHTS``, or the path of a checkpoint or of an exported .onnx file.

    Raises:
        InputError: If there is no such file or it holds no weights.
    """
    path = locate(name)
    return load_state(path) if path.suffix == ".onnx" else load(path).best()
