"""Twenty-two crops of the Kodak photos under known blur maps: a recipe, not images.

The set that Karaali and Jung measure on, 22 photos of D'Andres et al. 2016, is available on request only. This one has
the same number of photos of the same size, blurred like their training data.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from refocal.datasets import Pair, Protocol
from refocal.datasets.files import read_pixels, require
from refocal.optics.radius_levels import STEP_PX
from refocal.types import Array, InputError

PHOTOS = 22  # as many as D'Andres et al. took
HEIGHT, WIDTH = 360, 340  # theirs without the last 20 columns; the size of SVBR-Net's training data
SEED = 22
MIN_RADIUS_PX, MAX_RADIUS_PX = 1.0, 6.0  # radii of the ramps; 6 px is the largest radius of the paper's 23
SHAPES = ("plane", "radial", "hard-layers", "soft-layers")
ABOUT = {
    "generators": "360 x 340 crops blurred by a disk per pixel, radii 0 to 6 px in ramps, stairs and mixtures, on sRGB "
    "values with replicated edges, truncated to 8 bit (Karaali and Jung 2022)",
    "ramps": "360 x 340 crops blurred by a disk per pixel, radii 1 to 6 px in ramps and layers, on sRGB values with "
    "replicated edges, truncated to 8 bit",
}


@dataclass(frozen=True)
class Kodak22:
    """Crops and maps, generated from the number in the photo's name: the same in every run, whichever photos are there.

    Attributes:
        photos: Paths of kodim01 ... kodim22.
        maps: ``"generators"``: the 13 rules of SVBR-Net's training data in turn, 0 px (sharp) to 6 px; ``"ramps"``:
            every pixel between 1 px and 6 px.
    """

    photos: tuple[Path, ...]
    maps: str = "generators"

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> Pair:
        from refocal.datasets.radius_maps import KINDS, generate
        from refocal.optics.blur import BlurMap

        path = self.photos[index]
        number = int(path.stem.removeprefix("kodim"))
        random = np.random.default_rng((SEED, number))
        levels = _crop(read_pixels(path), random, path)
        if self.maps == "ramps":
            radius_px = ramps(SHAPES[(number - 1) % len(SHAPES)], random)
        else:
            radius_px = generate(KINDS[(number - 1) % len(KINDS)], random, (HEIGHT, WIDTH))
        blur = BlurMap(radius_px, step_px=STEP_PX, boundary="replicate", encoding="srgb")
        blurred = np.floor(np.clip(blur.apply(levels.astype(np.float64)), 0, 255) + 1e-6)  # 254.9999999 is 255
        return Pair((blurred / 255).astype(np.float32), (levels / 255).astype(np.float32), path.stem, {"blur": blur})

    @property
    def protocol(self) -> Protocol:
        """All pixels, all channels."""
        return Protocol("kodak22" + ("/ramps" if self.maps == "ramps" else ""), ABOUT[self.maps], "8-bit")


def kodak22(root: Path, maps: str = "generators") -> Kodak22:
    """The recipe on a folder of the Kodak suite: kodim01.png ... kodim22.png, 768 x 512 or 512 x 768.

    Raises:
        InputError: If the folder holds none of them, or there are no such ``maps``.
    """
    if maps not in ABOUT:
        raise InputError(f"There are no maps {maps!r} for kodak22: choose {' or '.join(ABOUT)}.")
    photos = (path for number in range(1, PHOTOS + 1) if (path := Path(root) / f"kodim{number:02}.png").is_file())
    return Kodak22(require(photos, root, "kodim01.png ... kodim22.png"), maps)


def ramps(shape: str, random: np.random.Generator) -> Array:
    """A blur map without any sharp pixel, on which estimates from edges alone fail.

    Args:
        shape: ``"plane"``: a tilted plane; ``"radial"``: rising or falling with the distance from a point;
            ``"hard-layers"``, ``"soft-layers"``: one or two discs before a background, each a plane of little tilt,
            with a jump or with a border 10 to 40 px wide.
        random: Random generator.

    Returns:
        (360, 340) float32, radius in pixels, whole quarters from 1 to 6.
    """
    down, across = np.mgrid[:HEIGHT, :WIDTH]
    if shape == "plane":
        radius = _stretched(_tilted(down, across, random), random)
    elif shape == "radial":
        radius = _stretched(_distance(down, across, random), random)
    else:
        radius = _layer(down, across, random)
        for _ in range(random.integers(1, 3)):
            size = random.uniform(60, 140)
            border = random.uniform(10, 40) if shape == "soft-layers" else 1e-6
            cover = np.clip((size - _distance(down, across, random)) / border, 0, 1)
            radius += cover * (_layer(down, across, random) - radius)
    return np.clip(np.rint(radius / STEP_PX) * STEP_PX, MIN_RADIUS_PX, MAX_RADIUS_PX).astype(np.float32)


def _crop(pixels: Array, random: np.random.Generator, path: Path) -> Array:
    """(3, 360, 340) at a random position."""
    spare = pixels.shape[0] - HEIGHT, pixels.shape[1] - WIDTH
    if min(spare) < 0 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise InputError(
            f"{path} is no 8-bit colour photo of at least {WIDTH}x{HEIGHT} px, as those of the Kodak suite are."
        )
    top, left = random.integers(spare[0] + 1), random.integers(spare[1] + 1)
    return pixels[top : top + HEIGHT, left : left + WIDTH].transpose(2, 0, 1)


def _tilted(down: Array, across: Array, random: np.random.Generator) -> Array:
    angle = random.uniform(0, 2 * np.pi)
    return np.cos(angle) * down + np.sin(angle) * across


def _distance(down: Array, across: Array, random: np.random.Generator) -> Array:
    """Distance from a random point of the image."""
    return np.hypot(down - random.uniform(0, HEIGHT), across - random.uniform(0, WIDTH))


def _stretched(plane: Array, random: np.random.Generator) -> Array:
    """Scaled to a range of at least 2 px within that of the ramps, rising or falling."""
    low = random.uniform(MIN_RADIUS_PX, MAX_RADIUS_PX - 2)
    ends = [low, random.uniform(low + 2, MAX_RADIUS_PX)]
    return np.interp(plane, (plane.min(), plane.max()), ends if random.random() < 0.5 else ends[::-1])


def _layer(down: Array, across: Array, random: np.random.Generator) -> Array:
    """A plane that changes by at most one pixel over the image."""
    plane = _tilted(down, across, random)
    return random.uniform(MIN_RADIUS_PX, MAX_RADIUS_PX) + random.uniform(0, 1) * (plane - plane.mean()) / np.ptp(plane)
