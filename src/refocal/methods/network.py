"""Any trained network of ours, run from its ONNX file by ONNX Runtime: no torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from refocal.images.colour import luma
from refocal.inference.network_file import NetworkFile, open_network
from refocal.optics.arrays import as_like, to_numpy
from refocal.types import Array, Blur, Image, InputError


@dataclass(frozen=True)
class Network:
    """What the network makes of the photo, clipped to [0, 1]; knows nothing of the blur but what it learned.

    A network for luma restores a colour photo's luma and keeps its chroma: the change of luma is added to all three
    channels. A network for colour is given a grey photo three times, and the luma of what it makes is taken. Torch
    tensors are restored on the CPU, without a gradient.

    Attributes:
        weights: A name from ``refocal.weights.WEIGHTS``, or an .onnx file that ``refocal export`` wrote.
        threads: How many run it; 0 takes the cores that this process may use.

    Raises:
        ValueError: If ``threads`` is negative.
    """

    weights: str = "sharpness-unet-beta-0.01"
    threads: int = 0

    def __post_init__(self) -> None:
        if self.threads < 0:
            raise ValueError(f"Give a number of threads of at least 0, not {self.threads}.")

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:  # noqa: ARG002 (the contract's second word)
        """Restore (..., 1 or 3, H, W) in [0, 1].

        Raises:
            InputError: If there is no such network, it needs more than the photo, or the image has other channels.
        """
        file = self._file()
        if len(file.inputs) != 1:
            raise InputError(
                f"The network {file.name!r} takes {' and '.join(file.inputs)}: it can't be run on a photo alone."
            )
        if image.shape[-3] not in (1, 3):
            raise InputError(f"Give the network an image of 1 or 3 channels, not {image.shape[-3]}.")
        restored = _restored(to_numpy(image), file)
        return as_like(np.clip(restored, 0, 1), image)

    def context_px(self, half_px: int) -> int:  # noqa: ARG002 (the contract's word)
        """How far the result depends on the input: as the network's file says."""
        return self._file().context_px

    @property
    def multiple(self) -> int:
        """Tiles must begin at multiples of this, to lie on the grid of the whole photo."""
        return self._file().multiple

    @property
    def working_bytes(self) -> int:
        """What the network holds at once per pixel of a tile, all channels together."""
        return self._file().working_bytes

    @property
    def weights_sha256(self) -> str:
        """Which weights: for rows of results."""
        return self._file().weights_sha256

    def _file(self) -> NetworkFile:
        return open_network(self.weights, self.threads)


def _restored(image: Array, file: NetworkFile) -> Array:
    """(..., C, H, W), not clipped."""
    if file.channels == "rgb":
        colour = np.broadcast_to(image, (*image.shape[:-3], 3, *image.shape[-2:]))
        restored = _run(colour, file)
        return restored if image.shape[-3] == 3 else luma(restored)
    grey = luma(image)
    return image + (_run(grey, file) - grey)


def _run(image: Array, file: NetworkFile) -> Array:
    """The network's first output for any number of leading axes."""
    (batch, *_) = file.run(image.reshape(-1, *image.shape[-3:]).astype(np.float32))
    return batch.reshape(*image.shape[:-3], *batch.shape[-3:])
