"""DDNet: a network fills in what a known blur wiped out, and the blurred photo says the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from refocal.images.colour import luma
from refocal.inference.network_file import NetworkFile, open_network
from refocal.methods.levels import MAX_CONTEXT_PX
from refocal.optics.arrays import as_like, to_numpy
from refocal.optics.blur import Psf
from refocal.optics.null_space import deconvolve, filter_pixels, project
from refocal.types import Array, Blur, Image, InputError


@dataclass(frozen=True)
class DDNet:
    """``filter_pixels(f - A+ A f + A+ y, filters)``, f and the filters from a network that sees y and A+ y.

    The luma is restored so; the change of luma is added to the three channels of a colour photo, which keeps its
    chroma. Torch tensors are restored on the CPU, without a gradient.

    Reference: Lopez-Tapia, Mateos, Molina, Katsaggelos, "Deep robust image restoration using the Moore-Penrose blur
    inverse", IEEE ICIP 2023; its second network, for chroma, is left out, as sharpness_loss compares luma only.

    Attributes:
        weights: A name from ``refocal.weights.WEIGHTS``, or an .onnx file that ``refocal export`` wrote.
        threads: How many run the network; 0 takes the cores that this process may use.

    Raises:
        ValueError: If ``threads`` is negative.
    """

    weights: str = "ddnet"
    threads: int = 0

    def __post_init__(self) -> None:
        if self.threads < 0:
            raise ValueError(f"Give a number of threads of at least 0, not {self.threads}.")

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:
        """Restore (..., 1 or 3, H, W) in [0, 1] under a ``Psf``.

        Raises:
            InputError: If the blur is no ``Psf``, the weights are another network's, or the image has other channels.
        """
        if not isinstance(blur, Psf):
            raise InputError(
                "DDNet needs to know the blur, one for the whole photo: give a radius (--radius-px) or a Psf."
            )
        if image.shape[-3] not in (1, 3):
            raise InputError(f"Give DDNet an image of 1 or 3 channels, not {image.shape[-3]}.")
        photo = to_numpy(image)
        if tuple(blur.kernel.shape) == (1, 1):
            restored = photo / float(blur.kernel[0, 0])
        else:
            grey = luma(photo)
            restored = photo + (_restored(grey, blur.kernel, self._file()) - grey)
        return as_like(np.clip(restored, 0, 1), image)

    def context_px(self, half_px: int) -> int:
        """How far the input matters to 1e-3, for a kernel reaching ``half_px``: A+ acts before the network and after
        it.
        """
        inverse = 12 * half_px + 16  # measured for disks of 2 to 16 px
        return min(2 * inverse, MAX_CONTEXT_PX) + self._file().context_px + 2

    @property
    def multiple(self) -> int:
        """Tiles must begin at multiples of this, to lie on the grid of the whole photo."""
        return self._file().multiple

    @property
    def working_bytes(self) -> int:
        """What the network holds at once per pixel of a tile."""
        return self._file().working_bytes

    @property
    def weights_sha256(self) -> str:
        """Which weights: for rows of results."""
        return self._file().weights_sha256

    def _file(self) -> NetworkFile:
        file = open_network(self.weights, self.threads)
        if file.inputs != ("blurred", "deconvolved") or file.channels != "luma":
            raise InputError(f"The weights {self.weights} are those of {file.network!r}: give a luma network of DDNet.")
        return file


def _restored(blurred: Array, kernel: Array, file: NetworkFile) -> Array:
    """Luma (..., 1, H, W), not clipped; in its own dtype but for the network, which runs in float32."""
    deconvolved = deconvolve(blurred, kernel)
    planes = (array.reshape(-1, *array.shape[-3:]).astype(np.float32) for array in (blurred, deconvolved))
    estimate, filters = (part.reshape(*blurred.shape[:-3], *part.shape[1:]) for part in file.run(*planes))
    return filter_pixels(project(estimate.astype(blurred.dtype), deconvolved, kernel), filters.astype(blurred.dtype))
