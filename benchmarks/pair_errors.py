"""Measure what a blur model leaves unexplained in real and in synthetic pairs; writes benchmarks/pair_errors.csv.

Each tile of 65 px of the blurred photo is fitted, in linear light, from the sharp one by models of increasing freedom:
the best disk; with a gain and an offset of the tile's own; with a shift by a fraction of a pixel; with a softer or
harder rim; with any kernel. What is left is given as PSNR, and its correlation with the left and upper neighbour says
whether it is white. The real pairs are those of pixel4_dp at 1/4 and 1/2; the synthetic ones are made by the recipe of
``default`` from a file of crops.
"""

from __future__ import annotations

import argparse
import csv
import datetime
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from refocal.datasets import open_dataset
from refocal.images.colour import srgb_to_linear
from refocal.optics.blur import Psf
from refocal.optics.kernels import disk
from refocal.provenance import commit
from refocal.types import Array

OUT = Path(__file__).with_name("pair_errors.csv")
TILE_PX, STRIDE_PX, STEP_PX = 65, 48, 0.25
RIM_PX = 0.7
"""Sigma of the Gaussian whose effect stands for a softer rim."""

RIDGE = 1e-4
MODELS = ("disk", "gain and offset", "shift", "rim", "any kernel")
HEAD = (
    *("pairs", "tiles", "radius_px", "model", "psnr_db", "correlation", "shift_px", "gain_std", "rim_std"),
    *("edges", "brightness", "commit", "date"),
)


def main() -> None:
    """Fit all pairs and write a row for each kind of pairs and model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crops", type=Path, help="file of crops for the synthetic pairs, from refocal crops")
    values = parser.parse_args()
    kinds = {f"pixel4_dp/{scale}": list(_real(scale)) for scale in (4, 2)}
    if values.crops:
        kinds["default, synthetic"] = list(_synthetic(values.crops))
    rows = [row for name, pairs in kinds.items() for row in _rows(name, pairs)]
    with OUT.open("w", newline="") as file:
        writer = csv.DictWriter(file, HEAD, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        print(*(row[name] for name in HEAD[:-2]), sep="  ")


def _real(scale: int) -> Iterator[tuple[Array, Array]]:
    """Sharp and blurred luma (H, W) in linear light, the global gain fitted."""
    pairs = open_dataset(f"pixel4_dp/{scale}")
    for pair in (pairs[i] for i in range(len(pairs))):
        sharp, blurred = (image[0].astype(np.float64) ** 2.2 for image in (pair.sharp, pair.blurred))
        yield sharp, blurred * (sharp.mean() / blurred.mean())


def _synthetic(crops: Path) -> Iterator[tuple[Array, Array]]:
    """As ``_real``, of single crops large enough for one tile: the last phase of the recipe, without its tone curve."""
    import torch

    from refocal.learn.crops.photos import open_crops
    from refocal.learn.recipes.default import DEFAULT
    from refocal.learn.tasks import make_pairs

    plain = {"tone": 0.0, "sharpening": 0.0, "resized": 0.0, "highlights": 0.0, "in_focus": 0.0, "smooth": 0.0}
    recipe = replace(DEFAULT, phases=DEFAULT.phases[-1:], pairs_options={**DEFAULT.pairs_options, **plain})
    pixels = torch.from_numpy(np.ascontiguousarray(open_crops(crops).validation(192, 128)))
    made = make_pairs(recipe, pixels, torch.Generator().manual_seed(0), 0)
    for sharp, blurred in zip(
        made["sharp"][:, 0].double().numpy(), made["blurred"][:, 0].double().numpy(), strict=True
    ):
        yield srgb_to_linear(sharp), srgb_to_linear(blurred)


def _rows(name: str, pairs: list[tuple[Array, Array]]) -> Iterator[dict[str, str]]:
    found = [tile for sharp, blurred in pairs for tile in _tiles(sharp, blurred)]
    radius_px = float(np.median([tile["radius_px"] for tile in found]))
    for model in MODELS:
        left = [tile[model] for tile in found]
        power = np.mean([np.mean(each**2) for each in left])
        along = np.mean([(each[:, 1:] * each[:, :-1]).mean() / max((each**2).mean(), 1e-12) for each in left])
        down = np.mean([(each[1:] * each[:-1]).mean() / max((each**2).mean(), 1e-12) for each in left])
        edges = np.mean([_correlation(np.abs(tile[model]), tile["steep"]) for tile in found])
        bright = np.mean([_correlation(np.abs(tile[model]), tile["light"]) for tile in found])
        shift = np.sqrt(np.mean([tile["moved_px"] ** 2 for tile in found]))
        gain, rim = (np.std([tile[fact] for tile in found]) for fact in ("gain", "rim_share"))
        facts = (
            name,
            len(found),
            f"{radius_px:.2f}",
            model,
            f"{-10 * np.log10(power):.2f}",
            f"{(along + down) / 2:.2f}",
        )
        facts = (*facts, f"{shift:.3f}", f"{gain:.4f}", f"{rim:.3f}", f"{edges:.2f}", f"{bright:.2f}")
        date = datetime.datetime.now(datetime.UTC).date().isoformat()
        yield dict(zip(HEAD, (*map(str, facts), commit(), date), strict=True))


def _tiles(sharp: Array, blurred: Array) -> Iterator[dict[str, Array]]:
    """What each model leaves of each tile, divided by the slope of the tone curve there: in sRGB-like units."""
    radii = np.arange(0.25, 13, STEP_PX) if max(sharp.shape) > 400 else np.arange(0.25, 9, STEP_PX)
    stack = [Psf(disk(radius)).apply(sharp[None])[0] for radius in radii]
    height, width = sharp.shape
    for top in range(0, height - TILE_PX + 1, STRIDE_PX):
        for left in range(0, width - TILE_PX + 1, STRIDE_PX):
            here = slice(top, top + TILE_PX), slice(left, left + TILE_PX)
            if sharp[here].std() < 0.01:
                continue
            yield _fitted(sharp, blurred, stack, radii, here)


def _fitted(
    sharp: Array, blurred: Array, stack: list[Array], radii: Array, here: tuple[slice, slice]
) -> dict[str, Array]:
    photo = blurred[here]
    ones = np.ones_like(photo)
    errors = [left_by(photo, [image[here], ones])[0].std() for image in stack]
    best = int(np.argmin(errors))
    disk_only = stack[best]
    plain = photo - disk_only[here]
    own, weights = left_by(photo, [disk_only[here], ones])
    slopes = [np.gradient(disk_only, axis=axis)[here] for axis in (0, 1)]
    shifted, moved = left_by(photo, [disk_only[here], ones, *slopes])
    soft = (gaussian_filter(disk_only, RIM_PX) - disk_only)[here]
    wider = (stack[min(best + 1, len(stack) - 1)] - stack[max(best - 1, 0)])[here]
    rimmed, rim = left_by(photo, [disk_only[here], ones, *slopes, wider, soft])
    half = int(np.ceil(radii[best])) + 2
    step = 1 if half <= 6 else 2
    taps = [
        np.roll(sharp, (y, x), (0, 1))[here]
        for y in range(-half, half + 1, step)
        for x in range(-half, half + 1, step)
        if y * y + x * x <= (half + 0.5) ** 2
    ]
    free = left_by(photo, [disk_only[here], ones, *slopes, wider, soft, *taps], RIDGE)[0]
    # In linear light, d(light^(1/2.2)) = light^(1/2.2 - 1) / 2.2 d(light).
    shown = np.clip(photo, 0.01, 1) ** (1 / 2.2 - 1) / 2.2
    left = {model: each * shown for model, each in zip(MODELS, (plain, own, shifted, rimmed, free), strict=True)}
    facts = {
        "radius_px": radii[best],
        "gain": weights[0],
        "moved_px": np.hypot(*(moved[2:4] / moved[0])) / np.sqrt(2),
        "rim_share": rim[5],
        "steep": np.hypot(*slopes),
        "light": photo,
    }
    return {**left, **facts}


def left_by(photo: Array, parts: list[Array], ridge: float = 0.0) -> tuple[Array, Array]:
    """What a least-squares fit leaves, and its coefficients."""
    matrix = np.stack([part.ravel() for part in parts], 1)
    normal = matrix.T @ matrix
    normal = normal + (ridge * len(matrix) * 1e-2 + 1e-12) * np.eye(len(normal))
    weights = np.linalg.solve(normal, matrix.T @ photo.ravel())
    return photo - (matrix @ weights).reshape(photo.shape), weights


def _correlation(one: Array, other: Array) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1]) if one.std() and other.std() else 0.0


if __name__ == "__main__":
    main()
