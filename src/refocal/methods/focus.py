"""The default model: one forward pass returns the restored photo, the blur-radius map and a confidence map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from refocal.images.colour import luma
from refocal.inference.closer_look import look_closer
from refocal.inference.focus import open_focus, predict
from refocal.inference.network_file import NetworkFile, check_channels, check_threads
from refocal.inference.survey import Survey, merged, take_survey
from refocal.methods.target import EVERYTHING, Range, choose_range, given_range
from refocal.optics.arrays import as_like, to_numpy
from refocal.propagation.chroma import with_changed_luma
from refocal.safeguards import network_weight
from refocal.types import Array, Blur, Encoding, Image, Needs, Tiling


@dataclass(frozen=True)
class Focus:
    """The network's prediction for the luma, blended with the photo by the predicted radius.

    A survey of the whole photo at a quarter of its size comes first: it reads radii beyond those that the network reads
    at full size, and decides what ``target`` means in this photo. The blend weight is then
    ``refocal.safeguards.network_weight``: 0 where the predicted radius is below 0.75 px (in focus), 1 from 1.5 to 3 px,
    falling to one half at 8 px, where the network over-sharpens, and to 0 from 10 to 14 px, which can't be undone;
    less where the confidence is below one half; times the weight of the target. The chroma follows the change of the
    luma (``refocal.propagation.chroma``).

    The network was trained on sRGB values, not on linear light. It is fully convolutional, so tiles agree with the
    whole. Torch tensors are restored on the CPU, without a gradient.

    Attributes:
        weights: A name from ``refocal.weights.WEIGHTS``, or an .onnx file that ``refocal export`` wrote.
        threads: Number of CPU threads; 0 takes the cores that this process may use.
        target: Which blur is restored: ``all``; ``subject``, only near the sharpest surface; ``auto``, up to 1.5
            to 3 px if a part of the photo is in focus, else all; or radii in pixels such as ``1..5``.
        bokeh: Earlier name: ``restored`` is the target ``all``, ``kept`` is ``auto``.

    Raises:
        ValueError: If ``threads`` is negative, or ``target`` or ``bokeh`` is none of these.
    """

    needs: ClassVar[Needs] = ""
    encoding: ClassVar[Encoding] = "srgb"

    weights: str = "default"
    threads: int = 0
    target: str = "auto"
    bokeh: Literal["kept", "restored"] | None = None

    def __post_init__(self) -> None:
        if self.bokeh not in ("kept", "restored", None):
            raise ValueError(f"Bokeh is kept or restored, not {self.bokeh!r}.")
        if self.bokeh is not None and self.target != "auto":
            raise ValueError("Give target or bokeh, not both: bokeh restored is target all.")
        given_range(self.target)
        check_threads(self.threads)

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:
        """Restore (..., 1 or 3, H, W) in [0, 1].

        Raises:
            InputError: If there are no such weights, they are another kind of network's, or the image has other
                channels.
        """
        return self.restore_and_map(image)[0]

    def restore_and_map(self, image: Image) -> tuple[Image, Array, Array]:
        """Restore the image and predict its blur.

        Args:
            image: (..., 1 or 3, H, W) in [0, 1].

        Returns:
            The restored image; the radius in pixels, and the probability that it is right within half a pixel or a
            quarter of itself, (..., H, W) each.

        Raises:
            InputError: As when called.
        """
        check_channels(image, "the default model")
        photos = to_numpy(image)
        each = [self.prepare(photo).restore_and_map(photo) for photo in photos.reshape(-1, *photos.shape[-3:])]
        restored, radius_px, confidence = (np.stack(parts) for parts in zip(*each, strict=True))
        plane = (*photos.shape[:-3], *photos.shape[-2:])
        parts = restored.reshape(photos.shape), radius_px.reshape(plane), confidence.reshape(plane)
        restored, radius_px, confidence = (as_like(part, image) for part in parts)
        return restored, radius_px, confidence

    def prepare(self, photo: Image) -> PreparedFocus:
        """Survey a whole photo (1 or 3, H, W), before its tiles are restored.

        Raises:
            InputError: As when called.
        """
        check_channels(photo, "the default model")
        file = self.network
        pixels = to_numpy(photo)
        survey = take_survey(pixels, file)
        target = "all" if self.bokeh == "restored" else self.target
        chosen, sentence = choose_range(target, survey, lambda known: look_closer(pixels, file, known))
        return PreparedFocus(file, survey, chosen, (sentence,) if sentence else ())

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


@dataclass(frozen=True, eq=False)
class PreparedFocus:
    """The network and what it needs to know of the whole photo.

    Attributes:
        file: The network.
        survey: The survey of the whole photo; None for a small one.
        chosen: The radii to restore.
        decisions: Sentences about what is restored and what is kept.
    """

    file: NetworkFile
    survey: Survey | None = None
    chosen: Range = EVERYTHING
    decisions: tuple[str, ...] = ()

    def restore_and_map(
        self, tile: Image, rows: slice = slice(None), columns: slice = slice(None)
    ) -> tuple[Image, Array, Array]:
        """Restore the part of the photo in these rows and columns, and predict its blur.

        Args:
            tile: (1 or 3, h, w) in [0, 1], a NumPy array; by default the whole photo.
            rows: Its place in the photo.
            columns: Likewise.

        Returns:
            As ``Focus.restore_and_map``.
        """
        restored, radius_px, confidence = predict(tile, self.file)
        if self.survey is not None:
            rows, columns = (
                slice(part.start or 0, (part.start or 0) + side)
                for part, side in zip((rows, columns), tile.shape[-2:], strict=True)
            )
            radius_px, confidence = merged((radius_px, confidence), self.survey.at(rows, columns))
        weight = network_weight(radius_px, confidence) * self.chosen.weight(radius_px)
        change = weight[None] * (restored - luma(tile))
        return np.clip(with_changed_luma(tile, change), 0, 1), radius_px, confidence
