"""The default model: one pass of a network restores the photo and tells how blurred each pixel was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from refocal.images.colour import with_luma
from refocal.inference.focus import look, open_focus
from refocal.inference.network_file import NetworkFile
from refocal.optics.arrays import as_like, to_numpy
from refocal.types import Array, Blur, Encoding, Image, InputError

# What is less blurred than half a pixel is in focus to the eye, and stays as it is; from a whole pixel on all is done.
FOCUS_PX, BLURRED_PX = 0.5, 1.0
# A real lens bears out less of what the network does than the lenses that it learned from, the more so the larger the
# radius: on pixel4_dp and lytro_pairs half of the change is best from 8 px on (docs/log.md).
SURE_PX, UNSURE_PX, UNSURE_SHARE = 3.0, 8.0, 0.5
# The network learned radii up to 15 px; so strong a blur in a photo is bokeh that somebody wanted.
BOKEH_PX, FAR_BOKEH_PX = 12.0, 15.0


@dataclass(frozen=True)
class Focus:
    """What the network makes of the photo's luma; it needs no blur, and tells the one that it saw.

    Where the network finds a radius under 0.5 px the photo is in focus and doesn't change; from there to 1 px the share
    of the change that is made rises in proportion. From 3 px on a part is held back, half of it at 8 px, since there
    the network is surer than right. Where the radius is 12 px the change begins to fade, and from 15 px on the photo
    doesn't change either, unless ``bokeh`` is to be restored.

    The photo is taken as it is, not as linear light: so the network was trained. The change of luma is added to the
    three channels of a colour photo, which keeps its chroma. The network is convolutions alone, so tiles agree with the
    whole. Torch tensors are restored on the CPU, without a gradient.

    Attributes:
        weights: A name from ``refocal.weights.WEIGHTS``, or an .onnx file that ``refocal export`` wrote.
        threads: How many run the network; 0 takes the cores that this process may use.
        bokeh: Whether blur of more than 12 to 15 px is ``kept``, as it is mostly wanted, or ``restored`` as far as it
            goes.

    Raises:
        ValueError: If ``threads`` is negative, or ``bokeh`` neither of the two.
    """

    weights: str = "default"
    threads: int = 0
    bokeh: Literal["kept", "restored"] = "kept"
    encoding: ClassVar[Encoding] = "srgb"

    def __post_init__(self) -> None:
        if self.bokeh not in ("kept", "restored"):
            raise ValueError(f"Bokeh is kept or restored, not {self.bokeh!r}.")
        if self.threads < 0:
            raise ValueError(f"Give a number of threads of at least 0, not {self.threads}.")

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:  # noqa: ARG002 (the contract's second word)
        """Restore (..., 1 or 3, H, W) in [0, 1].

        Raises:
            InputError: If there are no such weights, they are another kind of network's, or the image has other
                channels.
        """
        return self.restore_and_map(image)[0]

    def restore_and_map(self, image: Image) -> tuple[Image, Array, Array]:
        """Restore, and tell the blur that was found, all from one pass.

        Args:
            image: (..., 1 or 3, H, W) in [0, 1].

        Returns:
            The restored image; the radius in pixels, and the probability that it is right within half a pixel or a
            quarter of itself, (..., H, W) each.

        Raises:
            InputError: As when called.
        """
        if image.shape[-3] not in (1, 3):
            raise InputError(f"Give the default model an image of 1 or 3 channels, not {image.shape[-3]}.")
        file, photo = self._file(), to_numpy(image)
        found, radius_px, confidence = look(photo, file)
        share = self._share(radius_px)[..., None, :, :]
        restored = np.clip(with_luma(photo, lambda grey: grey + share * (found - grey)), 0, 1)
        return as_like(restored, image), as_like(radius_px, image), as_like(confidence, image)

    def context_px(self, half_px: int) -> int:  # noqa: ARG002 (the contract's word)
        """How far the result depends on the input: as the network's file says."""
        return self._file().context_px

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
        return open_focus(self.weights, self.threads)

    def _share(self, radius_px: Array) -> Array:
        """How much of the change is made, 0 to 1."""
        share = _rising(radius_px, FOCUS_PX, BLURRED_PX)
        share = share * (1 - (1 - UNSURE_SHARE) * _rising(radius_px, SURE_PX, UNSURE_PX))
        return share if self.bokeh == "restored" else share * (1 - _rising(radius_px, BOKEH_PX, FAR_BOKEH_PX))


def _rising(value: Array, low: float, high: float) -> Array:
    """0 up to ``low``, 1 from ``high`` on, in proportion between."""
    return np.clip((value - low) / (high - low), 0, 1)
