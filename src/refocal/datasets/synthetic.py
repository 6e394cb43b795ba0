"""Sharp photos, blurred here with a known blur."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from refocal.datasets import Pair, Protocol
from refocal.datasets.files import list_images, read_image, read_luma8, require
from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.types import Array, InputError

CROP_PX = 128  # the networks of Aurangabadkar et al. 2024 take 128 x 128; their test crops are the central ones
MEAN_PX = 5  # their blur: the mean of 5 x 5 pixels
ABOUT = {
    "mean5": "central 128 x 128 crop, luma truncated to 8 bit, 5 x 5 mean with mirror boundary rounded to 8 bit "
    "(Aurangabadkar et al. 2024)",
    "none": "the whole photo unchanged: shows how a method changes sharp photos",
    "disk": "the whole photo blurred by a uniform disk in linear light, mirror boundary, rounded to 8 bit",
}


@dataclass(frozen=True)
class SyntheticBlur:
    """Sharp photos and their degradation.

    Attributes:
        name: Name of the data set.
        photos: Paths of the sharp photos.
        degrade: ``"mean5"``: the test of Aurangabadkar et al., "A Sharpness Based Loss Function for Removing
            Out-of-Focus Blur", MMSP 2024 (central 128 x 128 crop, luma, 5 x 5 mean); ``"none"``: blurred = sharp = the
            photo, in colour; ``"disk:R"``: a uniform disk of radius R pixels on the whole photo, in colour.
    """

    name: str
    photos: tuple[Path, ...]
    degrade: str = "mean5"

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> Pair:
        from refocal.optics.blur import Psf
        from refocal.optics.kernels import disk

        path = self.photos[index]
        if self.degrade == "mean5":
            sharp = _central_crop(read_luma8(path))[None]
            blur = Psf(np.full((MEAN_PX, MEAN_PX), 1 / MEAN_PX**2), encoding="srgb")
            return Pair(_to_float8(_mean(sharp[0])[None]), _to_float8(sharp), path.stem, {"blur": blur})
        photo = read_image(path)
        if self.degrade == "none":
            return Pair(photo, photo, path.stem, {"blur": Psf(np.ones((1, 1)))})
        blur = Psf(disk(_disk_radius_px(self.degrade)))
        light = np.clip(blur.apply(srgb_to_linear(photo.astype(np.float64))), 0, 1)
        blurred = np.rint(linear_to_srgb(light) * 255)
        return Pair(_to_float8(blurred), photo, path.stem, {"blur": blur})

    @property
    def protocol(self) -> Protocol:
        """All pixels; luma for ``mean5``, else all channels."""
        channels = "luma" if self.degrade == "mean5" else "rgb"
        about = ABOUT[self.degrade.partition(":")[0]]
        return Protocol(f"{self.name}:{self.degrade}", about, "8-bit", channels)  # type: ignore[arg-type]


def kodak24(root: Path, degrade: str = "mean5") -> SyntheticBlur:
    """The Kodak suite: kodim01.png ... kodim24.png, 768 x 512.

    Raises:
        InputError: If the folder holds none of them, or there is no such ``degrade``.
    """
    photos = require(Path(root).glob("kodim*.png"), root, "kodim01.png ... kodim24.png")
    return SyntheticBlur("kodak24", tuple(sorted(photos)), _check(degrade))


def bsds500(root: Path, degrade: str = "mean5") -> SyntheticBlur:
    """BSDS500: 200 + 100 + 200 JPEG files of 481 x 321 in train/, val/ and test/.

    Raises:
        InputError: If the folder holds none of them, or there is no such ``degrade``.
    """
    photos = [path for split in ("train", "val", "test") for path in list_images(Path(root) / split)]
    return SyntheticBlur("bsds500", require(photos, root, "folders train, val and test of JPEG files"), _check(degrade))


def cid22(root: Path, degrade: str = "mean5") -> SyntheticBlur:
    """The validation photos of CID22: PNG files of 512 x 512.

    Raises:
        InputError: If the folder holds none, or there is no such ``degrade``.
    """
    return SyntheticBlur("cid22", require(list_images(Path(root)), root, "PNG files"), _check(degrade))


def _check(degrade: str) -> str:
    if degrade not in ("mean5", "none"):
        _disk_radius_px(degrade)
    return degrade


def _disk_radius_px(degrade: str) -> float:
    match = re.fullmatch(r"disk:(\d+(?:\.\d*)?)", str(degrade))
    if match is None or float(match[1]) == 0:
        raise InputError(f"There is no degradation {degrade!r}: choose mean5, none or disk:R with a radius in pixels.")
    return float(match[1])


def _central_crop(luma: Array) -> Array:
    height, width = luma.shape
    if min(height, width) < CROP_PX:
        raise InputError(f"A photo of {width} x {height} px is too small for a crop of {CROP_PX} x {CROP_PX} px.")
    top, left = (height - CROP_PX) // 2, (width - CROP_PX) // 2
    return luma[top : top + CROP_PX, left : left + CROP_PX]


def _mean(luma: Array) -> Array:
    """The 5 x 5 mean (H, W) in 0..255, rounded; a 25th is never half-way, so the rounding has no ties."""
    from scipy.ndimage import uniform_filter

    return np.rint(uniform_filter(luma.astype(np.float64), MEAN_PX, mode="mirror"))


def _to_float8(levels: Array) -> Array:
    """0..255 to float32 in [0, 1]."""
    return (levels / 255).astype(np.float32)
