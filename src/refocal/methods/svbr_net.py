"""SVBR-Net: a network that is told how blurred each pixel is, and doesn't take it on trust."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from refocal.images.colour import luma, with_luma
from refocal.inference.network_file import NetworkFile, open_network
from refocal.optics.arrays import as_like, to_numpy
from refocal.optics.blur import BlurMap
from refocal.optics.boundary import pad
from refocal.types import Array, Blur, Encoding, Image, InputError

MARGIN_PX = 16
"""The photo is continued by its mirror image so far: SSIM leaves out the outermost 5 px, so the network never learned
to restore what lies at an edge (two to three times the error). A multiple of 4, on whose grid the network lies."""


@dataclass(frozen=True)
class SVBRNet:
    """What the network makes of the photo and its blur map, in (0, 1).

    The photo is taken as it is, not as linear light: so the network was trained. It is shown the luma, three times; the
    change of luma is added to the three channels of a colour photo, which keeps its chroma. The paper shows it the
    colours, and so does ``colours="network"``; the loss of the paper, 1 - SSIM, hardly sees them, and after the short
    training of the weights shipped here grass comes out brown: 2.5 dB less than with the chroma kept.

    Radii are rounded to quarters of a pixel; beyond ``max_radius_px`` it knows none. Torch tensors are restored on the
    CPU, without a gradient.

    Reference: Karaali and Jung, "SVBR-Net: a non-blind spatially varying defocus blur removal network", ICIP 2022.

    Attributes:
        weights: A name from ``refocal.weights.WEIGHTS``, or an .onnx file that ``refocal export`` wrote.
        threads: How many run the network; 0 takes the cores that this process may use.
        colours: Whether the photo's chroma is ``kept``, or the ``network`` restores colours too, as in the paper.

    Raises:
        ValueError: If ``threads`` is negative, or ``colours`` neither of the two.
    """

    weights: str = "svbr-net"
    threads: int = 0
    colours: Literal["kept", "network"] = "kept"
    encoding: ClassVar[Encoding] = "srgb"

    def __post_init__(self) -> None:
        if self.threads < 0:
            raise ValueError(f"Give a number of threads of at least 0, not {self.threads}.")
        if self.colours not in ("kept", "network"):
            raise ValueError(f"The colours are kept or the network's, not {self.colours!r}.")

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:
        """Restore (..., 1 or 3, H, W) in [0, 1] under a ``BlurMap`` of (..., H, W).

        Raises:
            InputError: If the blur is no ``BlurMap`` of the image's size, the weights are another network's, or the
                image has other channels.
        """
        if not isinstance(blur, BlurMap):
            raise InputError(
                "SVBR-Net needs to know the blur of every pixel: give a BlurMap, or a radius (--radius-px)."
            )
        blur.check_size(image)
        if image.shape[-3] not in (1, 3):
            raise InputError(f"Give SVBR-Net an image of 1 or 3 channels, not {image.shape[-3]}.")
        photo = to_numpy(image)
        if self.colours == "network" and photo.shape[-3] == 3:
            restored = self._restored(photo, blur)
        else:
            restored = with_luma(photo, lambda grey: luma(self._restored(grey, blur)))
        return as_like(np.clip(restored, 0, 1), image)

    def _restored(self, photo: Array, blur: BlurMap) -> Array:
        """What the network gives, (..., 3, H, W), for a photo (..., 1 or 3, H, W)."""
        shape = (*photo.shape[:-3], 3, *photo.shape[-2:])
        colour = np.broadcast_to(photo, shape).reshape(-1, *shape[-3:]).astype(np.float32)
        radius = np.broadcast_to(to_numpy(blur.radius_px), (*shape[:-3], *shape[-2:])).reshape(-1, 1, *shape[-2:])
        given = (pad(image, (MARGIN_PX, MARGIN_PX), "mirror") for image in (colour, radius.astype(np.float32)))
        inside = (..., slice(MARGIN_PX, MARGIN_PX + shape[-2]), slice(MARGIN_PX, MARGIN_PX + shape[-1]))
        return self._file().run(*given)[0][inside].reshape(shape)

    def context_px(self, half_px: int) -> int:  # noqa: ARG002 (the contract's word)
        """How far the result depends on the input: as the network's file says."""
        return self._file().context_px

    @property
    def max_radius_px(self) -> float:
        """Larger radii are taken as this one."""
        return float(json.loads(self._file().config)["full_radius_px"])

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
        if file.inputs != ("blurred", "radius_px") or file.channels != "rgb":
            raise InputError(f"The weights {self.weights} are those of {file.network!r}: give those of an SVBR-Net.")
        return file
