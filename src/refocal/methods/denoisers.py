"""Denoisers for methods that use one as their prior: a median, a trained network, or one's own function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from array_api_compat import array_namespace

from refocal.inference.network_file import NetworkFile, open_network
from refocal.optics.arrays import as_like, to_numpy
from refocal.optics.boundary import pad
from refocal.types import Array, Image, InputError

Denoiser: TypeAlias = Callable[[Image, float], Image]
"""f(image, noise_std): the picture (..., C, H, W) in [0, 1] without its noise of that standard deviation, in the same
unit.

It takes care of the picture's edges itself. As attributes it may tell what a method tells: ``context_px``, a number (by
default 0), ``multiple`` and ``working_bytes``.
"""

if TYPE_CHECKING:
    DenoiserOption: TypeAlias = str | Denoiser
else:
    DenoiserOption = str  # of the two, the one that a command line can say

SHIPPED = "denoiser-small"
"""The weights that the word ``network`` stands for."""

TRAINED_STD = 5 / 255
"""Noise that a network was trained for, unless its file tells another under ``refocal.noise_std``: the shipped
one's."""


def open_denoiser(option: DenoiserOption) -> Denoiser:
    """What an option names: ``"median"``, ``"network"`` or the path of an .onnx file; a function is given back as it
    is.

    Raises:
        InputError: If there is no such denoiser, or the file holds none.
    """
    if not isinstance(option, str):
        return option
    if option == "median":
        return median
    if option != "network" and not option.endswith(".onnx"):
        raise InputError(f"There is no denoiser {option!r}: choose median, network or the path of an .onnx file.")
    file = open_network(SHIPPED if option == "network" else option)
    if len(file.inputs) != 1 or file.channels != "luma":
        raise InputError(
            f"The network {file.name!r} is no denoiser: one takes a picture of one channel and nothing else."
        )
    trained_std = file.session.get_modelmeta().custom_metadata_map.get("refocal.noise_std", TRAINED_STD)
    return NetworkDenoiser(file, float(trained_std))


def median(image: Image, noise_std: float = 0.0) -> Image:  # noqa: ARG001 (a median has no strength)
    """The median of 3x3 pixels, (..., H, W) of any float dtype to the same; edges are continued by mirroring.

    Every column of three is sorted once, for all three medians it takes part in. The median of the nine is then that of
    three: the greatest of the columns' least, the middle of their middle, the least of their greatest.
    """
    xp = array_namespace(image)
    height, width = image.shape[-2:]
    padded = pad(image, (1, 1), "mirror")
    above, here, below = (padded[..., i : i + height, :] for i in range(3))
    low, high = xp.minimum(above, here), xp.maximum(above, here)
    lower, upper = xp.minimum(high, below), xp.maximum(high, below)
    least, middle = xp.minimum(low, lower), xp.maximum(low, lower)

    def columns(of: Array) -> list[Array]:
        return [of[..., j : j + width] for j in range(3)]

    a, b, c = columns(least)
    d, e, f = columns(upper)
    return _middle(
        xp.maximum(xp.maximum(a, b), c),
        _middle(*columns(middle)),
        xp.minimum(xp.minimum(d, e), f),
    )


def _middle(a: Array, b: Array, c: Array) -> Array:
    xp = array_namespace(a)
    return xp.maximum(xp.minimum(a, b), xp.minimum(xp.maximum(a, b), c))


@dataclass(frozen=True, eq=False)
class NetworkDenoiser:
    """A network f0, trained for noise of one strength s0, made to serve any s: f(x) = (s/s0) f0((s0/s) x).

    An iteration that asks a network again and again may grow stripes which the network takes for texture, and does so
    the sooner the better it knows texture. They hang on how the picture lies: shown under another of the square's eight
    symmetries each time, they don't grow, and what is restored gains about 1 dB.

    References: the program of Romano, Elad, Milanfar, "The little engine that could: Regularization by denoising
        (RED)",
    SIAM Journal on Imaging Sciences 2017, where s0 is 5/255 too; Terris, Moreau, Pustelnik, Tachella, "Equivariant
    plug-and-play image reconstruction", CVPR 2024.

    Attributes:
        file: The network, for pictures of one channel; each channel goes through it by itself.
        trained_std: s0.
    """

    file: NetworkFile
    trained_std: float

    def __call__(self, image: Image, noise_std: float, turn: int = 0) -> Image:
        """Denoise (..., H, W) on the CPU.

        Args:
            image: Of any float dtype.
            noise_std: The noise's standard deviation s, above 0.
            turn: How the network sees the picture: turned by so many right angles, and mirrored from 4 on; the same
                again from 8 on.
        """
        array = to_numpy(image)
        scale = np.float32(self.trained_std / noise_std)
        height, width = image.shape[-2:]
        rows, columns = -height % self.multiple, -width % self.multiple
        # Grown before it is turned, at the end: so the network's grid stays where it lies on the whole photo.
        planes = pad(array.astype(np.float32), (rows, columns), "mirror")[..., rows:, columns:]
        # One by one: the network holds hundreds of bytes per pixel.
        restored = np.stack([self._seen(scale * plane, turn) for plane in planes.reshape(-1, *planes.shape[-2:])])
        return as_like((restored[..., :height, :width] / scale).reshape(image.shape), image)

    def _seen(self, plane: Array, turn: int) -> Array:
        """Run the network on a plane (H, W) as it sees it, and turn the result back."""
        mirror = slice(None, None, -1 if turn % 8 >= 4 else 1)
        seen = np.rot90(plane, turn)[:, mirror]
        return np.rot90(self.file.run(seen[None, None])[0][0, 0, :, mirror], -turn)

    @property
    def context_px(self) -> int:
        """How far away a pixel matters to one call."""
        return self.file.context_px

    @property
    def multiple(self) -> int:
        """Of the grid that tiles must begin on."""
        return self.file.multiple

    @property
    def working_bytes(self) -> int:
        """What one call holds per pixel."""
        return self.file.working_bytes
