"""Networks of the default model's kind that are simple enough to know what they compute."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from refocal.learn.export.onnx_file import About, export
from refocal.learn.nets.focus_unet import MIN_SCALE_PX, Config, focus_unet

SLOPE, OFFSET = 24.0, -4.0
GAIN, LIFT = 0.25, 0.0625
SCALE_PX = float(np.log1p(np.exp(-0.5))) + MIN_SCALE_PX

SMALL = Config(widths=(8, 8), blocks=(1, 1))


def known(path):
    """Restored = blurred + GAIN blurred + LIFT; radius = softplus(SLOPE mean + OFFSET) of the mean of 2 x 2 px,
    spread."""
    Path(path).write_bytes(_known())
    return str(path)


def random(path):
    """Fresh weights everywhere: changes and radii hang on all that the network can see."""
    Path(path).write_bytes(_random())
    return str(path)


@cache
def _known():
    network = focus_unet(SMALL)
    with torch.no_grad():
        for weight in network.parameters():
            weight.zero_()
        for channel in range(4):  # the dealt pixels themselves are the first four features
            network.head.weight[channel, channel, 1, 1] = 1
            network.tail.weight[channel, channel, 1, 1] = GAIN
            network.blur.weight[0, channel, 1, 1] = SLOPE / 4
        network.tail.bias[:] = LIFT
        network.blur.bias[:] = torch.tensor([OFFSET, -0.5])
    return _exported(network)


@cache
def _random():
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        network = focus_unet(SMALL)
        for name, weight in network.named_parameters():
            if name.endswith("weight"):
                weight.normal_(0, 1.2 / weight[0].numel() ** 0.5)
        network.tail.weight.mul_(0.02)
        network.blur.weight.mul_(6)
        network.blur.bias[:] = torch.tensor([2.0, -1.0])
    return _exported(network)


def _exported(network):
    """The file's bytes: writing it takes seconds, so every network is written once."""
    with TemporaryDirectory() as folder:
        export(network, Path(folder) / "sample.onnx", About("focus-unet", SMALL))
        return (Path(folder) / "sample.onnx").read_bytes()


def radius_of(value):
    """What ``known`` tells where the luma is ``value`` all around."""
    return np.logaddexp(0, SLOPE * np.asarray(value, np.float64) + OFFSET)


def confidence_of(radius_px):
    """The probability of an error below half a pixel or a quarter of the radius, under a Laplace distribution."""
    return 1 - np.exp(-np.maximum(0.5, radius_px / 4) / SCALE_PX)


def fields(values, side=16):
    """A grey photo (1, side, side * n) of flat fields, and which pixels are far enough from a field's edge."""
    image = np.kron(np.asarray(values, np.float32)[None, None], np.ones((1, side, side), np.float32))
    inside = np.zeros(image.shape[1:], bool)
    for start in range(0, image.shape[2], side):
        inside[:, start + 3 : start + side - 3] = True
    return image, inside


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)
