"""Quantisation of weights: half precision, or 8 bits with a scale per output channel for the large ones."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from refocal.types import Array, InputError

SMALLEST = 1000
"""Weights of fewer elements stay in half precision: the first and last layer of the U-Net; with all normalisation, 0.3
% of it."""


def round_weights(network: nn.Module, bits: int) -> tuple[dict[str, Array], dict[str, Array]]:
    """Round a network's state in place to the precision of the file. Integer buffers are left out.

    With 16 bits all are in half precision. With 8 bits the weights of convolutions and linear layers of at least
    ``SMALLEST`` elements become scale * q, with integers q in [-127, 127] and one scale per output channel, max
    |weight| / 127. Optimising the scale of each channel, which clips its largest weights, reduced the squared error by
    1 % at most.

    Args:
        network: On the CPU, float32.
        bits: 8 or 16.

    Returns:
        By name: float16 or int8 arrays; and for each of int8 its scales, float32, of a shape that broadcasts.

    Raises:
        InputError: If ``bits`` is another number, or a weight is out of the range of half precision.
    """
    if bits not in (8, 16):
        raise InputError(f"Weights are stored in 8 or 16 bits, not {bits}.")
    axes = _output_axes(network) if bits == 8 else {}
    weights: dict[str, Array] = {}
    scales: dict[str, Array] = {}
    for name, tensor in network.state_dict().items():  # shares memory with the network
        if not tensor.is_floating_point():
            continue
        half = tensor.half()
        if not half.isfinite().all():
            raise InputError(f"The network's weight {name} holds values that half precision cannot represent.")
        if name in axes:
            weights[name], scales[name] = _in_8_bits(tensor.numpy(), axes[name])
            tensor.copy_(torch.from_numpy(weights[name] * scales[name]))
        else:
            weights[name] = half.contiguous().numpy()
            tensor.copy_(half)
    return weights, scales


def _in_8_bits(weight: Array, axis: int) -> tuple[Array, Array]:
    """Integers and their scales along an axis."""
    others = tuple(i for i in range(weight.ndim) if i != axis)
    scale = np.abs(weight).max(others, keepdims=True) / np.float32(127)
    scale = np.where(scale < np.finfo(np.float32).tiny, np.float32(1), scale)  # a channel of zeros stays 0
    return np.rint(weight / scale).astype(np.int8), scale


def _output_axes(network: nn.Module) -> dict[str, int]:
    """The axis of the output channels of each weight that is stored in 8 bits."""
    return {
        f"{lead}.weight".removeprefix("."): int(isinstance(module, nn.ConvTranspose2d))
        for lead, module in network.named_modules()
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)) and module.weight.numel() >= SMALLEST
    }
