"""Blur from how few atoms a patch needs, when the atoms were learned from blurred patches.

Shi, Xu and Jia, "Just noticeable defocus blur detection and estimation", CVPR 2015.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from refocal.estimators.one_picture import check_picture, unknown_blur
from refocal.estimators.orthogonal_matching_pursuit import pursue
from refocal.images.colour import luma
from refocal.images.edges import estimate_noise
from refocal.images.grids import enlarge, reduce_mean
from refocal.optics.blur import BlurMap
from refocal.propagation import domain_transform
from refocal.types import Image

Floats = npt.NDArray[np.floating]

PATCH_PX = 8  # the paper's, as are the 128 atoms
ERROR = 1.15 * 2.0 * PATCH_PX  # K-SVD's gain times the noise of 2 (of 255) in the authors' program, for 64 pixels
MIN_CONTRAST = 6.0  # of 255; below, a patch is about as well told by one atom whatever its blur
MAX_CONTRAST = 40.0  # above, a patch counts no more than at it

# Mean number of atoms of a patch under a disk of each radius: a + b log2(contrast) + c log2(contrast)^2, with the
# standard deviation of the patch as its contrast. Fitted by benchmarks/learn_jnb_dictionary.py to sharp photos of
# CID22.
RADII_PX = (0.0, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0)
_ATOMS = np.array(
    [
        [-1.838, 9.030, -0.821],
        [-9.402, 11.427, -1.015],
        [-18.182, 13.825, -1.183],
        [-18.729, 12.900, -1.033],
        [-17.074, 11.589, -0.882],
        [-14.093, 8.326, -0.581],
        [-17.994, 10.054, -0.895],
        [-13.845, 7.656, -0.713],
        [-10.955, 6.199, -0.587],
        [-7.356, 4.320, -0.404],
        [-2.194, 1.603, -0.108],
        [1.343, -0.344, 0.127],
    ]
)


@dataclass(frozen=True)
class JNB:
    """Count the atoms that patches need, average the counts, and look up the radius.

    A patch x of 8 x 8 pixels, less its mean, is coded over the dictionary D of blurred patches: min |a|_0 subject to
    |x - D a| <= error, by orthogonal matching pursuit. D knows no fine detail, so that sharp patches need many atoms
    (about 20) and blurred ones few (about 2).

    Three things differ from the paper. The dictionary is ours, because theirs isn't free. Flat patches need few atoms
    however sharp the photo is, so the number is not mapped to a radius as it stands: the radius is the one under which
    patches of *these contrasts* would need as many on average. And the counts are spread as Karaali and Jung spread
    theirs (an eighth of the shorter side far), because over 15 px, as in the authors' program, too few patches come
    together: on photos blurred by ramps and steps that made errors 1.4 times as large.

    What is between a sharp and a blurred object counts as sharp; smooth things are taken for blurred ones.

    Attributes:
        max_atoms: The most atoms for one patch; 64 in the authors' program. Ours has about 20 that differ: 29 were the
            most.
        noise_std: Standard deviation of the photo's noise, range [0, 1]; None estimates it. The error
            allowed grows by it.
        max_feature_mp: Patches are taken at so many places at most (in millions), evenly over the photo, and their
            counts spread on that grid. 0.05 is every third pixel of a 0.4 MP photo: neighbours share most of their
            pixels.
    """

    max_atoms: int = 64
    noise_std: float | None = None
    max_feature_mp: float = 0.05

    def __call__(self, image: Image) -> BlurMap:
        """Estimate the blur of ``image`` (1 or 3, H, W), range [0, 1].

        Returns:
            Radius of the disk in pixels, 0 ... 6, and its confidence, both (H, W) float32; 0 where no patch has enough
            contrast, or the photo is smaller than one.

        Raises:
            InputError: If the image isn't (1 or 3, H, W).
        """
        check_picture(image)
        shape = image.shape[1:]
        if min(shape) < PATCH_PX:
            return unknown_blur(shape)
        step = max(1, math.ceil((shape[0] * shape[1] / (1e6 * self.max_feature_mp)) ** 0.5))
        atoms, contrast = self.features(image, step)
        weight = np.where(contrast > MIN_CONTRAST, np.minimum(contrast, MAX_CONTRAST), 0).astype(np.float32)
        if not weight.any():
            return unknown_blur(shape)
        guide = np.stack([reduce_mean(plane, step) for plane in image])
        log = np.log2(np.maximum(contrast, 1))
        mean, mean_log, mean_log2 = domain_transform.spread_calmly(np.stack([atoms, log, log**2]), weight, guide)
        confidence = _confidence(weight, guide)
        radius = atoms_to_radius(mean, mean_log, mean_log2)
        return BlurMap(enlarge(radius, shape, step), confidence=enlarge(confidence, shape, step))

    def features(self, image: Image, step: int = 1) -> tuple[Floats, Floats]:
        """Number of atoms and contrast (standard deviation, of 255) of the patch around every ``step``-th pixel.

        Each (ceil(H / step), ceil(W / step)) float32. Near the border the nearest patch inside the photo is taken.
        """
        noise = (estimate_noise(luma(image)[0]) if self.noise_std is None else self.noise_std) * 255
        error = math.sqrt(ERROR**2 + PATCH_PX**2 * noise**2)
        dictionary, gram = load_dictionary()
        rows, columns = (_corners(length, step) for length in image.shape[1:])
        atoms = np.zeros((len(rows), len(columns)), np.float32)
        contrast = np.zeros_like(atoms)
        for i, top in enumerate(rows):
            band = luma(image[:, top : top + PATCH_PX])[0].astype(np.float32) * 255
            windows = np.lib.stride_tricks.sliding_window_view(band, PATCH_PX, 1)  # (8, places, 8)
            patches = windows[:, columns].swapaxes(0, 1).reshape(-1, PATCH_PX**2)
            patches = patches - patches.mean(1, keepdims=True)
            energies = np.einsum("np,np->n", patches, patches)
            chosen, _ = pursue(patches @ dictionary, energies, gram, error, self.max_atoms)
            atoms[i] = (chosen >= 0).sum(1)
            contrast[i] = np.sqrt(np.maximum(energies / PATCH_PX**2 - noise**2, 0))
        return atoms, contrast


@cache
def load_dictionary() -> tuple[Floats, Floats]:
    """The learned dictionary D, (64, 128) float32 with columns of length 1, and D^T D."""
    dictionary = np.load(Path(__file__).with_name("jnb_dictionary.npy")).astype(np.float32)
    dictionary /= np.linalg.norm(dictionary, axis=0)  # as float16 they are so to three digits only
    return dictionary, dictionary.T @ dictionary


def atoms_to_radius(atoms: Floats, log_contrast: Floats, log_contrast2: Floats) -> npt.NDArray[np.float32]:
    """The radius under which patches would need ``atoms`` atoms, all averaged over the same patches.

    Args:
        atoms: Mean number of atoms, any shape.
        log_contrast: Mean of log2(contrast), the contrast being of 255; same shape.
        log_contrast2: Mean of log2(contrast)^2; same shape.
    """
    radius = np.zeros(atoms.shape, np.float32)
    # From sharp to blurred: where fewer atoms were found than the sharper of two radii expects, go on toward the other.
    before = _expected(0, log_contrast, log_contrast2)
    for k in range(1, len(RADII_PX)):
        after = np.minimum(before, _expected(k, log_contrast, log_contrast2))
        share = np.clip((before - atoms) / np.maximum(before - after, 1e-6), 0, 1)
        radius += share * (RADII_PX[k] - RADII_PX[k - 1])
        before = after
    return radius.astype(np.float32)


def _expected(k: int, log_contrast: Floats, log_contrast2: Floats) -> Floats:
    constant, linear, square = _ATOMS[k]
    return np.asarray(constant + linear * log_contrast + square * log_contrast2)


def _corners(length: int, step: int) -> npt.NDArray[np.intp]:
    """First pixel of the patches around the middles of cells of ``step`` pixels."""
    middle = np.arange(0, length, step) + (step - 1) / 2
    return np.clip(np.floor(middle - (PATCH_PX - 1) / 2 + 0.5), 0, length - PATCH_PX).astype(np.intp)


def _confidence(weight: Floats, guide: Floats) -> Floats:
    """How far a radius can be believed, [0, 1]: many patches with contrast near by."""
    mask = (weight > 0).astype(np.float32)
    density = domain_transform.domain_transform(mask, guide, min(mask.shape) / 16, 3.75, 5)
    return np.clip(density, 0, 1).astype(np.float32)
