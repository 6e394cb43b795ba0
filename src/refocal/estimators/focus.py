"""The blur map that the default model predicts: radius and confidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from refocal.estimators.common import check_image
from refocal.images.tiles import Region
from refocal.inference.focus import open_focus, predict
from refocal.inference.network_file import NetworkFile
from refocal.inference.survey import merged, take_survey
from refocal.inference.tiled import in_tiles
from refocal.optics.blur import BlurMap
from refocal.types import Array, Image


@dataclass(frozen=True)
class FocusMap:
    """The map of the method ``Focus`` without its restored photo, in tiles where the photo is large.

    The confidence is the predicted probability that the radius is right within half a pixel or a quarter of itself.
    Radii above 6 to 8 px come from a survey of the photo at a quarter of its size, which reads up to about 35 px; where
    nothing shows the blur, as on a plain surface, the radius comes from the surroundings and the confidence is low.

    Attributes:
        weights: A name from ``refocal.weights.WEIGHTS``, or an .onnx file that ``refocal export`` wrote.
        threads: Number of CPU threads; 0 takes the cores that this process may use.
        tile_px: Side of the tiles in pixels; 0 chooses it from the free memory.

    Raises:
        ValueError: If ``threads`` or ``tile_px`` is negative.
    """

    weights: str = "default"
    threads: int = 0
    tile_px: int = 0

    def __post_init__(self) -> None:
        if self.threads < 0 or self.tile_px < 0:
            raise ValueError(f"Give threads and tile_px of at least 0, not {self.threads} and {self.tile_px}.")

    def __call__(self, image: Image) -> BlurMap:
        """Estimate the blur of ``image`` (1 or 3, H, W), range [0, 1].

        Returns:
            Radius of the disk in pixels and confidence, (H, W) float32 each; 0 for a photo with a side below 5 px.

        Raises:
            InputError: If there are no such weights, they are another kind of network's, or it is no image.
        """
        check_image(image)
        file = self.network

        survey = take_survey(image, file, self.tile_px)

        def run(_: Array, region: Region) -> Array:
            near = predict(region.crop(image), file)[1:]
            return np.stack(near if survey is None else merged(near, survey.at(region.rows, region.columns)))

        # The network returns two planes for any number of channels: the tiles are laid out on two that take no memory.
        planes = np.broadcast_to(np.float32(0), (2, *image.shape[1:]))
        radius_px, confidence = in_tiles(run, planes, file.tiling, self.tile_px)
        return BlurMap(radius_px, confidence=confidence)

    @property
    def network(self) -> NetworkFile:
        """The network, opened.

        Raises:
            InputError: If there are no such weights, or they are another kind of network's.
        """
        return open_focus(self.weights, self.threads)
