"""Small networks for the tests of the export."""

from dataclasses import dataclass

import torch
from torch import nn

from refocal.learn.export.onnx_file import About
from refocal.learn.nets import sharpness_unet

SMALL = sharpness_unet.Config(widths=(4, 6, 8), encoder_convs=2, decoder_convs=1)
WIDE = sharpness_unet.Config(widths=(4, 12, 24), encoder_convs=2, decoder_convs=1)
ABOUT = About("sharpness-unet", SMALL, "small", '{"seed": 3}', 17, "CC0-1.0")


def lively(network, seed=0):
    """Random weights, as if trained: normalisation by real statistics, and no zero layer."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in network.parameters():
            if not weight.any():
                weight.normal_(0, 0.05, generator=generator)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = None
                module.weight.uniform_(0.7, 1.3, generator=generator)
                module.bias.normal_(0, 0.1, generator=generator)
        network.train()
        if any(isinstance(module, nn.BatchNorm2d) for module in network.modules()):
            network(torch.rand(2, 1, 64, 64, generator=generator))
    return network


def halves(state):
    return {name: tensor.half().float() for name, tensor in state.items() if tensor.is_floating_point()}


@dataclass(frozen=True)
class OneChannel:
    channels: int = 1
