"""Any of refocal's restoration networks, run from its ONNX file by ONNX Runtime, without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from refocal.images.colour import luma, with_luma
from refocal.inference.network_file import NetworkFile, check_channels, check_threads, open_network
from refocal.optics.arrays import as_like, to_numpy
from refocal.types import Array, Blur, Image, InputError, Needs, Tiling


@dataclass(frozen=True)
class Network:
    """The network's output for the photo alone, clipped to [0, 1]; the blur is what it was trained on.

    A network for luma restores the luma of a colour photo; its change is added to all three channels, which keeps the
    chroma. A network for colour gets a grey photo three times, and the luma of its output is returned. Torch tensors
    are restored on the CPU, without a gradient.

    Attributes:
        weights: A name from ``refocal.weights.WEIGHTS``, or an .onnx file that ``refocal export`` wrote.
        threads: Number of CPU threads; 0 takes the cores that this process may use.

    Raises:
        ValueError: If ``threads`` is negative.
    """

    needs: ClassVar[Needs] = ""

    weights: str = "sharpness-unet-beta-0.01"
    threads: int = 0

    def __post_init__(self) -> None:
        check_threads(self.threads)

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:
        """Restore (..., 1 or 3, H, W) in [0, 1].

        Raises:
            InputError: If there is no such network, it needs more than the photo, or the image has other channels.
        """
        file = self.network
        if len(file.inputs) != 1:
            raise InputError(
                f"The network {file.name!r} takes {' and '.join(file.inputs)}: it can't be run on a photo alone."
            )
        check_channels(image, "the network")
        photo = to_numpy(image)
        if file.channels == "rgb":
            restored = run_in_colour(photo, file)
        else:
            restored = with_luma(photo, lambda grey: file.run(grey)[0])
        return as_like(np.clip(restored, 0, 1), image)

    def tiling(self, half_px: int) -> Tiling:
        """The tiling of the network."""
        return self.network.tiling

    @property
    def network(self) -> NetworkFile:
        """The network, opened."""
        return open_network(self.weights, self.threads)


def run_in_colour(photo: Array, file: NetworkFile, *more: Array, margin_px: int = 0) -> Array:
    """Run a network for colour on a colour or a grey photo.

    Args:
        photo: (..., 1 or 3, H, W); a grey photo is repeated to three channels.
        file: The network.
        more: Further inputs (..., C, H, W), as for ``NetworkFile.run``.
        margin_px: As for ``NetworkFile.run``.

    Returns:
        (..., 1 or 3, H, W), not clipped; for a grey photo the luma of the network's output.
    """
    colour = np.broadcast_to(photo, (*photo.shape[:-3], 3, *photo.shape[-2:]))
    restored = file.run(colour, *more, margin_px=margin_px)[0]
    return restored if photo.shape[-3] == 3 else luma(restored)
