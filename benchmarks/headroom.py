"""Measure what a method gains under a blur that it could undo exactly; writes benchmarks/headroom.csv.

The first three ground truths of pixel4_dp at a quarter of their size, blurred by a uniform disk in linear light, with
noise or without, 8 bits. The gain is the PSNR of the restored image less that of the blurred one, 16 px border left
out. A deconvolution is given the true radius; a network is not. A network that has learned inversion gains about as
much as they do without noise; one that has learned contrast gains less.
"""

from __future__ import annotations

import argparse
import csv
import datetime
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from refocal import metrics
from refocal.datasets import open_dataset
from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.inference.network_file import weights_sha256
from refocal.methods import METHODS, make_method
from refocal.optics.blur import Psf
from refocal.optics.kernels import disk
from refocal.provenance import commit
from refocal.restore import restore
from refocal.types import Array

OUT = Path(__file__).with_name("headroom.csv")
SCENES = 3
RADII_PX = (2.0, 3.0, 5.0)
NOISE_DB = 38.0
NOISES = {"none": None, "white 38 dB": 0.0, "smooth 38 dB": 1.0}
"""Name -> sigma in pixels of the Gaussian that smooths the noise; its standard deviation is kept."""

BORDER_PX = 16
HEAD = ("method", "weights_sha256", "noise", "radius_px", "gain_db", "lowest_db", "n", "commit", "date")
KNOW_THE_RADIUS = ("wiener", "hyper-laplacian", "levin-sparse")


def main() -> None:
    """Measure the methods named on the command line; other rows of the file stay."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("methods", nargs="*", default=["default", "fast", *KNOW_THE_RADIUS], metavar="METHOD")
    parser.add_argument("--weights", help="an .onnx file for the method default, in place of the shipped one")
    parser.add_argument("--dry", action="store_true", help="print the rows without writing them")
    values = parser.parse_args()
    kept = list(csv.DictReader(OUT.open())) if OUT.exists() else []
    rows = [row for row in kept if row["method"] not in values.methods]
    for name in values.methods:
        found = measure(name, {"weights": values.weights} if values.weights else {})
        print(f"{name:20}", *(f"{row['noise']} {row['radius_px']}: {row['gain_db']}" for row in found), sep="  ")
        rows += found
    if values.dry:
        return
    order = list(METHODS)
    rows.sort(key=lambda row: order.index(row["method"]))
    with OUT.open("w", newline="") as file:
        writer = csv.DictWriter(file, HEAD, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def measure(name: str, options: dict[str, str]) -> list[dict[str, str]]:
    """The rows of a method: one for each noise and radius."""
    method = make_method(name, options)
    pairs = open_dataset("pixel4_dp/4")
    rows = []
    for noise, grain_px in NOISES.items():
        for radius_px in RADII_PX:
            gains = []
            for i in range(SCENES):
                sharp = pairs[i].sharp
                photo = photographed(sharp, radius_px, grain_px, seed=i)
                blur = radius_px if method.needs else None
                restored = restore(photo, method, blur).image
                gains.append(_psnr(restored, sharp) - _psnr(photo, sharp))
            facts = (name, weights_sha256(method), noise, f"{radius_px:g}", f"{np.mean(gains):.2f}")
            date = datetime.datetime.now(datetime.UTC).date().isoformat()
            rows.append(dict(zip(HEAD, (*facts, f"{min(gains):.2f}", str(SCENES), commit(), date), strict=True)))
    return rows


def photographed(sharp: Array, radius_px: float, grain_px: float | None, seed: int) -> Array:
    """``sharp`` (1, H, W) blurred in linear light, with noise of the smoothness ``grain_px``, rounded to 8 bits."""
    blurred = linear_to_srgb(Psf(disk(radius_px)).apply(srgb_to_linear(sharp)))
    if grain_px is not None:
        noise = np.random.default_rng(seed).standard_normal(sharp.shape)
        smooth = gaussian_filter(noise, (0, grain_px, grain_px)) if grain_px else noise
        blurred = blurred + 10 ** (-NOISE_DB / 20) * smooth / smooth.std()
    return (np.round(255 * np.clip(blurred, 0, 1)) / 255).astype(np.float32)


def _psnr(image: Array, sharp: Array) -> float:
    inner = (..., slice(BORDER_PX, -BORDER_PX), slice(BORDER_PX, -BORDER_PX))
    return float(metrics.psnr(image[inner], sharp[inner]))


if __name__ == "__main__":
    main()
