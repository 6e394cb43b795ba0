"""Sharp photos through a simulated out-of-focus camera, with known radii: a recipe, not images.

It simulates the whole way from light to file (lens, noise, 8 bits, JPEG), unlike ``kodak22`` and ``kodak24:disk``,
which favour methods that only invert a clean blur.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np

from refocal.datasets import Pair, Protocol
from refocal.datasets.files import list_images, read_pixels, require
from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.optics.kernels import Kernel, disk, gaussian, polygon
from refocal.types import Array, Image, InputError

SIDE_PX = 384  # side of the crops; ours, so that a method that takes 10 s per megapixel needs two minutes for all 65
MARGIN_PX = 16  # the crop is blurred with this much of the photo around it; no kernel is larger
BORDER_PX = 16  # left out of the scores, as for the sets of real defocus
SEED = 65
MIN_SIDE_PX, MAX_RADIUS_PX = 1.0, 8.0  # radii, uniform over the logarithm: median 2.8 px; ours
STEP_PX = 0.5  # distance between the radii of a varying blur
SHARES = {"constant": 0.25, "ramp": 0.35, "layers": 0.4}  # kinds of scenes; ours
RAMPS = (1.3, 2.0)  # ratio of a ramp's radii; ours
FRONT = (0.2, 0.5)  # share of the image that an occluder may cover; ours
MAX_SHOT_NOISE, MAX_READ_NOISE = (
    4e-4,
    2e-3,
)  # as a sensor with 2,500 electrons at white; mid-grey then has 2 levels of noise
QUALITIES = (75, 98)  # JPEG, from Pillow's default to a camera's best
COLOUR_HALVED = 2  # Pillow's number for 4:2:0, as phones write
HOMES = ("cid22", "CID22")
ABOUT = (
    "central 384 x 384 px of the 24 Kodak photos and the 41 of CID22, 1 to 8 px out of focus (constant, ramps, "
    "occluders) behind disks and polygons with soft rims in linear light; shot and read noise, 8 bit, JPEG 75 to 98"
)


@dataclass(frozen=True)
class Lens:
    """A lens whose kernels keep their shape at every radius.

    Attributes:
        rim: Standard deviation of the soft rim, as a share of the radius.
        blades: Number of blades of the iris; 0 for a round one.
        turn_deg: Rotation of the iris in degrees.
        roundness: 0 for straight blades, 1 for a circle.
    """

    rim: float
    blades: int
    turn_deg: float
    roundness: float

    def kernel(self, radius_px: float) -> Kernel:
        """The kernel at a radius: that of the disk of the iris's area, where the iris is a polygon."""
        from scipy.signal import convolve

        if self.blades:
            shape = polygon(radius_px / self._size(), self.blades, self.turn_deg, self.roundness)
        else:
            shape = disk(radius_px)
        soft: Kernel = convolve(shape, gaussian(self.rim * radius_px), method="direct")
        return soft

    def _size(self) -> float:
        """Radius of the disk of the same area as a polygon inscribed in the circle of radius 1."""
        sector = 2 * math.pi / self.blades
        angle = np.linspace(-sector / 2, sector / 2, 1001)
        reach = (1 - self.roundness) * math.cos(sector / 2) / np.cos(angle) + self.roundness
        return math.sqrt(float(np.mean(reach**2)))


@dataclass(frozen=True, eq=False)
class Shot:
    """Everything random about one photo except the noise itself.

    Attributes:
        signed_radius_px: (H, W) float32; positive behind the plane of focus.
        lens: The lens.
        shot: Variance of the noise per unit of light.
        read: Standard deviation of the noise in the dark.
        quality: Quality of the JPEG file.
    """

    signed_radius_px: Array
    lens: Lens
    shot: float
    read: float
    quality: int


@dataclass(frozen=True)
class CameraSynthetic:
    """Photos generated from their names: the same in every run, whichever other photos are there.

    ``extras``: ``"signed_radius_px"`` (H, W) float32, positive behind the plane of focus; ``"radius_px"``, its absolute
    value, 1 to 8; ``"blur"``, the same as a ``BlurMap`` of disks, without occlusion and the lens's shape.

    Attributes:
        photos: Paths of the sharp photos.
    """

    photos: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> Pair:
        from refocal.optics.blur import BlurMap

        path = self.photos[index]
        random = np.random.default_rng((SEED, *path.stem.encode()))
        wide = _centre(read_pixels(path), path)
        taken = draw(random, wide.shape[-1])
        inner = (..., *2 * (slice(MARGIN_PX, -MARGIN_PX),))
        blurred = developed(defocused(wide, taken)[inner], taken, random)
        signed_radius_px = taken.signed_radius_px[inner]
        radius_px = np.abs(signed_radius_px)
        extras = {
            "signed_radius_px": signed_radius_px,
            "radius_px": radius_px,
            "blur": BlurMap(radius_px, step_px=STEP_PX),
        }
        return Pair(blurred, wide[inner].copy(), path.stem, extras)

    @property
    def protocol(self) -> Protocol:
        """All channels, 16 px border left out."""
        return Protocol("camera_synthetic", ABOUT, border_px=BORDER_PX)


def camera_synthetic(root: Path) -> CameraSynthetic:
    """The recipe on a folder of the Kodak suite and the folder of CID22's validation photos beside it.

    Raises:
        InputError: If one of the folders is missing or holds none of them.
    """
    root = Path(root)
    kodak = require(sorted(root.glob("kodim[0-9][0-9].png")), root, "kodim01.png ... kodim24.png")
    home = next((root.parent / name for name in HOMES if (root.parent / name).is_dir()), None)
    if home is None:
        raise InputError(
            f"Data set 'camera_synthetic' is made of two: beside {root} it expected a folder {' or '.join(HOMES)}; "
            "get it from https://github.com/imazen/codec-corpus."
        )
    return CameraSynthetic((*kodak, *require(list_images(home), home, "PNG files")))


def draw(random: np.random.Generator, side_px: int) -> Shot:
    """Random radii of a scene, a random lens and camera.

    Args:
        random: Random generator.
        side_px: Side of the image in pixels.
    """
    kind = str(random.choice(list(SHARES), p=list(SHARES.values())))
    signed_radius_px = scene(kind, random, side_px)  # type: ignore[arg-type]
    lens = Lens(
        rim=random.uniform(0.04, 0.1),  # a Pixel 4's rim is 2 to 3 px wide (10 to 90 %) at radius 11: 0.07 to 0.11
        blades=int(random.integers(5, 10)) if random.random() < 0.4 else 0,
        turn_deg=random.uniform(0, 360),
        roundness=random.uniform(0, 1),
    )
    shot, read = random.uniform(0, MAX_SHOT_NOISE), random.uniform(0, MAX_READ_NOISE)
    return Shot(signed_radius_px, lens, shot, read, int(random.integers(QUALITIES[0], QUALITIES[1] + 1)))


def scene(kind: Literal["constant", "ramp", "layers"], random: np.random.Generator, side_px: int) -> Array:
    """Radii of a scene, (side, side) float32 in pixels with a sign; their absolute values are 1 to 8.

    Args:
        kind: ``"constant"``; ``"ramp"``: a tilted plane or hills, whose radii grow up to twofold; ``"layers"``: one or
            two occluders in front of a background, all facing the camera, on either side of the plane of focus, their
            radii whole halves of a pixel so that each is blurred by one kernel.
        random: Random generator.
        side_px: Side of the image in pixels.
    """
    if kind == "ramp":
        ratio = random.uniform(*RAMPS)
        low = _radius(random, MAX_RADIUS_PX / ratio)
        return (low + low * (ratio - 1) * _relief(random, side_px)).astype(np.float32)
    radius: Array = np.full((side_px, side_px), _radius(random))
    if kind == "layers":
        radius = _stepped(radius)
        for _ in range(random.integers(1, 3)):
            relief = _relief(random, side_px)
            front = _stepped(_radius(random))
            if random.random() < 0.5 or front >= radius.min():
                front = -front  # nearer than the plane of focus, or it would lie behind what it covers
            covers = relief < np.quantile(relief, random.uniform(*FRONT))
            radius = np.where(covers, np.minimum(front, radius), radius)
    return radius.astype(np.float32)


def defocused(sharp: Image, taken: Shot) -> Image:
    """The light that falls onto the sensor: linear (C, H, W) float32, of a sharp sRGB picture of that shape."""
    from refocal.optics.blur import Psf
    from refocal.optics.render import render_layers

    light, radius_px = srgb_to_linear(sharp), taken.signed_radius_px
    if np.ptp(radius_px) == 0:  # one kernel exactly, not a mixture of the two next to it
        blurred = Psf(taken.lens.kernel(float(abs(radius_px[0, 0])))).apply(light)
    else:
        blurred = render_layers(
            light, radius_px, lambda radius: taken.lens.kernel(abs(radius)), step_px=STEP_PX, encoding="linear"
        )
    return np.asarray(blurred, np.float32)


def developed(light: Image, taken: Shot, random: np.random.Generator) -> Image:
    """The photo that the camera writes of linear light (3, H, W): noise, sRGB, 8 bits, JPEG; float32 in [0, 1]."""
    from PIL import Image as PilImage

    light = np.clip(light, 0, 1)
    noise_std = np.sqrt(taken.shot * light + taken.read**2)
    noisy = np.clip(light + noise_std * random.standard_normal(light.shape), 0, 1)
    levels = np.rint(linear_to_srgb(noisy) * 255).astype(np.uint8)
    file = BytesIO()
    PilImage.fromarray(levels.transpose(1, 2, 0)).save(file, "JPEG", quality=taken.quality, subsampling=COLOUR_HALVED)
    with PilImage.open(file) as photo:
        return (np.asarray(photo).transpose(2, 0, 1) / 255).astype(np.float32)


def _radius(random: np.random.Generator, most_px: float = MAX_RADIUS_PX) -> float:
    return math.exp(random.uniform(math.log(MIN_SIDE_PX), math.log(most_px)))


def _stepped(radius_px: Array | float) -> Array:
    return np.rint(np.asarray(radius_px) / STEP_PX) * STEP_PX


def _relief(random: np.random.Generator, side_px: int) -> Array:
    """A tilted plane or soft hills, (side, side) from 0 to 1."""
    from scipy.ndimage import zoom

    if random.random() < 0.5:
        angle, line = random.uniform(0, 2 * math.pi), np.arange(side_px)
        relief: Array = math.cos(angle) * line + math.sin(angle) * line[:, None]
    else:
        relief = zoom(random.uniform(size=(4, 4)), side_px / 4, order=3, mode="nearest", grid_mode=True)
    return (relief - relief.min()) / np.ptp(relief)


def _centre(pixels: Array, path: Path) -> Array:
    """(3, side, side) float32 of the middle, with the margin around it."""
    side = SIDE_PX + 2 * MARGIN_PX
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    if min(top, left) < 0 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise InputError(
            f"{path} is no 8-bit colour photo of at least {side}x{side} px, as those of Kodak and CID22 are."
        )
    return (pixels[top : top + side, left : left + side].transpose(2, 0, 1) / 255).astype(np.float32)
