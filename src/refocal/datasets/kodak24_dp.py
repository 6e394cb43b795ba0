"""The Kodak photos through a simulated dual-pixel sensor, as planes at known distances: a recipe, not images.

Sets of real dual-pixel photos with sharp versions are handed out for research only, and none has the radii. This one
can be made by anybody who has the 24 photos, and its radii are known exactly, with their signs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from refocal.datasets import Pair, Protocol
from refocal.datasets.files import read_pixels, require
from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.types import Array, InputError

SHORT_PX, LONG_PX = 256, 384  # half a Kodak photo, so that slow networks take minutes for all
SEED = 24
MAX_RADIUS_PX = 8.0  # ours; the median of the real photos of pixel4_dp at scale 1 is 8 to 14 px
NOISE_STD = 0.005  # ours, of each view's stored values: slight, as at a camera's lowest sensitivity
MAX_SHAPES = 4  # in front of the background; ours
STEP_PX = 0.5
LEVELS = 65535  # 16 bits, as DPDD
ABOUT = (
    "central 384 x 256 px of 24 photos behind a dual-pixel sensor: planes and shapes in front of each other, radii up "
    "to 8 px of either sign, ring kernels in linear light, noise of 0.005 in each view, rounded to 16 bit"
)


@dataclass(frozen=True)
class Kodak24DP:
    """Photos, views and maps, generated from the number in the photo's name: the same in every run.

    The views are those of ``optics.dual_pixel.render_views`` with the kernels of learnable_blur_kernel_defocusgan; the
    photo is the mean of the noisy views in linear light. ``extras``: ``"left"``, ``"right"``, the views;
    ``"signed_radius_px"`` (H, W) float32, positive behind the plane of focus; ``"radius_px"``, its absolute value;
    ``"blur"``, the same as a ``BlurMap``, which gathers without occlusion.

    Attributes:
        photos: Paths of kodim01 ... kodim24.
    """

    photos: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> Pair:
        from refocal.optics.blur import BlurMap
        from refocal.optics.dual_pixel import render_views

        path = self.photos[index]
        random = np.random.default_rng((SEED, int(path.stem.removeprefix("kodim"))))
        sharp = _centre(read_pixels(path), path).astype(np.float64) / 255
        signed_radius_px = two_plane_radius(sharp.shape[1:], random)
        views = render_views(sharp, signed_radius_px, step_px=STEP_PX)
        left, right = (_noisy(view, random) for view in (views.left, views.right))
        photo = linear_to_srgb((srgb_to_linear(left) + srgb_to_linear(right)) / 2)
        radius_px = np.abs(signed_radius_px)
        extras = {
            "left": _rounded(left),
            "right": _rounded(right),
            "signed_radius_px": signed_radius_px,
            "radius_px": radius_px,
            "blur": BlurMap(radius_px, "ring", STEP_PX),
        }
        return Pair(_rounded(photo), sharp.astype(np.float32), path.stem, extras)

    @property
    def protocol(self) -> Protocol:
        """All pixels, all channels, never rounded: as for DPDD."""
        return Protocol("kodak24_dp", ABOUT, "16-bit")


def kodak24_dp(root: Path) -> Kodak24DP:
    """The recipe on a folder of the Kodak suite: kodim01.png ... kodim24.png, 768 x 512 or 512 x 768.

    Raises:
        InputError: If the folder holds none of them.
    """
    photos = require(Path(root).glob("kodim[0-9][0-9].png"), root, "kodim01.png ... kodim24.png")
    return Kodak24DP(tuple(sorted(photos)))


def two_plane_radius(shape: tuple[int, int], random: np.random.Generator) -> Array:
    """Draw the signed radii of a background plane and of one to four shapes in front of it, each a plane of its own.

    The signed radius is linear in the inverse of depth, and so linear over the picture of any plane. Shapes are
    superellipses |u|^p + |v|^p < 1 with p = 1, 2 or 8, turned; one that would lie behind what it covers is left
    out. The rules are ours.

    Args:
        shape: Height and width.
        random: Random generator.

    Returns:
        (H, W) float32 in pixels, from -8 (in front of the plane of focus) to 8 (behind it).
    """
    down, across = np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij")
    radius = _plane(down, across, random.uniform(0, MAX_RADIUS_PX), random)
    for _ in range(random.integers(1, MAX_SHAPES + 1)):
        turn = random.uniform(0, np.pi)
        x, y = across - random.uniform(-1, 1), down - random.uniform(-1, 1)
        wide, high = 8.0 ** -random.uniform(0, 1, 2)
        power = random.choice((1, 2, 8))
        u, v = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
        inside = np.abs(u / wide) ** power + np.abs(v / high) ** power < 1
        front = _plane(down, across, random.uniform(-MAX_RADIUS_PX, 0.5 * MAX_RADIUS_PX), random)
        radius = np.where(inside, np.minimum(front, radius), radius)
    return np.clip(radius, -MAX_RADIUS_PX, MAX_RADIUS_PX).astype(np.float32)


def _plane(down: Array, across: Array, middle_px: float, random: np.random.Generator) -> Array:
    """A random tilt; a third of the planes face the camera, the others span up to half of the radii."""
    slope = random.uniform(0, MAX_RADIUS_PX / 2) * (random.random() > 1 / 3)
    angle = random.uniform(0, 2 * np.pi)
    return middle_px + slope * (np.cos(angle) * across + np.sin(angle) * down)


def _centre(pixels: Array, path: Path) -> Array:
    """(3, 256, 384), or (3, 384, 256) of an upright photo."""
    height, width = pixels.shape[:2]
    size = (SHORT_PX, LONG_PX) if width >= height else (LONG_PX, SHORT_PX)
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    if min(top, left) < 0 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise InputError(
            f"{path} is no 8-bit colour photo of at least {LONG_PX}x{SHORT_PX} px, as those of the Kodak suite are."
        )
    return pixels[top : top + size[0], left : left + size[1]].transpose(2, 0, 1)


def _noisy(view: Array, random: np.random.Generator) -> Array:
    return np.clip(view + random.normal(0, NOISE_STD, view.shape), 0, 1)


def _rounded(image: Array) -> Array:
    return (np.rint(image * LEVELS) / LEVELS).astype(np.float32)
