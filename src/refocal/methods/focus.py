"""The default model: one forward pass returns the restored photo, the blur-radius map and a confidence map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from refocal.images.colour import with_luma
from refocal.inference.focus import open_focus, predict
from refocal.inference.network_file import NetworkFile, check_channels, check_threads
from refocal.optics.arrays import as_like, to_numpy
from refocal.safeguards import network_weight
from refocal.types import Array, Blur, Encoding, Image, Needs, Tiling


@dataclass(frozen=True)
class Focus:
    """The network's prediction for the luma, blended with the photo by the radius that the network predicts.

    ``refocal.safeguards.network_weight`` is the blend weight: 0 where the predicted radius is below 0.5 px (in focus),
    1 from 1 to 3 px, falling to one half at 8 px, where the network over-sharpens, and to 0 from 12 to 15 px unless
    ``bokeh`` is restored. The change of luma is added to the three channels of a colour photo, which keeps its chroma.

    The network was trained on sRGB values, not on linear light. It is fully convolutional, so tiles agree with the
    whole. Torch tensors are restored on the CPU, without a gradient.

    Attributes:
        weights: A name from ``refocal.weights.WEIGHTS``, or an .onnx file that ``refocal export`` wrote.
        threads: Number of CPU threads; 0 takes the cores that this process may use.
        bokeh: Whether pixels with a predicted radius above 12 to 15 px are ``kept`` or ``restored``.

    Raises:
        ValueError: If ``threads`` is negative, or ``bokeh`` neither of the two.
    """

    needs: ClassVar[Needs] = ""
    encoding: ClassVar[Encoding] = "srgb"

    weights: str = "default"
    threads: int = 0
    bokeh: Literal["kept", "restored"] = "kept"

    def __post_init__(self) -> None:
        if self.bokeh not in ("kept", "restored"):
            raise ValueError(f"Bokeh is kept or restored, not {self.bokeh!r}.")
        check_threads(self.threads)

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:
        """Restore (..., 1 or 3, H, W) in [0, 1].

        Raises:
            InputError: If there are no such weights, they are another kind of network's, or the image has other channels.
        """
        return self.restore_and_map(image)[0]

    def restore_and_map(self, image: Image) -> tuple[Image, Array, Array]:
        """Restore the image and predict its blur, in one forward pass.

        Args:
            image: (..., 1 or 3, H, W) in [0, 1].

        Returns:
            The restored image; the radius in pixels, and the probability that it is right within half a pixel or a
            quarter of itself, (..., H, W) each.

        Raises:
            InputError: As when called.
        """
        check_channels(image, "the default model")
        photo = to_numpy(image)
        restored, radius_px, confidence = predict(photo, self.network)
        weight = network_weight(radius_px, self.bokeh)[..., None, :, :]
        blended = np.clip(with_luma(photo, lambda grey: grey + weight * (restored - grey)), 0, 1)
        return as_like(blended, image), as_like(radius_px, image), as_like(confidence, image)

    def tiling(self, half_px: int) -> Tiling:
        """The tiling of the network."""
        return self.network.tiling

    @property
    def network(self) -> NetworkFile:
        """The network, opened.

        Raises:
            InputError: If there are no such weights, or they are another kind of network's.
        """
        return open_focus(self.weights, self.threads)
