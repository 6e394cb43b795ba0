"""DefocusGAN: a network that restores one photo, and was told while it learned how blurred each pixel is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from refocal.images.colour import with_luma
from refocal.inference.network_file import open_network
from refocal.methods.network import Network
from refocal.optics.arrays import as_like, to_numpy
from refocal.optics.boundary import pad
from refocal.types import Array, Blur, Encoding, Image, InputError

MARGIN_PX = 32
"""The photo is continued by its mirror image so far, as the network's own zeros beyond the edge look like no photo; a
multiple of 16, on whose grid the network lies."""


@dataclass(frozen=True)
class DefocusGAN:
    """What the network makes of the photo, in (0, 1); it needs no blur, as the guidance by maps ends with the training.

    The photo is taken as it is, not as linear light: so the network was trained. It is shown the luma, three times; the
    change of luma is added to the three channels of a colour photo, which keeps its chroma. The paper shows it the
    colours, and so does ``colours="network"``.

    Its channel attention weighs the features by their means over all it sees, so a photo restored in tiles, as large
    ones are, differs a little from one restored whole. Torch tensors are restored on the CPU, without a gradient.

    Reference: Zhai, Zeng, Ma, Zhao and Chen, "Learnable blur kernel for single-image defocus deblurring in the wild",
    AAAI 2023.

    Attributes:
        weights: A name from ``refocal.weights.WEIGHTS``, or an .onnx file that ``refocal export`` wrote.
        threads: How many run the network; 0 takes the cores that this process may use.
        colours: Whether the photo's chroma is ``kept``, or the ``network`` restores colours too, as in the paper.

    Raises:
        ValueError: If ``threads`` is negative, or ``colours`` neither of the two.
    """

    weights: str = "defocusgan"
    threads: int = 0
    colours: Literal["kept", "network"] = "kept"
    encoding: ClassVar[Encoding] = "srgb"

    def __post_init__(self) -> None:
        if self.colours not in ("kept", "network"):
            raise ValueError(f"The colours are kept or the network's, not {self.colours!r}.")
        self._network()  # refuses a negative number of threads

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:  # noqa: ARG002 (the contract's second word)
        """Restore (..., 1 or 3, H, W) in [0, 1].

        Raises:
            InputError: If there are no such weights, they are another kind of network's, or the image has other
                channels.
        """
        if image.shape[-3] not in (1, 3):
            raise InputError(f"Give DefocusGAN an image of 1 or 3 channels, not {image.shape[-3]}.")
        file = open_network(self.weights, self.threads)
        if (file.inputs, file.outputs[0], file.channels) != (("blurred",), "restored", "rgb"):
            raise InputError(f"The weights {self.weights} are those of {file.network!r}: give those of a DefocusGAN.")
        photo = to_numpy(image)
        restored = self._restored(photo) if self.colours == "network" else with_luma(photo, self._restored)
        return as_like(np.clip(restored, 0, 1), image)

    def _restored(self, photo: Array) -> Array:
        """(..., 1 or 3, H, W) to the same."""
        grown = self._network()(pad(photo, (MARGIN_PX, MARGIN_PX), "mirror"))
        return grown[..., MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]

    def context_px(self, half_px: int) -> int:
        """How far the result depends on the input, the channel attention's means aside: as the network's file says."""
        return self._network().context_px(half_px)

    @property
    def multiple(self) -> int:
        """Tiles must begin at multiples of this, to lie on the grid of the whole photo."""
        return self._network().multiple

    @property
    def working_bytes(self) -> int:
        """What the network holds at once per pixel of a tile."""
        return self._network().working_bytes

    @property
    def weights_sha256(self) -> str:
        """Which weights: for rows of results."""
        return self._network().weights_sha256

    def _network(self) -> Network:
        return Network(self.weights, self.threads)
