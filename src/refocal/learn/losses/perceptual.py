"""The perceptual loss of DefocusGAN: images compared by the features of a network trained on ImageNet."""

from __future__ import annotations

import os
from pathlib import Path
from pickle import UnpicklingError
from typing import TypeAlias

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from refocal.metrics import perceptual
from refocal.types import InputError
from refocal.weights import WEIGHTS, cache_folder, locate

VGG19_FILES = ("vgg19.safetensors", "vgg19-dcbb9e9d.pth")
"""File names of torchvision's VGG19; the second is that of PyTorch's site."""

VGG19_PAGE = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"

WIDTHS = (64, 64, 0, 128, 128, 0, 256, 256, 256)
"""Filters of VGG19's convolutions up to conv3_3; 0 is a max pooling."""

SQUEEZENET_TAP = 1
"""Index among the layers that LPIPS compares: torchvision's features.4, 128 channels at a quarter of the size."""


class VGG19Features(nn.Module):
    """(N, 3, H, W) in [0, 1] to (N, 256, H // 4, W // 4): VGG19's conv3_3 before its ReLU, torchvision's features[:15].

    The image isn't normalised by ImageNet's mean and standard deviation: the released code of DefocusGAN doesn't
    either, and the weight of its loss is chosen for that.

    Reference: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015.
    """

    name = "vgg19 conv3_3"

    def __init__(self, state: dict[str, Tensor]) -> None:
        """Take the weights from ``state``, which has torchvision's names, ``features.0.weight`` and so on."""
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in WIDTHS:
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()] if width else [nn.MaxPool2d(2)]
            before = width or before
        self.layers = nn.Sequential(*layers[:-1])
        self.layers.load_state_dict({key: state[f"features.{key}"].float() for key in self.layers.state_dict()})
        self.requires_grad_(False)

    def forward(self, image: Tensor) -> Tensor:
        """The features."""
        features: Tensor = self.layers(image)
        return features


class SqueezeNetFeatures(nn.Module):
    """(N, 3, H, W) in [0, 1] to 128 channels at a quarter of the size: SqueezeNet 1.1, where VGG19's file is missing.

    Among the layers that LPIPS compares it has the resolution of VGG19's conv3_3, with a receptive field of 23 px (40
    there): earlier layers respond to edges only, later ones lose their position. The image isn't normalised, as for
    VGG19.

    Reference: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", 2016.
    """

    name = "squeezenet1.1 features.4"

    def __init__(self, state: dict[str, Tensor]) -> None:
        """Take the weights from ``state``, which has torchvision's names."""
        super().__init__()
        self._names = [key for key in state if key.startswith("features.")]
        self._weights = nn.ParameterList(nn.Parameter(state[key], requires_grad=False) for key in self._names)

    def forward(self, image: Tensor) -> Tensor:
        """The features."""
        state = dict(zip(self._names, self._weights, strict=True))
        features: Tensor = perceptual.squeezenet(image, state)[SQUEEZENET_TAP]
        return features


Features: TypeAlias = VGG19Features | SqueezeNetFeatures


def perceptual_loss(restored: Tensor, sharp: Tensor, features: Features) -> Tensor:
    """Mean squared difference of the features (L_p of learnable_blur_kernel_defocusgan, eq. 8), in float32.

    Args:
        restored: (N, 3, H, W) in [0, 1], red first; at least 17 px a side for SqueezeNet, 4 px for VGG19.
        sharp: The same shape; it gets no gradient.
        features: On the images' device.
    """
    with torch.autocast(restored.device.type, enabled=False):
        with torch.no_grad():
            wanted = features(sharp.float())
        return (features(restored.float()) - wanted).square().mean()


def make_features(weights: str | Path = "auto") -> Features:
    """Read a network that computes features, frozen, on the CPU; its ``name`` identifies it.

    Args:
        weights: ``auto`` takes VGG19 if one of ``VGG19_FILES`` is in the folder ``$REFOCAL_WEIGHTS`` or in the user's
            cache, else SqueezeNet if LPIPS's file is. Or a file of either, .safetensors or .pth; or ``lpips-squeeze``.

    Raises:
        InputError: If there is no such file, or it holds neither network.
    """
    if weights != "auto":
        return _open(weights)
    squeezenet = WEIGHTS["lpips-squeeze"]
    for file in VGG19_FILES:
        if found := _find(file):
            return _open(found)
    if _find(squeezenet.file):
        return _open("lpips-squeeze")
    raise InputError(
        f"The perceptual loss needs a trained network: put {VGG19_FILES[1]} (VGG19, from {VGG19_PAGE}) or "
        f"{squeezenet.file} ({squeezenet.about}) into the folder that $REFOCAL_WEIGHTS names or into {cache_folder()}."
    )


def _find(file: str) -> Path | None:
    folders = [cache_folder()]
    if os.environ.get("REFOCAL_WEIGHTS"):
        folders.insert(0, Path(os.environ["REFOCAL_WEIGHTS"]).expanduser())
    return next((folder / file for folder in folders if (folder / file).is_file()), None)


def _open(weights: str | Path) -> Features:
    state = _read(weights)
    if "features.3.squeeze.weight" in state:
        return SqueezeNetFeatures(
            perceptual.load_network(str(weights), None, "squeeze", torch.float32, torch.device("cpu"))
        )
    # VGG16 is equal up to conv3_3, and has a convolution where VGG19 has a ReLU.
    if "features.17.weight" not in state:
        try:
            return VGG19Features(state)
        except (AttributeError, KeyError, RuntimeError):  # not tensors; missing ones; other shapes
            pass
    raise InputError(
        f"The weights file {weights} holds neither VGG19 nor LPIPS's SqueezeNet, with torchvision's names."
    )


def _read(weights: str | Path) -> dict[str, Tensor]:
    path = Path(weights).expanduser()
    try:
        if path.suffix != ".pth":
            return load_file(locate(weights))
        if not path.is_file():
            raise InputError(f"There is no weights file {weights}.")
        state = torch.load(path, map_location="cpu", weights_only=True)  # an unrestricted pickle could run code
    except (SafetensorError, UnpicklingError, EOFError, RuntimeError) as error:
        first = str(error).partition("\n")[0]
        raise InputError(f"The weights file {weights} can't be read: {first}") from None
    return state if isinstance(state, dict) else {}
