"""Real defocus in colour: pairs of photos of a scene, one focused near, one far."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from refocal.datasets import Pair, Protocol
from refocal.datasets.files import list_images, read_pixels
from refocal.images.colour import luma
from refocal.types import Array, InputError

BORDER_PX = 16
SMOOTHING_SIGMA_PX = 8.0  # window of the sharpness measure; the same at half size
ENERGY_RATIO = 4.0  # the other photo counts as sharper where its Laplacian energy exceeds this multiple
MIN_ENERGY = 1.0  # plus 1 on the 0..255 scale, so that noise in flat areas doesn't count
MIN_AREA = 0.02  # cases with a smaller scored share of the image are left out


@dataclass(frozen=True)
class LytroPairs:
    """Each photo of a pair, restored where the other one is sharper.

    ``extras["mask"]`` (H, W) is 1 where the other photo's Laplacian energy (of the luma, 0..255, smoothed by a Gaussian
    of 8 px) is more than four times as large plus 1. At half size both photos are reduced by 2 x 2 means rounded to 8
    bit, and mask, border and smallest area follow the same rule on the reduced photos.

    Attributes:
        photos: Near and far photo of each scene.
        scale: 1, or 2 for half size.

    Reference: M. Nejati, S. Samavi, S. Shirani, "Multi-focus Image Fusion Using Dictionary-Based Sparse
    Representation", Information Fusion 25, 2015.
    """

    photos: tuple[tuple[Path, Path], ...]
    scale: int = 1

    def __len__(self) -> int:
        return len(self._cases)

    def __getitem__(self, index: int) -> Pair:
        blurred_path, sharp_path = self._cases[index]
        blurred, sharp = (self._read(path) for path in (blurred_path, sharp_path))
        mask = _sharper(sharp, blurred).astype(np.float32)
        blurred, sharp = ((levels / 255).astype(np.float32) for levels in (blurred, sharp))
        return Pair(blurred, sharp, blurred_path.stem, {"mask": mask})

    @property
    def protocol(self) -> Protocol:
        """All channels over the mask, 16 px border left out."""
        name = "lytro_pairs" if self.scale == 1 else f"lytro_pairs/{self.scale}"
        about = "each photo of a pair against the other, over the pixels where the other is sharper"
        return Protocol(name, about + (", half size by 2 x 2 means" if self.scale == 2 else ""), border_px=BORDER_PX)

    @cached_property
    def _cases(self) -> tuple[tuple[Path, Path], ...]:
        """(blurred, sharp) of the cases whose area is large enough; all photos are read once."""
        cases = []
        for pair in self.photos:
            levels = [self._read(path) for path in pair]
            for blurred, sharp in ((0, 1), (1, 0)):
                mask = _sharper(levels[sharp], levels[blurred])
                counted = mask[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX].sum()
                if counted >= MIN_AREA * mask.size:
                    cases.append((pair[blurred], pair[sharp]))
        return tuple(cases)

    def _read(self, path: Path) -> Array:
        """Levels (3, H, W), whole numbers 0..255 as float64."""
        levels = np.moveaxis(read_pixels(path).astype(np.float64), -1, 0)
        if self.scale == 1:
            return levels
        channels, height, width = levels.shape
        blocks = levels[:, : height // 2 * 2, : width // 2 * 2].reshape(channels, height // 2, 2, width // 2, 2)
        return np.rint(blocks.mean(axis=(2, 4)))


def lytro_pairs(root: Path, scale: int = 1) -> LytroPairs:
    """The pairs of ``root``: 01_near.jpg and 01_far.jpg, or the owners' lytro-01-A.jpg and lytro-01-B.jpg.

    Raises:
        InputError: If there are none, one has no partner, or ``scale`` isn't 1 or 2.
    """
    if scale not in (1, 2):
        raise InputError(f"There is no scale {scale!r} of lytro_pairs: choose 1, or 2 for half size.")
    files = list_images(Path(root))
    for ends in (("_near", "_far"), ("-A", "-B")):
        near, far = ({f.stem.removesuffix(end): f for f in files if f.stem.endswith(end)} for end in ends)
        alone = sorted(near.keys() ^ far.keys())
        if alone:
            raise InputError(
                f"Pair {alone[0]!r} in {root} is not complete: expected two files ending in {ends[0]} and {ends[1]}."
            )
        if near:
            return LytroPairs(tuple((near[name], far[name]) for name in sorted(near)), scale)
    raise InputError(f"No pairs in {root}: expected 01_near.jpg and 01_far.jpg, or lytro-01-A.jpg and lytro-01-B.jpg.")


def _sharper(one: Array, other: Array) -> Array:
    """Mask (H, W) bool of the pixels where ``one`` is clearly sharper."""
    from scipy.ndimage import gaussian_filter, laplace

    energy = [gaussian_filter(laplace(luma(levels)[0]) ** 2, SMOOTHING_SIGMA_PX) for levels in (one, other)]
    return energy[0] > ENERGY_RATIO * energy[1] + MIN_ENERGY
