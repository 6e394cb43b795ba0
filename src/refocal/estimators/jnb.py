"""Blur from the number of atoms in the sparse code of a patch over a dictionary of blurred patches.

Shi, Xu and Jia, "Just noticeable defocus blur detection and estimation", CVPR 2015.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from refocal.estimators.common import check_image, full_size_map, reduce_image, reduction_factor, unknown_blur
from refocal.estimators.orthogonal_matching_pursuit import pursue
from refocal.images.colour import luma
from refocal.images.edges import estimate_noise
from refocal.optics.blur import BlurMap
from refocal.propagation import domain_transform
from refocal.types import Image

Floats = npt.NDArray[np.floating]

PATCH_PX = 8  # the paper's, like the 128 atoms
ERROR = 1.15 * 2.0 * PATCH_PX  # K-SVD's gain times the noise of 2 (of 255) in the authors' program, for 64 pixels
MIN_CONTRAST = 6.0  # of 255; below, one atom represents a patch about equally well whatever its blur
MAX_CONTRAST = 40.0  # of 255; upper limit of a patch's weight

# Mean number of atoms of a patch blurred by a disk of each radius: a + b log2(contrast) + c log2(contrast)^2, where
# contrast is the standard deviation of the patch. Fitted by benchmarks/learn_jnb_dictionary.py to sharp photos of
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
    """Count the atoms in the sparse codes of patches, average the counts, and map them to a radius.

    A patch x of 8 x 8 pixels, less its mean, is coded over the dictionary D of blurred patches: min |a|_0 subject to
    |x - D a| <= error, by orthogonal matching pursuit. D has no fine detail, so that sharp patches need many atoms
    (about 20) and blurred ones few (about 2).

    There are three differences from the paper. The dictionary was trained here, because the original isn't free. Flat
    patches need few atoms however sharp the photo is, so that the number alone doesn't determine a radius: the radius
    is the one under which patches of *these contrasts* would need as many atoms on average. And the counts are averaged
    over an eighth of the shorter side, as by Karaali and Jung; the authors' 15 px include too few patches, which made
    errors 1.4 times as large on photos blurred by ramps and steps.

    The transition between a sharp and a blurred object counts as sharp; smooth objects are mistaken for blurred ones.

    Attributes:
        max_atoms: Maximum number of atoms of a patch; 64 in the authors' program. 29 was the maximum found with this
            dictionary.
        noise_std: Standard deviation of the photo's noise, range [0, 1]; None estimates it. The error
            tolerance grows by it.
        max_feature_mp: Maximum number of patches in millions, taken on a regular grid, on which their counts are
            spread. 0.05 is every third pixel of a 0.4 MP photo; neighbouring patches share most of their pixels.
    """

    max_atoms: int = 64
    noise_std: float | None = None
    max_feature_mp: float = 0.05

    def __call__(self, image: Image) -> BlurMap:
        """Estimate the blur of ``image`` (1 or 3, H, W), range [0, 1].

        Returns:
            Radius of the disk in pixels, 0 ... 6, and its confidence, both (H, W) float32; 0 everywhere if no patch has
            enough contrast, or the photo is smaller than a patch.

        Raises:
            InputError: If the image isn't (1 or 3, H, W).
        """
        check_image(image)
        shape = image.shape[1:]
        if min(shape) < PATCH_PX:
            return unknown_blur(shape)
        step = reduction_factor(shape, self.max_feature_mp)
        atoms, contrast = self.features(image, step)
        weight = np.where(contrast > MIN_CONTRAST, np.minimum(contrast, MAX_CONTRAST), 0).astype(np.float32)
        if not weight.any():
            return unknown_blur(shape)
        guide = reduce_image(image, step)
        log = np.log2(np.maximum(contrast, 1))
        mean, mean_log, mean_log2 = domain_transform.spread_without_texture(
            np.stack([atoms, log, log**2]), weight, guide
        )
        radius = atoms_to_radius(mean, mean_log, mean_log2)
        return full_size_map(radius, _confidence(weight, guide), shape, step)

    def features(self, image: Image, step: int = 1) -> tuple[Floats, Floats]:
        """Number of atoms and contrast (standard deviation, of 255) of the patch around every ``step``-th pixel.

        Each (ceil(H / step), ceil(W / step)) float32. Near the border the nearest patch inside the photo is used.
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
    """Learned dictionary D, (64, 128) float32 with unit columns, and its Gram matrix D^T D."""
    dictionary = np.load(Path(__file__).with_name("jnb_dictionary.npy")).astype(np.float32)
    dictionary /= np.linalg.norm(dictionary, axis=0)  # stored as float16, they are unit to three digits only
    return dictionary, dictionary.T @ dictionary


def atoms_to_radius(atoms: Floats, log_contrast: Floats, log_contrast2: Floats) -> npt.NDArray[np.float32]:
    """Map mean numbers of atoms and mean contrasts of the same patches to a radius.

    Args:
        atoms: Mean number of atoms, any shape.
        log_contrast: Mean of log2(contrast), the contrast being of 255; same shape.
        log_contrast2: Mean of log2(contrast)^2; same shape.

    Returns:
        Radius in pixels, 0 ... 6, float32; same shape.
    """
    radius = np.zeros(atoms.shape, np.float32)
    # From sharp to blurred: with fewer atoms than expected at the smaller of two radii, move toward the larger one.
    before = _expected(0, log_contrast, log_contrast2)
    for k in range(1, len(RADII_PX)):
        after = np.minimum(before, _expected(k, log_contrast, log_contrast2))
        fraction = np.clip((before - atoms) / np.maximum(before - after, 1e-6), 0, 1)
        radius += fraction * (RADII_PX[k] - RADII_PX[k - 1])
        before = after
    return radius.astype(np.float32)


def _expected(k: int, log_contrast: Floats, log_contrast2: Floats) -> Floats:
    """Expected mean number of atoms under the k-th radius."""
    constant, linear, square = _ATOMS[k]
    return np.asarray(constant + linear * log_contrast + square * log_contrast2)


def _corners(length: int, step: int) -> npt.NDArray[np.intp]:
    """First pixel of each patch centred in a cell of ``step`` pixels."""
    middle = np.arange(0, length, step) + (step - 1) / 2
    return np.clip(np.floor(middle - (PATCH_PX - 1) / 2 + 0.5), 0, length - PATCH_PX).astype(np.intp)


def _confidence(weight: Floats, guide: Floats) -> Floats:
    """Confidence in [0, 1]: the density of patches with contrast in the neighbourhood."""
    mask = (weight > 0).astype(np.float32)
    settings = (domain_transform.SIGMA_R, domain_transform.NUM_ITER)
    density = domain_transform.domain_transform(mask, guide, min(mask.shape) / 16, *settings)
    return np.clip(density, 0, 1).astype(np.float32)
