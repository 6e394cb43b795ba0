"""SVBR-Net: a network conditioned on an estimated blur map and robust to its errors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from refocal.images.colour import with_luma
from refocal.inference.network_file import NetworkFile, check_channels, check_threads, open_network
from refocal.methods.network import run_in_colour
from refocal.optics.arrays import as_like, to_numpy
from refocal.optics.blur import BlurMap
from refocal.types import Array, Blur, Encoding, Image, InputError, Needs, Tiling

MARGIN_PX = 16
"""Margin by which the photo is extended by reflection. The training loss, SSIM, leaves out the outermost 5 px, so the
network never learned to restore the edge (two to three times the error). A multiple of 4, the network's grid."""


@dataclass(frozen=True)
class SVBRNet:
    """The network's output, in (0, 1), for the photo and its blur map.

    The network was trained on sRGB values, not on linear light. It gets the luma, three times; the change of luma is
    added to the three channels of a colour photo, which keeps its chroma. The paper gives it the colours, as
    ``colours="network"`` does; the paper's loss, 1 - SSIM, hardly depends on them, and after the short training of the
    shipped weights grass comes out brown: 2.5 dB less than with the chroma kept.

    Radii are rounded to quarters of a pixel; radii above ``max_radius_px`` count as that. Torch tensors are restored on
    the CPU, without a gradient.

    Reference: Karaali and Jung, "SVBR-Net: a non-blind spatially varying defocus blur removal network", ICIP 2022.

    Attributes:
        weights: A name from ``refocal.weights.WEIGHTS``, or an .onnx file that ``refocal export`` wrote.
        threads: Number of CPU threads; 0 takes the cores that this process may use.
        colours: ``kept`` keeps the photo's chroma; ``network`` restores colours too, as in the paper.

    Raises:
        ValueError: If ``threads`` is negative, or ``colours`` neither of the two.
    """

    needs: ClassVar[Needs] = "map"
    encoding: ClassVar[Encoding] = "srgb"

    weights: str = "svbr-net"
    threads: int = 0
    colours: Literal["kept", "network"] = "kept"

    def __post_init__(self) -> None:
        check_threads(self.threads)
        if self.colours not in ("kept", "network"):
            raise ValueError(f"The colours are kept or the network's, not {self.colours!r}.")

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:
        """Restore (..., 1 or 3, H, W) in [0, 1] under a ``BlurMap`` of (..., H, W).

        Raises:
            InputError: If the blur is no ``BlurMap`` of the image's size, the weights are another network's, or the
                image has other channels.
        """
        if not isinstance(blur, BlurMap):
            raise InputError("SVBR-Net needs the blur of every pixel: give a BlurMap, or a radius (--radius-px).")
        blur.check_size(image)
        check_channels(image, "SVBR-Net")
        photo, file = to_numpy(image), self.network
        shape = (*photo.shape[:-3], *photo.shape[-2:])
        radius_px = np.broadcast_to(to_numpy(blur.radius_px), shape)[..., None, :, :]

        def restored(part: Array) -> Array:
            return run_in_colour(part, file, radius_px, margin_px=MARGIN_PX)

        return as_like(
            np.clip(restored(photo) if self.colours == "network" else with_luma(photo, restored), 0, 1), image
        )

    def tiling(self, half_px: int) -> Tiling:
        """The tiling of the network."""
        return self.network.tiling

    @property
    def max_radius_px(self) -> float:
        """The largest radius that the network was trained on; larger ones count as this one."""
        return float(json.loads(self.network.config)["full_radius_px"])

    @property
    def network(self) -> NetworkFile:
        """The network, opened.

        Raises:
            InputError: If there are no such weights, or they are another network's.
        """
        file = open_network(self.weights, self.threads)
        if file.inputs != ("blurred", "radius_px") or file.channels != "rgb":
            raise InputError(f"The weights {self.weights} are those of {file.network!r}: give those of an SVBR-Net.")
        return file
