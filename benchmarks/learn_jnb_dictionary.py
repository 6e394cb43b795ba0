"""Learn the dictionary of ``refocal.estimators.jnb``, and fit its table from numbers of atoms to radii.

Run: ``python benchmarks/learn_jnb_dictionary.py PHOTOS [--out FILE.npy]``; PHOTOS is a folder of sharp photos (for the
shipped dictionary, 209 photos of CID22's training part). Writes the dictionary and prints the table. Takes some minutes
on one core.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import gaussian_filter

from refocal.estimators import jnb
from refocal.estimators.jnb import ERROR, MAX_CONTRAST, MIN_CONTRAST, PATCH_PX, RADII_PX
from refocal.estimators.orthogonal_matching_pursuit import coefficients, pursue
from refocal.optics.blur import BlurMap

Floats = npt.NDArray[np.floating]

SHIPPED = Path(jnb.__file__).with_name("jnb_dictionary.npy")
ATOMS = 128  # the paper's
BLUR_SIGMA_PX = 2.0  # just noticeable blur of the paper's training patches
PATCHES_PER_PHOTO, ROUNDS = 120, 30
SHARP_ATOMS = 16.0  # photos whose patches need fewer on average are out of focus, and aren't used for the fit
CROP_PX, EVERY_PX, CALIBRATION_PHOTOS = 256, 8, 48


def main() -> None:
    """Learn, write, calibrate, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", type=Path)
    parser.add_argument("--out", type=Path, default=SHIPPED)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    random = np.random.default_rng(given.seed)
    photos = [read_grey(path) for path in sorted(given.photos.glob("*.jpg"))]
    patches = np.concatenate([blurred_patches(photo, random) for photo in photos])
    dictionary = learn(patches, random)
    np.save(given.out, dictionary.astype(np.float16))
    if given.out.resolve() == SHIPPED.resolve():
        jnb.load_dictionary.cache_clear()
        for radius, numbers in zip(RADII_PX, calibrate(sorted(given.photos.glob("*.jpg"))), strict=True):
            print(radius, ", ".join(f"{number:.3f}" for number in numbers))


def read_grey(path: Path) -> Floats:
    """BT.601 luma, (H, W), 0 ... 255."""
    return np.asarray(Image.open(path).convert("L"), np.float32)


def blurred_patches(photo: Floats, random: np.random.Generator) -> Floats:
    """Patches of the blurred photo, (patch, pixel), minus their means; flat ones, which need no atom, are excluded."""
    blurred = np.rint(gaussian_filter(photo, BLUR_SIGMA_PX))
    windows = np.lib.stride_tricks.sliding_window_view(blurred, (PATCH_PX, PATCH_PX))
    picked = random.integers(windows.shape[:2], size=(10 * PATCHES_PER_PHOTO, 2))
    patches = windows[picked[:, 0], picked[:, 1]].reshape(len(picked), -1)
    patches = patches - patches.mean(1, keepdims=True)
    return patches[(patches**2).sum(1) > ERROR**2][:PATCHES_PER_PHOTO]


def learn(patches: Floats, random: np.random.Generator) -> Floats:
    """Dictionary (pixel, atom) of unit atoms by K-SVD from ``patches`` (patch, pixel).

    Aharon, Elad and Bruckstein, "K-SVD: an algorithm for designing overcomplete dictionaries for sparse
    representation", IEEE TSP 54(11), 2006; an atom's update is one round of the power method, as in Rubinstein et al.
    2008.
    """
    patches = patches.astype(
        np.float64
    )  # in float32 the choice between atoms of equal fit depends on the number of threads
    dictionary = _unit(patches[random.choice(len(patches), ATOMS, replace=False)].T)
    for _ in range(ROUNDS):
        gram, products = dictionary.T @ dictionary, patches @ dictionary
        chosen, left = pursue(products, (patches**2).sum(1), gram, ERROR)
        codes = coefficients(chosen, products, gram)
        residual = patches - codes @ dictionary.T
        worst = iter(np.argsort(-left, kind="stable"))
        for atom in range(ATOMS):
            users = np.flatnonzero(codes[:, atom])
            if len(users) < 4:  # hardly used: replaced by the patch with the largest error
                dictionary[:, atom] = _unit(patches[next(worst)])
                continue
            without = residual[users] + np.outer(codes[users, atom], dictionary[:, atom])
            dictionary[:, atom] = _unit(without.T @ codes[users, atom])
            codes[users, atom] = without @ dictionary[:, atom]
            residual[users] = without - np.outer(codes[users, atom], dictionary[:, atom])
        print(
            f"{(chosen >= 0).sum(1).mean():.3f} atoms per patch, rms error {np.sqrt((residual**2).mean()):.3f}",
            flush=True,
        )
    return dictionary


def calibrate(paths: list[Path]) -> Floats:
    """Per radius a, b, c of atoms = a + b log2(contrast) + c log2(contrast)^2, with the estimator's weights."""
    estimator = jnb.JNB(noise_std=0)
    crops: list[Floats] = []
    for path in paths:
        crop = np.moveaxis(np.asarray(Image.open(path).convert("RGB"), np.float32) / 255, -1, 0)[:, :CROP_PX, :CROP_PX]
        atoms, contrast = estimator.features(crop, 2 * EVERY_PX)
        if (contrast > MIN_CONTRAST).mean() > 0.1 and atoms[contrast > MIN_CONTRAST].mean() > SHARP_ATOMS:
            crops.append(crop)
    chosen = crops[:: max(1, len(crops) // CALIBRATION_PHOTOS)]
    print(f"{len(crops)} sharp photos, {len(chosen)} used")
    rows = []
    for radius in RADII_PX:
        blur = BlurMap(
            np.full((CROP_PX, CROP_PX), radius, np.float32), step_px=0.25, boundary="replicate", encoding="srgb"
        )
        found = [estimator.features(np.floor(blur.apply(crop) * 255) / 255, EVERY_PX) for crop in chosen]
        atoms, contrast = (np.concatenate([pair[i].ravel() for pair in found]) for i in (0, 1))
        used = contrast > MIN_CONTRAST
        log, weight = np.log2(contrast[used]), np.sqrt(np.minimum(contrast[used], MAX_CONTRAST))
        design = np.stack([np.ones_like(log), log, log**2], 1)
        rows.append(np.linalg.lstsq(design * weight[:, None], atoms[used] * weight, rcond=None)[0])
    return np.array(rows)


def _unit(vectors: Floats) -> Floats:
    return vectors / np.linalg.norm(vectors, axis=0)


if __name__ == "__main__":
    main()
