"""Real defocus with ground truth: dual-pixel photos of a Google Pixel 4."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from refocal.datasets import Pair, Protocol
from refocal.datasets.files import read_pixels, require
from refocal.types import Array, InputError

BLACK, WHITE = 1024, 16383  # 14-bit raw of the Pixel 4 (the data set's README)
SCALES = (1, 2, 4)  # median blur radius of about 8 to 14, 4 to 7 and 2 to 3.5 px


@dataclass(frozen=True)
class Scene:
    """Files of a scene."""

    name: str
    left: Path
    right: Path
    sharp: Path
    defocus: Path


@dataclass(frozen=True)
class Pixel4DP:
    """Green-channel photos (1, 1008 / scale, 1344 / scale) of still scenes and their all-in-focus images.

    The photo is the mean of the two dual-pixel views. No vignetting correction: the all-in-focus image has the same
    fall-off. Photo and all-in-focus image are each divided by their 99.9th percentile and clipped, reduced by area
    averaging in linear light, and raised to 1/2.2. ``extras``: ``"left"``, ``"right"``, the views on the photo's scale;
    ``"defocus"``, the set's own defocus map in its own unit (0..255, the block's mean), which isn't a radius;
    ``"valid"`` (H, W) float32, 0 where any pixel of the block has none.

    Attributes:
        scenes: Files of each scene.
        scale: 1 (extreme blur), 2 (hard) or 4 (typical missed focus).

    Reference: S. Xin, N. Wadhwa, T. Xue, J. T. Barron, P. P. Srinivasan, J. Chen, I. Gkioulekas, R. Garg, "Defocus Map
    Estimation and Deblurring from a Single Dual-Pixel Image", ICCV 2021.
    """

    scenes: tuple[Scene, ...]
    scale: int = 1

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: int) -> Pair:
        scene = self.scenes[index]
        sharp = read_pixels(scene.sharp)[..., 0].astype(np.float64)
        left, right = (_read_view(path, sharp.shape) for path in (scene.left, scene.right))
        photo = (left + right) / 2
        white = np.percentile(photo, 99.9)
        defocus = read_pixels(scene.defocus)[..., 0]
        extras = {
            "left": self._finish(left / white),
            "right": self._finish(right / white),
            "defocus": _block_mean(defocus, self.scale).astype(np.float32),
            "valid": (_block_mean(defocus > 0, self.scale) == 1).astype(np.float32),
        }
        sharp = sharp / np.percentile(sharp, 99.9)
        return Pair(self._finish(photo / white), self._finish(sharp), scene.name, extras)

    @property
    def protocol(self) -> Protocol:
        """Gain and offset fitted, 16 px border left out."""
        name = "pixel4_dp" if self.scale == 1 else f"pixel4_dp/{self.scale}"
        about = f"mean of the dual-pixel views, area-averaged by {self.scale}, display gamma 1/2.2"
        return Protocol(name, about, "float", "green", border_px=16, fit="gain-offset")

    def _finish(self, linear: Array) -> Array:
        reduced = _block_mean(np.clip(linear, 0, 1), self.scale)
        return (reduced[None] ** (1 / 2.2)).astype(np.float32)


def pixel4_dp(root: Path, scale: int = 1) -> Pixel4DP:
    """The scenes of ``root``, as 001_left.png, 001_right.png, 001_all_in_focus.png and 001_defocus_map.png.

    The owners' layout, with the ground truth in gt_all_in_focus_im/ and gt_defocus_map/ and views that are larger than
    it, is read as well; their views are cropped to the centre.

    Raises:
        InputError: If there are no scenes, a file is missing, or ``scale`` isn't 1, 2 or 4.
    """
    if scale not in SCALES:
        raise InputError(f"There is no scale {scale!r} of pixel4_dp: choose 1, 2 or 4.")
    expected = "001_left.png, 001_right.png, 001_all_in_focus.png and 001_defocus_map.png"
    views = require(sorted(Path(root).glob("*_left.png")), root, expected)
    return Pixel4DP(tuple(_scene(path) for path in views), scale)


def _scene(left: Path) -> Scene:
    root, name = left.parent, left.stem.removesuffix("_left")
    sharp, defocus = root / f"{name}_all_in_focus.png", root / f"{name}_defocus_map.png"
    if not sharp.exists() and (root / "gt_all_in_focus_im").is_dir():
        sharp, defocus = (root / folder / f"{name}_gt.png" for folder in ("gt_all_in_focus_im", "gt_defocus_map"))
    scene = Scene(name, left, root / f"{name}_right.png", sharp, defocus)
    for path in (scene.right, sharp, defocus):
        if not path.exists():
            raise InputError(f"{path} is missing: scene {name} of pixel4_dp has a file {left.name} but not this one.")
    return scene


def _read_view(path: Path, shape: tuple[int, int]) -> Array:
    """One raw view (H, W) float64 in [0, 1], linear, cropped to the centre where it is larger than ``shape``."""
    raw = read_pixels(path)[..., 0].astype(np.float64)
    top, left = ((have - want) // 2 for have, want in zip(raw.shape, shape, strict=True))
    raw = raw[top : top + shape[0], left : left + shape[1]]
    return np.clip((raw - BLACK) / (WHITE - BLACK), 0, 1)


def _block_mean(image: Array, scale: int) -> Array:
    height, width = (size // scale for size in image.shape)
    blocks = image[: height * scale, : width * scale].reshape(height, scale, width, scale)
    return blocks.mean(axis=(1, 3))
