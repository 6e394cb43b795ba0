"""Measure the log energies of local spectra under 23 disks, and write the table that ``dandres`` and ``liu`` read.

Run: ``python benchmarks/learn_spectra.py FOLDER [--out FILE]`` with a folder of sharp photos of at least 300 px a side.
The shipped table is from the 209 photos of CID22's training part (half a minute on one core).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from refocal.estimators import local_spectra
from refocal.images import io
from refocal.images.colour import luma
from refocal.optics.convolution import convolve_valid
from refocal.optics.kernels import disk
from refocal.types import InputError

SEED, PHOTOS, CROP_PX, STEP_PX, MARGIN_PX = 0, 100, 256, 16, 16
WITH_CONTENT = 2e-5  # minimum mean energy of a window of the sharp photo; that of a step of about 1 %


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=local_spectra.TABLE)
    given = parser.parse_args()
    random = np.random.default_rng(SEED)
    paths = sorted(path for path in given.folder.iterdir() if path.suffix in io.SUFFIXES)
    if not paths:
        raise InputError(f"There is no photo in {given.folder}: give a folder of sharp photos.")
    logs: list[list[np.ndarray]] = [[] for _ in local_spectra.LEVELS_PX]
    for index in random.permutation(len(paths))[:PHOTOS]:
        for found, energies in zip(logs, of_photo(paths[index], random), strict=True):
            found.append(energies)
    rows = [np.concatenate(found) for found in logs]
    # The contrast is unknown to the estimator, so only differences from the lowest three rings count.
    rows = [row - row[:, :3].mean(1, keepdims=True) for row in rows]
    grain = random.normal(0, 1, (512, 512)).astype(np.float32)
    rows.append(np.log(inner(grain)))
    table = np.stack([np.vstack([row.mean(0), np.cov(row.T)]) for row in rows]).astype(np.float32)
    np.save(given.out, table)
    print(f"{given.out}: {table.shape}, from {len(rows[0])} windows of {min(PHOTOS, len(paths))} photos.")


def of_photo(path: Path, random: np.random.Generator) -> list[np.ndarray]:
    """Log energies (windows, rings) of one crop under each disk, in windows with content when sharp."""
    grey = luma(io.to_float(io.read(path).pixels))[0]
    side = CROP_PX + 2 * MARGIN_PX
    top, left = (int(random.integers(length - side)) for length in grey.shape)
    grey = grey[top : top + side, left : left + side]
    out = []
    for radius_px in local_spectra.LEVELS_PX:
        kernel = disk(radius_px)
        cut = MARGIN_PX - kernel.shape[0] // 2
        out.append(inner(np.asarray(convolve_valid(grey[None, cut : side - cut, cut : side - cut], kernel)[0])))
    content = out[0].mean(1) > WITH_CONTENT
    return [np.log(energies[content] + 1e-11) for energies in out]


def inner(grey: np.ndarray) -> np.ndarray:
    """Energies (windows, rings) of the windows inside the image."""
    energies = local_spectra.ring_energies(grey, STEP_PX)[1:-1, 1:-1]
    return energies.reshape(-1, energies.shape[-1])


if __name__ == "__main__":
    main()
