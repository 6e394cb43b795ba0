"""LPIPS v0.1: distance in the features of a classification network; needs the extra ``refocal[learn]``."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from refocal.metrics.inputs import check_pair
from refocal.types import Array, Image, InputError
from refocal.weights import WEIGHTS, locate

# Mean and standard deviation of the training images, on the scale [-1, 1] (LPIPS v0.1's scaling layer).
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
MIN_SIDE_PX = {"squeeze": 17, "alex": 31, "vgg": 16}  # below, a pooling layer has no output


def lpips(
    restored: Image,
    sharp: Image,
    net: Literal["squeeze", "alex", "vgg"] = "squeeze",
    weights: str | Path | None = None,
    sha256: str | None = None,
) -> Array:
    """Learned perceptual distance, one number per image: 0 for identical images, higher is worse.

    With unit-length features y_l (over channels) after layer l and the learned weights w_l >= 0::

        d(x, x0) = sum_l 1/(H_l W_l) sum_hw || w_l * (y_l - y0_l) ||_2^2      (eq. 1; the weights file holds w_l^2)

    Numbers of different networks can't be compared: the DPDD literature mostly uses ``alex``, BaMBNet and DefocusGAN
    ``squeeze``.

    Reference: Zhang, Isola, Efros, Shechtman and Wang, "The Unreasonable Effectiveness of Deep Features as a Perceptual
    Metric", CVPR 2018; version 0.1 of the weights.

    Args:
        restored: (..., 1 or 3, H, W), float32 or float64, in [0, 1]; one channel is repeated three times.
        sharp: The reference, same shape.
        net: ``"squeeze"`` (SqueezeNet 1.1), ``"alex"`` (AlexNet) or ``"vgg"`` (VGG16).
        weights: A .safetensors file or https address with torchvision's ``features.*`` and LPIPS's
            ``lin*.model.1.weight``; None looks for the known file (see ``refocal.weights.locate``).
        sha256: Checksum of that file; required for an address.

    Returns:
        (...): NumPy for NumPy, a differentiable tensor for tensors, in the images' dtype and on their device.

    Raises:
        InputError: If torch or the weights are missing, or the images, the net or the file don't fit.
    """
    check_pair(restored, sharp)
    if net not in _FEATURES:
        raise InputError(f"LPIPS has the nets {', '.join(map(repr, _FEATURES))}, not {net!r}.")
    if restored.shape[-3] not in (1, 3):
        raise InputError(f"LPIPS compares images of 1 or 3 channels, not {restored.shape[-3]}.")
    if min(restored.shape[-2:]) < MIN_SIDE_PX[net]:
        raise InputError(f"LPIPS with {net!r} needs images of at least {MIN_SIDE_PX[net]} px a side.")
    try:
        import safetensors  # noqa: F401
        import torch
    except ImportError:
        raise InputError("LPIPS needs torch and safetensors: pip install 'refocal[learn]'.") from None

    if isinstance(restored, np.ndarray):
        with torch.no_grad():
            # torch.tensor copies, so that read-only and flipped arrays work
            first, second = (torch.tensor(np.ascontiguousarray(image)) for image in (restored, sharp))
            return lpips(first, second, net, weights, sha256).numpy()

    state = load_network(str(weights or f"lpips-{net}"), sha256, net, restored.dtype, restored.device)
    shift, scale = (restored.new_tensor(value).reshape(3, 1, 1) for value in (SHIFT, SCALE))
    batches = (image.expand(*image.shape[:-3], 3, *image.shape[-2:]) for image in (restored, sharp))
    scaled = ((2 * batch.reshape(-1, *batch.shape[-3:]) - 1 - shift) / scale for batch in batches)
    pairs = zip(*(_FEATURES[net](batch, state) for batch in scaled), strict=True)
    distance: Any = 0.0
    for layer, (a, b) in enumerate(pairs):
        squared = (_unit(a) - _unit(b)) ** 2
        head = state[f"lin{layer}.model.1.weight"]
        distance = distance + torch.nn.functional.conv2d(squared, head).mean(dim=(1, 2, 3))
    return distance.reshape(restored.shape[:-3])


def _unit(features: Any) -> Any:
    """Scale the feature vector at each position to length 1."""
    # The gradient of a norm is infinite at 0 (all features off, as on black); the small constant keeps it finite.
    norm = ((features**2).sum(dim=1, keepdim=True) + 1e-24) ** 0.5
    return features / (norm + 1e-10)  # 1e-10: LPIPS v0.1


def squeezenet(image: Any, state: dict[str, Any]) -> list[Any]:
    """SqueezeNet 1.1 (Iandola et al. 2016): the first ReLU, then after fire modules 4, 7, 9, 10, 11 and 12."""
    from torch.nn.functional import max_pool2d

    image = _conv(image, state, "features.0", stride=2)
    taps = [image]
    for block in ((3, 4), (6, 7), (9,), (10,), (11,), (12,)):
        if block[0] <= 9:
            image = max_pool2d(image, 3, 2, ceil_mode=True)
        for fire in block:
            image = _fire(image, state, f"features.{fire}")
        taps.append(image)
    return taps


def _fire(image: Any, state: dict[str, Any], key: str) -> Any:
    """Squeeze the channels, then expand them by parallel 1x1 and 3x3 convolutions."""
    import torch

    image = _conv(image, state, f"{key}.squeeze")
    wide = (_conv(image, state, f"{key}.expand1x1"), _conv(image, state, f"{key}.expand3x3", padding=1))
    return torch.cat(wide, dim=1)


def _alexnet(image: Any, state: dict[str, Any]) -> list[Any]:
    """AlexNet as in torchvision (Krizhevsky 2014): after each of the five ReLUs."""
    from torch.nn.functional import max_pool2d

    taps = []
    for index, stride, padding in ((0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1)):
        if index in (3, 6):
            image = max_pool2d(image, 3, 2)
        image = _conv(image, state, f"features.{index}", stride, padding)
        taps.append(image)
    return taps


def _vgg16(image: Any, state: dict[str, Any]) -> list[Any]:
    """VGG16 (Simonyan and Zisserman 2015): relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3."""
    from torch.nn.functional import max_pool2d

    taps = []
    for block in ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)):
        if block[0] > 0:
            image = max_pool2d(image, 2, 2)
        for index in block:
            image = _conv(image, state, f"features.{index}", padding=1)
        taps.append(image)
    return taps


_FEATURES = {"squeeze": squeezenet, "alex": _alexnet, "vgg": _vgg16}


def _conv(image: Any, state: dict[str, Any], key: str, stride: int = 1, padding: int = 0) -> Any:
    """Convolution and ReLU."""
    from torch.nn.functional import conv2d, relu

    return relu(conv2d(image, state[f"{key}.weight"], state[f"{key}.bias"], stride, padding))


@lru_cache(maxsize=4)  # data sets are measured image by image: the file is read, checked and moved once
def load_network(weights: str, sha256: str | None, net: str, dtype: Any, device: Any) -> dict[str, Any]:
    """Read a weights file into ``dtype`` on ``device``, and check it by a forward pass.

    Raises:
        InputError: If the file can't be read, or isn't LPIPS v0.1 of ``net``.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if weights == f"lpips-{net}" and weights not in WEIGHTS:
        raise InputError(
            f"No weights for LPIPS's {net!r} are known: give a .safetensors file as the argument 'weights'."
        )
    path = locate(weights, sha256)
    try:
        state = {key: value.float() for key, value in load_file(path).items()}
        with torch.no_grad():
            taps = _FEATURES[net](torch.zeros(1, 3, 64, 64), state)
        fits = all(state[f"lin{i}.model.1.weight"].shape == (1, tap.shape[1], 1, 1) for i, tap in enumerate(taps))
    except SafetensorError as error:
        raise InputError(f"The weights file {path} can't be read as safetensors: {error}.") from None
    except (KeyError, RuntimeError):
        fits = False
    if not fits:
        raise InputError(f"The weights file {path} doesn't hold LPIPS v0.1 for the net {net!r}.")
    return {key: value.to(device, dtype) for key, value in state.items()}
