"""Score methods on pixel4_dp against the ground truth, and against the ground truth registered to the photo.

The all-in-focus images of the set are displaced from the photos by up to two pixels at full size: a shift, and a
difference in magnification, as a lens has when its focus moves. No restoration of the photo can know of it, so the
plain score punishes sharpness. Here the displacement is measured on the unrestored photo alone: each tile of 65 px is
compared with the truth blurred by the best disk, and an affine map is fitted to the shifts. Writes registered.csv.
"""

from __future__ import annotations

import argparse
import csv
import datetime
from pathlib import Path

import numpy as np
from scipy.ndimage import map_coordinates

from pair_errors import TILE_PX, left_by
from refocal.datasets import Pair, open_dataset
from refocal.inference.network_file import weights_sha256
from refocal.methods import METHODS, make_method
from refocal.optics.blur import Psf
from refocal.optics.kernels import disk
from refocal.provenance import commit
from refocal.restore import restore
from refocal.types import Array

OUT = Path(__file__).with_name("registered.csv")
STRIDE_PX, ROUNDS = 32, 2
MIN_CONTRAST = 0.02
MAX_SHIFT_PX = 2.0
BORDER_PX = 16
LARGEST_PX = {4: 9.0, 2: 13.0}
HEAD = ("method", "weights_sha256", "data", "gain_db", "lowest_db", "registered_gain_db", "registered_lowest_db")
HEAD = (*HEAD, "truth_db", "commit", "date")


def main() -> None:
    """Measure the methods named on the command line; other rows of the file stay."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("methods", nargs="*", default=["default", "fast", "classical", "unsharp-mask"])
    parser.add_argument("--weights", action="append", default=[], help="a file for default; its rows are only printed")
    values = parser.parse_args()
    kept = list(csv.DictReader(OUT.open())) if OUT.exists() else []
    rows = [row for row in kept if row["method"] not in values.methods]
    for scale in (4, 2):
        pairs = [open_dataset(f"pixel4_dp/{scale}")[i] for i in range(8)]
        truths = [registered(pair, scale) for pair in pairs]
        for file in values.weights:
            print(file, *measure("default", {"weights": file, "target": "all"}, scale, pairs, truths).values())
        for name in () if values.weights else values.methods:
            rows.append(measure(name, {"target": "all"} if name in ("default", "fast") else {}, scale, pairs, truths))
            print(*rows[-1].values())
    if values.weights:
        return
    rows.sort(key=lambda row: (list(METHODS).index(row["method"]), row["data"]))
    with OUT.open("w", newline="") as file:
        writer = csv.DictWriter(file, HEAD, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def measure(name: str, options: dict[str, str], scale: int, pairs: list[Pair], truths: list[Array]) -> dict[str, str]:
    """One row: gains over the photo against both truths, and the registered truth's own score."""
    method, plain, moved = make_method(name, options), [], []
    for pair, truth in zip(pairs, truths, strict=True):
        restored = restore(pair.blurred, method, "zhuo-sim" if method.needs else None).image[0]
        plain.append(score(restored, pair.sharp[0]) - score(pair.blurred[0], pair.sharp[0]))
        moved.append(score(restored, truth) - score(pair.blurred[0], truth))
    own = np.mean([score(truth, pair.sharp[0]) for pair, truth in zip(pairs, truths, strict=True)])
    figures = (np.mean(plain), min(plain), np.mean(moved), min(moved), own)
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    facts = (name, weights_sha256(method), f"pixel4_dp/{scale}", *(f"{figure:.2f}" for figure in figures))
    return dict(zip(HEAD, (*facts, commit(), date), strict=True))


def registered(pair: Pair, scale: int) -> Array:
    """The truth (H, W) moved to where the photo shows it; the encoding is kept."""
    sharp, photo = (image[0].astype(np.float64) ** 2.2 for image in (pair.sharp, pair.blurred))
    photo = photo * (sharp.mean() / photo.mean())
    height, width = sharp.shape
    down, across = np.mgrid[:height, :width].astype(np.float64)
    place = np.stack([np.ones(sharp.size), (down.ravel() - height / 2) / 100, (across.ravel() - width / 2) / 100], 1)
    affine = np.zeros((2, 3))

    def moved(image: Array) -> Array:
        by = [(place @ part).reshape(sharp.shape) for part in affine]
        found: Array = map_coordinates(image, [down + by[0], across + by[1]], order=3, mode="nearest")
        return found

    for _ in range(ROUNDS):
        shifts, places = _shifts(moved(sharp), photo, LARGEST_PX[scale])
        for axis in (0, 1):
            affine[axis] += _robust(places, shifts[:, axis])
    return moved(pair.sharp[0].astype(np.float64))


def score(image: Array, truth: Array) -> float:
    """PSNR of (H, W) with gain and offset fitted, as the data set's protocol has it."""
    image, truth = (part[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX].astype(np.float64) for part in (image, truth))
    left = left_by(truth, [image, np.ones_like(image)])[0]
    return float(-10 * np.log10((left**2).mean()))


def _shifts(sharp: Array, photo: Array, largest_px: float) -> tuple[Array, Array]:
    """Shifts (N, 2) in pixels of the tiles, and their places (N, 3) as in ``registered``."""
    stack = [Psf(disk(radius)).apply(sharp[None])[0] for radius in np.arange(0.25, largest_px, 0.25)]
    height, width = sharp.shape
    shifts, places = [], []
    for top in range(0, height - TILE_PX + 1, STRIDE_PX):
        for left in range(0, width - TILE_PX + 1, STRIDE_PX):
            here = slice(top, top + TILE_PX), slice(left, left + TILE_PX)
            if sharp[here].std() < MIN_CONTRAST:
                continue
            tile, ones = photo[here], np.ones((TILE_PX, TILE_PX))
            best = min(stack, key=lambda image: left_by(tile, [image[here], ones])[0].std())
            slopes = [np.gradient(best, axis=axis)[here] for axis in (0, 1)]
            weights = left_by(tile, [best[here], ones, *slopes])[1]
            shifts.append(np.clip(weights[2:4] / weights[0], -MAX_SHIFT_PX, MAX_SHIFT_PX))
            middle = TILE_PX // 2
            places.append((1.0, (top + middle - height / 2) / 100, (left + middle - width / 2) / 100))
    return np.array(shifts), np.array(places)


def _robust(places: Array, shifts: Array) -> Array:
    """Least squares without the tiles that are far off, as at depth edges."""
    kept = np.ones(len(shifts), bool)
    for _ in range(3):
        found = np.linalg.lstsq(places[kept], shifts[kept], rcond=None)[0]
        off = np.abs(shifts - places @ found)
        kept = off < 2 * off[kept].std() + 0.05
    return np.asarray(found)


if __name__ == "__main__":
    main()
