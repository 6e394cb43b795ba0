"""The photos of D'Andres et al. with their all-in-focus versions and blur maps, as far as the user has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refocal.datasets import Pair, Protocol
from refocal.datasets.files import list_images, read_image, read_pixels, require
from refocal.types import Array, InputError

LEFT_OUT_PX = 20  # columns at the right, where the true maps are wrong: Karaali and Jung drop them, in 2018 and since
MAX_RADIUS_PX = 30.0  # their maps end at 6 px; larger values aren't in pixels
PNG_STEPS = 256  # of a pixel of radius, as `refocal map` writes
MATLAB_NAME = "blurMap"  # the variable in the maps published with Karaali and Jung 2018
PUBLISHED_WITH = "poetry-tip2018"  # the folder of that repository that holds two of the three photos


@dataclass(frozen=True)
class DAndres:
    """Photos by number, with the ground truth that exists.

    Attributes:
        photos: Paths of the blurred photos.
        sharp: Number -> the all-in-focus photo.
        maps: Number -> the blur map.
    """

    photos: tuple[Path, ...]
    sharp: Mapping[str, Path]
    maps: Mapping[str, Path]

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> Pair:
        from refocal.optics.blur import BlurMap
        from refocal.optics.radius_levels import STEP_PX, to_level

        path = self.photos[index]
        number = _number(path)
        images = {"blurred": read_image(path)}
        if number in self.sharp:
            images["sharp"] = read_image(self.sharp[number])
        if number in self.maps:
            images["map"] = read_radius(self.maps[number])[None]
        if len({image.shape[1:] for image in images.values()}) > 1:
            sizes = ", ".join(f"{what} {image.shape[2]}x{image.shape[1]}" for what, image in images.items())
            raise InputError(f"The files of {path} differ in size: {sizes}.")
        if len(images) > 1:
            images = {what: image[..., :-LEFT_OUT_PX] for what, image in images.items()}
        extras: dict[str, Any] = {}
        if "map" in images:
            # The papers on this set deconvolve the stored values, not light.
            extras["blur"] = BlurMap(to_level(images["map"][0]), step_px=STEP_PX, boundary="replicate", encoding="srgb")
        return Pair(images["blurred"], images.get("sharp"), path.stem, extras)

    @property
    def protocol(self) -> Protocol:
        """All channels; all pixels but the last 20 columns, where there is ground truth."""
        about = "no sharp photo: only metrics without a reference"
        if self.sharp:
            about = "the last 20 columns left out, all channels (Karaali and Jung 2022)"
        return Protocol("dandres", about, "8-bit")


def dandres(root: Path) -> DAndres:
    """Photos of D'Andres et al., 360 x 360 (22 in all).

    Args:
        root: Holds ``image_01.png`` ... ``image_22.png``; beside them, for as many as there are, ``sharp_01.png`` ...
            and ``map_01.mat`` (or ``.npy``, ``.png``) ..., as ``read_radius`` takes them. A clone of the repository
            alikaraali/edge-based-dfe-tip2018, with three photos and maps, will do.

    Reference: L. D'Andres, J. Salvador, A. Kochale, S. Suesstrunk, "Non-Parametric Blur Map Regression for Depth of
    Field Extension", IEEE TIP 25, 2016.

    Raises:
        InputError: If there are none.
    """
    root = Path(root)
    files = [*list_images(root / PUBLISHED_WITH), *list_images(root)]
    photos = {_number(path): path for path in files if path.stem.startswith("image_")}
    found = require((photos[number] for number in sorted(photos)), root, "image_01.png, image_02.png, ...")
    sharp = {_number(path): path for path in files if path.stem.startswith("sharp_")}
    maps = (path for path in sorted(root.glob("map_*")) if path.suffix.lower() in (".mat", ".npy", ".png"))
    return DAndres(found, sharp, {_number(path): path for path in maps})


def read_radius(path: Path) -> Array:
    """Read a blur map: ``.npy`` or the variable ``blurMap`` of a ``.mat`` in pixels, 16-bit ``.png`` in 1/256 px.

    Returns:
        (H, W) float32, radius of the disk in pixels; 0.5 and less is sharp.

    Raises:
        InputError: If the file holds anything else, or radii below 0 or above 30 px, or that aren't finite.
    """
    suffix = path.suffix.lower()
    if suffix == ".png":
        pixels = read_pixels(path)
        if pixels.dtype != np.uint16 or pixels.shape[2] != 1:
            raise InputError(f"{path} is no 16-bit grey PNG, the kind that holds a blur map in 1/256 px.")
        radius_px = pixels[..., 0] / PNG_STEPS
    else:
        try:
            radius_px = np.load(path, allow_pickle=False) if suffix == ".npy" else _from_matlab(path)
        except (OSError, ValueError, TypeError, NotImplementedError) as error:  # errors of NumPy's and SciPy's readers
            raise InputError(f"{path} can't be read as a blur map: {error}.") from None
    if radius_px.ndim != 2 or radius_px.dtype.kind not in "fiu":
        raise InputError(f"{path} holds {radius_px.dtype} of shape {radius_px.shape}; a blur map holds numbers (H, W).")
    if not (np.isfinite(radius_px).all() and radius_px.min() >= 0 and radius_px.max() <= MAX_RADIUS_PX):
        raise InputError(
            f"{path} holds no radii in pixels: they are finite, at least 0 and at most {MAX_RADIUS_PX:.0f}."
        )
    return radius_px.astype(np.float32)


def _from_matlab(path: Path) -> Array:
    from scipy.io import loadmat

    found = loadmat(path)
    if MATLAB_NAME not in found:
        raise InputError(f"{path} has no variable {MATLAB_NAME}.")
    return found[MATLAB_NAME]


def _number(path: Path) -> str:
    """The part of the name after the first underscore."""
    return path.stem.partition("_")[2]
