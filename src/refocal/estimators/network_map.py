"""The blur map of any of refocal's map networks, run from its ONNX file by ONNX Runtime, without torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from refocal.estimators.common import MIN_SIDE_PX, unknown_blur
from refocal.estimators.views import match_brightness
from refocal.images.colour import luma
from refocal.images.tiles import Region
from refocal.inference.network_file import NetworkFile, open_network
from refocal.inference.tiled import in_tiles
from refocal.optics.blur import BlurMap
from refocal.propagation.guided_filter import guided_filter
from refocal.types import Array, Image, InputError
from refocal.weights import SUFFIXES, WEIGHTS

OUTPUT = "radius_px"
"""Name of the first output of a network that estimates blur."""

OUTLINE = 0.01
"""Variance of the luma in a window above which the guided filter keeps edges (He, Sun, Tang, TPAMI 2013)."""

VIEWS = ("left", "right")
"""Inputs of a network that takes both views of a dual-pixel photo."""


@dataclass(frozen=True)
class NetworkMap:
    """The radius that the network predicts, in pixels of the photo's own size, in tiles where the photo is large.

    A network for luma gets the photo's luma, a network for colour gets a grey photo three times. A network of several
    inputs, such as the left and the right view of dual pixels, takes them stacked along the channels, in its order.

    Attributes:
        weights: A name from ``refocal.weights.WEIGHTS``, or an .onnx file that ``refocal export`` wrote.
        threads: Number of CPU threads; 0 takes the cores that this process may use.
        tile_px: Side of the tiles in pixels; 0 chooses it from the free memory.
        equalise: Whether the right of two dual-pixel views is first matched to the brightness of the left one.
        smooth: Radius of a guided filter that smooths the map, as a share of the photo's shorter side: errors on one
            surface go, edges that the photo shows stay. 0 leaves the map as it is.

    Raises:
        ValueError: If ``threads`` or ``tile_px`` is negative, or ``smooth`` isn't between 0 and 1.
    """

    weights: str = "dmenet"
    threads: int = 0
    tile_px: int = 0
    equalise: bool = True
    smooth: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.smooth <= 1:
            raise ValueError(f"Give smooth as a share of the photo's shorter side between 0 and 1, not {self.smooth}.")
        if self.threads < 0 or self.tile_px < 0:
            raise ValueError(f"Give threads and tile_px of at least 0, not {self.threads} and {self.tile_px}.")

    def __call__(self, image: Image) -> BlurMap:
        """Estimate the blur of ``image`` (1 or 3 channels for each input, H, W), range [0, 1].

        Returns:
            Radius of the disk in pixels (H, W) float32; with a confidence, 0, only where the photo is too small.

        Raises:
            InputError: If there is no such network, it estimates no blur, or the image has other channels.
        """
        file = self.network
        count = len(file.inputs)
        if image.ndim != 3 or image.shape[0] not in (count, 3 * count) or 0 in image.shape:
            channels = f"{count} or {3 * count}"
            raise InputError(
                f"The network {file.name!r} estimates blur on one image ({channels}, H, W), not {image.shape}."
            )
        height, width = image.shape[1:]
        if min(height, width) < MIN_SIDE_PX:
            return unknown_blur((height, width))
        if self.equalise and file.inputs == VIEWS:
            left, right = np.split(image, 2)
            image = np.concatenate([left, match_brightness(left, right)])

        def run(_: Array, region: Region) -> Array:
            return _radius(region.crop(image), file)

        # The network returns one plane, so the tiles are cut from one.
        radius_px = in_tiles(run, image[:1], file.tiling, self.tile_px)[0]
        if reach_px := round(self.smooth * min(height, width)):
            guide = sum(luma(view) for view in np.split(image, count)) / count
            radius_px = guided_filter(radius_px, guide, reach_px, OUTLINE)
        return BlurMap(np.maximum(radius_px, 0))

    @property
    def views(self) -> int:
        """Number of views of a photo that the network takes: 2 for a dual-pixel photo, or 1."""
        return 2 if self.network.inputs == VIEWS else 1

    @property
    def network(self) -> NetworkFile:
        """The network, opened.

        Raises:
            InputError: If there are no such weights, or the network estimates no blur.
        """
        if self.weights not in WEIGHTS and not self.weights.endswith(SUFFIXES):
            raise InputError(
                f"There are no weights {self.weights!r} in this version: train them with refocal train {self.weights}, "
                "turn the checkpoint into an .onnx file with refocal export, and name that file instead "
                "(--estimator FILE.onnx)."
            )
        file = open_network(self.weights, self.threads)
        if file.outputs[0] != OUTPUT:
            raise InputError(
                f"The network {file.name!r} returns {file.outputs[0]}, not {OUTPUT}: it estimates no blur."
            )
        return file


def _radius(image: Image, file: NetworkFile) -> Array:
    """(1, h, w) for an image (number of inputs times 1 or 3, h, w)."""
    views = np.split(image.astype(np.float32), len(file.inputs))
    if file.channels == "luma":
        views = [luma(view) for view in views]
    else:
        views = [np.broadcast_to(view, (3, *view.shape[1:])) for view in views]
    radius_px: Array = file.run(*views)[0]
    return radius_px
