"""Denoisers for methods that use one as their prior: a median, a trained network, or the user's own function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from array_api_compat import array_namespace

from refocal.inference.network_file import NetworkFile, open_network
from refocal.optics.arrays import as_like, to_numpy
from refocal.optics.boundary import pad
from refocal.types import Array, Image, InputError, Tiling

Denoiser: TypeAlias = Callable[[Image, float], Image]
"""f(image, noise_std): removes noise of that standard deviation from an image (..., C, H, W) in [0, 1].

It handles the edges of the image itself. It may have an attribute ``tiling``, a ``Tiling``; by default ``Tiling(0)``.
"""

if TYPE_CHECKING:
    DenoiserOption: TypeAlias = str | Denoiser
else:
    DenoiserOption = str  # the only one of the two that the command line can give

SHIPPED = "denoiser-small"
"""Weights of the option ``network``."""

TRAINED_STD = 5 / 255
"""Noise level that the shipped network was trained for; other files state theirs under ``refocal.noise_std``."""


def open_denoiser(option: DenoiserOption) -> Denoiser:
    """The denoiser of an option: ``"median"``, ``"network"``, the path of an .onnx file, or a function itself.

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
            f"The network {file.name!r} is no denoiser, which takes an image of one channel and nothing else."
        )
    trained_std = file.session.get_modelmeta().custom_metadata_map.get("refocal.noise_std", TRAINED_STD)
    return NetworkDenoiser(file, float(trained_std))


def denoiser_tiling(denoiser: Denoiser) -> Tiling:
    """The tiling of one call of a denoiser."""
    tiling: Tiling = getattr(denoiser, "tiling", Tiling(0))
    return tiling


def median(image: Image, noise_std: float = 0.0) -> Image:  # noqa: ARG001 (a median has no strength)
    """The median of 3x3 pixels, (..., H, W) of any float dtype to the same; edges are continued by mirroring.

    Every column of three is sorted once, for all three medians that use it. The median of the nine is then that of
    three: the maximum of the columns' minima, the median of their medians, the minimum of their maxima.
    """
    xp = array_namespace(image)
    height, width = image.shape[-2:]
    padded = pad(image, (1, 1), "mirror")
    above, here, below = (padded[..., i : i + height, :] for i in range(3))
    low, high = xp.minimum(above, here), xp.maximum(above, here)
    lower, upper = xp.minimum(high, below), xp.maximum(high, below)
    lowest, middle = xp.minimum(low, lower), xp.maximum(low, lower)

    def columns(rows: Array) -> list[Array]:
        return [rows[..., j : j + width] for j in range(3)]

    a, b, c = columns(lowest)
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
    """A network f0, trained for noise of one strength s0, scaled to any s: f(x) = (s/s0) f0((s0/s) x).

    Repeated calls of a network in an iteration may amplify stripes that it takes for texture, the more so the better it
    restores texture. The stripes depend on the image's orientation: with another of the square's eight symmetries in
    each call they don't grow, and the result gains about 1 dB.

    References: the program of Romano, Elad, Milanfar, "The little engine that could: Regularization by denoising
    (RED)", SIAM Journal on Imaging Sciences 2017, where s0 is 5/255 too; Terris, Moreau, Pustelnik, Tachella,
    "Equivariant plug-and-play image reconstruction", CVPR 2024.

    Attributes:
        file: The network, for images of one channel; each channel is denoised separately.
        trained_std: s0.
    """

    file: NetworkFile
    trained_std: float

    def __call__(self, image: Image, noise_std: float, turn: int = 0) -> Image:
        """Denoise (..., H, W) on the CPU.

        Args:
            image: Of any float dtype.
            noise_std: The noise's standard deviation s, above 0.
            turn: Number of right angles by which the network's input is rotated; from 4 to 7 it is mirrored as well.
        """
        array = to_numpy(image)
        scale = np.float32(self.trained_std / noise_std)
        height, width = image.shape[-2:]
        multiple = self.tiling.multiple
        rows, columns = -height % multiple, -width % multiple
        # Padded before it is rotated, at the end, so that the network's grid keeps its place on the whole photo.
        planes = pad(array.astype(np.float32), (rows, columns), "mirror")[..., rows:, columns:]
        # One by one: the network holds hundreds of bytes per pixel.
        restored = np.stack([self._run(scale * plane, turn) for plane in planes.reshape(-1, *planes.shape[-2:])])
        return as_like((restored[..., :height, :width] / scale).reshape(image.shape), image)

    def _run(self, plane: Array, turn: int) -> Array:
        """Run the network on a rotated plane (H, W), and rotate the result back."""
        mirror = slice(None, None, -1 if turn % 8 >= 4 else 1)
        rotated = np.rot90(plane, turn)[:, mirror]
        return np.rot90(self.file.run(rotated[None, None])[0][0, 0, :, mirror], -turn)

    @property
    def tiling(self) -> Tiling:
        """The tiling of one call."""
        return self.file.tiling
