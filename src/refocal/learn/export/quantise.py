"""Quantisation of weights: half precision, or 8 bits or fewer with a scale per output channel for the large ones."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from refocal.learn.export.packing import LARGEST
from refocal.types import Array, InputError

CLIPS = (0.9, 0.8, 0.7, 0.6)
"""Factors of the scale that are tried below 8 bits; each clips the weights that are larger."""

SMALLEST = 1000
"""Weights of fewer elements stay in half precision: the first and last layer of the U-Net; with all normalisation, 0.3
% of it."""


def round_weights(network: nn.Module, bits: int) -> tuple[dict[str, Array], dict[str, Array]]:
    """Round a network's state in place to the precision of the file. Integer buffers are left out.

    With 16 bits all are in half precision. With fewer, the weights of convolutions and linear layers of at least
    ``SMALLEST`` elements become scale * q, with integers q from -m to m and one scale per output channel. With 8 bits m
    is 127 and the scale max |weight| / m; optimising it, which clips the largest weights, reduced the squared error by
    1 % at most. With 6 bits (m = 31) and 5 (m = 13) the scale of least squared error among ``CLIPS`` is taken.

    Args:
        network: On the CPU, float32.
        bits: 5, 6, 8 or 16.

    Returns:
        By name: float16 or int8 arrays; and for each of int8 its scales, float32, of a shape that broadcasts.

    Raises:
        InputError: If ``bits`` is another number, or a weight is out of the range of half precision.
    """
    if bits != 16 and bits not in LARGEST:
        raise InputError(f"Weights are stored in 5, 6, 8 or 16 bits, not {bits}.")
    axes = {} if bits == 16 else _output_axes(network)
    weights: dict[str, Array] = {}
    scales: dict[str, Array] = {}
    for name, tensor in network.state_dict().items():  # shares memory with the network
        if not tensor.is_floating_point():
            continue
        half = tensor.half()
        if not half.isfinite().all():
            raise InputError(f"The network's weight {name} holds values that half precision cannot represent.")
        if name in axes:
            weights[name], scales[name] = _integers(tensor.numpy(), axes[name], bits)
            tensor.copy_(torch.from_numpy(weights[name] * scales[name]))
        else:
            weights[name] = half.contiguous().numpy()
            tensor.copy_(half)
    return weights, scales


def _integers(weight: Array, axis: int, bits: int) -> tuple[Array, Array]:
    """Integers and their scales along an axis."""
    others = tuple(i for i in range(weight.ndim) if i != axis)
    largest = LARGEST[bits]
    full = np.abs(weight).max(others, keepdims=True) / np.float32(largest)
    full = np.where(full < np.finfo(np.float32).tiny, np.float32(1), full)  # a channel of zeros stays 0
    best = full
    for clip in CLIPS if bits < 8 else ():
        scale = full * np.float32(clip)
        better = _error(weight, scale, largest, others) < _error(weight, best, largest, others)
        best = np.where(better, scale, best)
    return np.rint(weight / best).clip(-largest, largest).astype(np.int8), best


def _error(weight: Array, scale: Array, largest: int, axes: tuple[int, ...]) -> Array:
    """Squared error of the rounded weights of each output channel."""
    rounded = np.rint(weight / scale).clip(-largest, largest) * scale
    return np.asarray(((rounded - weight) ** 2).sum(axes, keepdims=True))


def _output_axes(network: nn.Module) -> dict[str, int]:
    """The axis of the output channels of each weight that is quantised."""
    return {
        f"{lead}.weight".removeprefix("."): int(isinstance(module, nn.ConvTranspose2d))
        for lead, module in network.named_modules()
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)) and module.weight.numel() >= SMALLEST
    }
