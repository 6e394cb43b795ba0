"""DefocusGAN: a network that restores one photo; blur maps guide it in training only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from refocal.images.colour import with_luma
from refocal.inference.network_file import NetworkFile, check_channels, check_threads, open_network
from refocal.methods.network import run_in_colour
from refocal.optics.arrays import as_like, to_numpy
from refocal.types import Array, Blur, Encoding, Image, InputError, Needs, Tiling

MARGIN_PX = 32
"""Margin by which the photo is extended by reflection, as the network's zero padding looks unlike any photo; a multiple
of 16, the network's grid."""


@dataclass(frozen=True)
class DefocusGAN:
    """The network's output for the photo, in (0, 1); it needs no blur, as the guidance by maps ends with the training.

    The network was trained on sRGB values, not on linear light. It gets the luma, three times; the change of luma is
    added to the three channels of a colour photo, which keeps its chroma. The paper gives it the colours, as
    ``colours="network"`` does.

    Its channel attention weights the features by their means over the whole input, so a photo restored in tiles, as
    large ones are, differs a little from one restored whole. Torch tensors are restored on the CPU, without a gradient.

    Reference: Zhai, Zeng, Ma, Zhao and Chen, "Learnable blur kernel for single-image defocus deblurring in the wild",
    AAAI 2023.

    Attributes:
        weights: A name from ``refocal.weights.WEIGHTS``, or an .onnx file that ``refocal export`` wrote.
        threads: Number of CPU threads; 0 takes the cores that this process may use.
        colours: ``kept`` keeps the photo's chroma; ``network`` restores colours too, as in the paper.

    Raises:
        ValueError: If ``threads`` is negative, or ``colours`` neither of the two.
    """

    needs: ClassVar[Needs] = ""
    encoding: ClassVar[Encoding] = "srgb"

    weights: str = "defocusgan"
    threads: int = 0
    colours: Literal["kept", "network"] = "kept"

    def __post_init__(self) -> None:
        check_threads(self.threads)
        if self.colours not in ("kept", "network"):
            raise ValueError(f"The colours are kept or the network's, not {self.colours!r}.")

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:
        """Restore (..., 1 or 3, H, W) in [0, 1].

        Raises:
            InputError: If there are no such weights, they are another kind of network's, or the image has other
                channels.
        """
        check_channels(image, "DefocusGAN")
        photo, file = to_numpy(image), self.network

        def restored(part: Array) -> Array:
            return np.clip(run_in_colour(part, file, margin_px=MARGIN_PX), 0, 1)

        return as_like(
            np.clip(restored(photo) if self.colours == "network" else with_luma(photo, restored), 0, 1), image
        )

    def tiling(self, half_px: int) -> Tiling:
        """The tiling of the network, apart from the means of its channel attention."""
        return self.network.tiling

    @property
    def network(self) -> NetworkFile:
        """The network, opened.

        Raises:
            InputError: If there are no such weights, or they are another kind of network's.
        """
        file = open_network(self.weights, self.threads)
        if (file.inputs, file.outputs[0], file.channels) != (("blurred",), "restored", "rgb"):
            raise InputError(f"The weights {self.weights} are those of {file.network!r}: give those of a DefocusGAN.")
        return file
