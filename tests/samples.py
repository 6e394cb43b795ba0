"""Images, kernels and small networks with a known result, for the tests of every package.

The networks are written as ONNX files; onnx and torch are imported only by the functions that need them.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np


@dataclass(frozen=True)
class InMemory:
    """A data set of given pairs."""

    pairs: tuple | list
    protocol: object

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, index):
        return self.pairs[index]


def psnr(restored, sharp):
    """Peak signal-to-noise ratio in dB for data range 1, independent of ``refocal.metrics``."""
    return -10 * np.log10(np.mean((np.asarray(restored, np.float64) - sharp) ** 2))


def picture(*shape, seed=0, dtype=np.float32):
    """Uniform random values in [0, 1] of any shape."""
    return np.random.default_rng(seed).random(shape).astype(dtype)


def natural(channels=1, height=128, width=128, seed=0):
    """Image with the statistics of a photo: edges, 1/f texture, black and white; (C, H, W) float64 in [0, 1]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    texture = np.fft.irfft2(
        np.fft.rfft2(rng.normal(size=(channels, height, width))) / (frequency + 0.01), s=(height, width)
    )
    image = 0.5 + 0.12 * texture / texture.std()
    for _ in range(max(3, height * width // 2500)):
        centre_y, centre_x, size = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(3, 25)
        if rng.random() < 0.5:
            inside = np.hypot(y - centre_y, x - centre_x) < size
        else:
            inside = (abs(y - centre_y) < size) & (abs(x - centre_x) < 0.6 * size)
        image[:, inside] = 0.3 * image[:, inside] + 0.7 * rng.random((channels, 1))
    return np.clip(image, 0, 1)


def asymmetric_kernel(rows=5, columns=7):
    """Kernel without symmetry, most of its light below and right of the centre; sum 1."""
    kernel = np.random.default_rng(9).random((rows, columns)) * np.add.outer(np.arange(rows), np.arange(columns))
    return kernel / kernel.sum()


def kodak(shared, number):
    """A photo of Kodak24, (3, H, W) float32 in [0, 1]."""
    from PIL import Image

    with Image.open(shared / f"data/test/kodak24/kodim{number:02d}.png") as photo:
        return np.moveaxis(np.asarray(photo.convert("RGB")), -1, 0).astype(np.float32) / 255


def kodim19_crop(shared):
    """Luma of the central 128x128 of kodim19, truncated to 8 bits: the image of the golden values; (1, 128, 128)."""
    from PIL import Image

    with Image.open(shared / "data/test/kodak24/kodim19.png") as photo:
        pixels = np.asarray(photo.convert("RGB"), np.float64)
    luma = np.floor(pixels @ [0.299, 0.587, 0.114])
    top, left = (luma.shape[0] - 128) // 2, (luma.shape[1] - 128) // 2
    return luma[None, top : top + 128, left : left + 128] / 255


def dead_leaves(height, width, seed=0):
    """A photo-like luma (1, height, width): disks of all sizes and greys over each other, with a fine texture."""
    random = np.random.default_rng(seed)
    down, across = np.mgrid[:height, :width]
    image = np.zeros((height, width), np.float32)
    empty = np.ones((height, width), bool)
    for _ in range(4000):
        radius = 3 / (random.random() ** 0.5 + 0.02)
        y, x = random.random(2) * (height, width)
        inside = empty & ((down - y) ** 2 + (across - x) ** 2 < radius**2)
        image[inside] = 0.1 + 0.8 * random.random()
        empty &= ~inside
    texture = random.normal(0, 0.03, image.shape)
    return np.clip(image + texture, 0, 1).astype(np.float32)[None]


# Networks written node by node.

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
    nodes = [("Mul", [inputs[0], "gain"], ["scaled"]), ("Add", ["scaled", "offset"], ["restored"])]
    return save_network(path, nodes, {"gain": gain, "offset": offset}, inputs, channels, **metadata)


def blocks(path, multiple, **metadata):
    """restored = the mean of every square of ``multiple`` px, in each of its pixels."""
    square = {"kernel_shape": [multiple, multiple], "strides": [multiple, multiple]}
    nodes = [
        ("AveragePool", ["blurred"], ["means"], square),
        ("Resize", ["means", "", "scales"], ["restored"], {"mode": "nearest"}),
    ]
    constants = {"scales": [1, 1, multiple, multiple]}
    return save_network(path, nodes, constants, ("blurred",), "luma", multiple=str(multiple), **metadata)


def conditioned(path, gain=0.5, share=1 / 12, **metadata):
    """restored = gain * blurred + share * radius_px, for colour."""
    nodes = [
        ("Mul", ["blurred", "gain"], ["scaled"]),
        ("Mul", ["radius_px", "share"], ["added"]),
        ("Add", ["scaled", "added"], ["restored"]),
    ]
    metadata = {"config": '{"full_radius_px": 6.0}', "multiple": "4", **metadata}
    return save_network(path, nodes, {"gain": gain, "share": share}, ("blurred", "radius_px"), "rgb", **metadata)


def save_network(path, nodes, constants, inputs, channels, output="restored", **metadata):
    """Write an ONNX file with the metadata of an exported network, and return its path.

    ``nodes`` are (operator, inputs, outputs) and attributes, if any; numbers in ``constants`` become float32, arrays
    keep their type. Inputs and output have the channels of "luma" or "rgb", but "radius_px" has one.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    counts = dict.fromkeys((*inputs, output), {"luma": 1, "rgb": 3}[channels]) | {"radius_px": 1}
    tensors = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", counts[name], "height", "width"])
        for name in (*inputs, output)
    ]
    arrays = [(name, v if isinstance(v, np.ndarray) else np.asarray(v, np.float32)) for name, v in constants.items()]
    values = [numpy_helper.from_array(array, name) for name, array in arrays]
    made = [helper.make_node(*node[:3], **(node[3] if node[3:] else {})) for node in nodes]
    graph = helper.make_graph(made, "sample", tensors[:-1], tensors[-1:], values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    written = {**METADATA, "inputs": json.dumps(inputs), "channels": channels, "multiple": "1", **metadata}
    helper.set_model_props(model, {key: value for key, value in written.items() if value is not None})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return str(path)


def tiny_ddnet(path):
    """A DDNet of one block with weights near the initial ones, in the precision of its file; returns the network."""
    import torch

    from refocal.learn.export.onnx_file import About, export
    from refocal.learn.nets.ddnet import Config, ddnet

    torch.manual_seed(0)
    config = Config(blocks=1, width=8)
    network = ddnet(config)
    with torch.no_grad():
        for head in (network.image[-1], network.filters[-1]):
            head.weight += 0.02 * torch.randn(head.weight.shape)
        for parameter in network.parameters():
            parameter.copy_(parameter.half())
    export(network, Path(path), About("ddnet", config))
    return network


# Networks of the default model's kind, exported by refocal.learn.

SLOPE, OFFSET = 24.0, -4.0
GAIN, LIFT = 0.25, 0.0625
LOG_SCALE = -0.5


def known_focus(path):
    """Restored = (1 + GAIN) blurred + LIFT; radius = softplus(SLOPE m + OFFSET), m the mean of 2x2 px, upsampled."""
    Path(path).write_bytes(_known_focus())
    return str(path)


def random_focus(path):
    """Random weights everywhere: changes and radii depend on the whole receptive field."""
    Path(path).write_bytes(_random_focus())
    return str(path)


@cache
def _known_focus():
    import torch

    network = _small_focus()
    with torch.no_grad():
        for weight in network.parameters():
            weight.zero_()
        for channel in range(4):  # the unshuffled pixels themselves are the first four features
            network.head.weight[channel, channel, 1, 1] = 1
            network.tail.weight[channel, channel, 1, 1] = GAIN
            network.blur.weight[0, channel, 1, 1] = SLOPE / 4
        network.tail.bias[:] = LIFT
        network.blur.bias[:] = torch.tensor([OFFSET, LOG_SCALE])
    return _exported(network)


@cache
def _random_focus():
    import torch

    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        network = _small_focus()
        for name, weight in network.named_parameters():
            if name.endswith("weight"):
                weight.normal_(0, 1.2 / weight[0].numel() ** 0.5)
        network.tail.weight.mul_(0.02)
        network.blur.weight.mul_(6)
        network.blur.bias[:] = torch.tensor([2.0, -1.0])
    return _exported(network)


def _small_focus():
    from refocal.learn.nets.focus_unet import Config, focus_unet

    return focus_unet(Config(widths=(8, 8), blocks=(1, 1)))


def _exported(network):
    """Bytes of the exported file; exporting takes seconds, so that each network is exported once."""
    from refocal.learn.export.onnx_file import About, export

    with TemporaryDirectory() as folder:
        export(network, Path(folder) / "sample.onnx", About("focus-unet", network.config))
        return (Path(folder) / "sample.onnx").read_bytes()


def radius_of(value):
    """Radius predicted by ``known_focus`` where the luma around is ``value``."""
    return np.logaddexp(0, SLOPE * np.asarray(value, np.float64) + OFFSET)


def confidence_of(radius_px):
    """Probability of an error below half a pixel or a quarter of the radius, under a Laplace distribution."""
    from refocal.learn.nets.focus_unet import MIN_SCALE_PX

    scale_px = np.logaddexp(0, LOG_SCALE) + MIN_SCALE_PX
    return 1 - np.exp(-np.maximum(0.5, radius_px / 4) / scale_px)


def fields(values, side=16):
    """A grey image (1, side, side * n) of uniform fields, and the mask of pixels far enough from a field's edge."""
    image = np.kron(np.asarray(values, np.float32)[None, None], np.ones((1, side, side), np.float32))
    inside = np.zeros(image.shape[1:], bool)
    for start in range(0, image.shape[2], side):
        inside[:, start + 3 : start + side - 3] = True
    return image, inside
