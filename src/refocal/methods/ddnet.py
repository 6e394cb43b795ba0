"""DDNet: a network restores the null space of a known blur, and the blurred photo determines the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from refocal.images.colour import with_luma
from refocal.inference.network_file import NetworkFile, check_channels, check_threads, open_network
from refocal.methods.levels import MAX_CONTEXT_PX
from refocal.optics.arrays import as_like, to_numpy
from refocal.optics.blur import Psf
from refocal.optics.null_space import deconvolve, filter_pixels, project
from refocal.types import Array, Blur, Image, InputError, Needs, Tiling


@dataclass(frozen=True)
class DDNet:
    """``filter_pixels(f - A+ A f + A+ y, filters)``; the network predicts f and the filters from y and A+ y.

    The luma is restored; its change is added to the three channels of a colour photo, which keeps its chroma. Torch
    tensors are restored on the CPU, without a gradient.

    Reference: Lopez-Tapia, Mateos, Molina, Katsaggelos, "Deep robust image restoration using the Moore-Penrose blur
    inverse", IEEE ICIP 2023; its second network, for chroma, is left out, as sharpness_loss compares luma only.

    Attributes:
        weights: An .onnx file that ``refocal export`` wrote; none is shipped.
        threads: Number of CPU threads; 0 takes the cores that this process may use.

    Raises:
        ValueError: If ``threads`` is negative.
    """

    needs: ClassVar[Needs] = "psf"

    weights: str = "ddnet"
    threads: int = 0

    def __post_init__(self) -> None:
        check_threads(self.threads)

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:
        """Restore (..., 1 or 3, H, W) in [0, 1] under a ``Psf``.

        Raises:
            InputError: If the blur is no ``Psf``, the weights are another network's, or the image has other channels.
        """
        if not isinstance(blur, Psf):
            raise InputError("DDNet needs one kernel for the whole photo: give a radius (--radius-px) or a Psf.")
        check_channels(image, "DDNet")
        photo, kernel = to_numpy(image), blur.kernel
        if tuple(kernel.shape) == (1, 1):
            restored = photo / float(kernel[0, 0])
        else:
            restored = with_luma(photo, lambda grey: _restored(grey, kernel, self.network))
        return as_like(np.clip(restored, 0, 1), image)

    def tiling(self, half_px: int) -> Tiling:
        """Context beyond which an input changes the output by less than 1e-3; A+ is applied twice."""
        inverse = 12 * half_px + 16  # measured for disks of 2 to 16 px
        tiling = self.network.tiling
        context_px = min(2 * inverse, MAX_CONTEXT_PX) + tiling.context_px + 2
        return Tiling(context_px, tiling.multiple, tiling.bytes_per_pixel)

    @property
    def network(self) -> NetworkFile:
        """The network, opened.

        Raises:
            InputError: If there are no such weights, or they are another network's.
        """
        if not self.weights.endswith(".onnx"):
            raise InputError(
                f"There are no weights {self.weights!r} in this version: train them with refocal train ddnet, turn the "
                "checkpoint into an .onnx file with refocal export, and name that file (--weights FILE.onnx)."
            )
        file = open_network(self.weights, self.threads)
        if file.inputs != ("blurred", "deconvolved") or file.channels != "luma":
            raise InputError(f"The weights {self.weights} are those of {file.network!r}: give a luma network of DDNet.")
        return file


def _restored(blurred: Array, kernel: Array, file: NetworkFile) -> Array:
    """Luma (..., 1, H, W), not clipped; in its own dtype except for the network, which runs in float32."""
    deconvolved = deconvolve(blurred, kernel)
    estimate, filters = file.run(blurred, deconvolved)
    return filter_pixels(project(estimate.astype(blurred.dtype), deconvolved, kernel), filters.astype(blurred.dtype))
