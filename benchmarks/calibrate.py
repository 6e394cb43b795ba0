"""Calibrate the confidence of a focus-unet on training photos, and write the file again with the two numbers.

Usage: ``python benchmarks/calibrate.py IN.onnx OUT.onnx FOLDER [FOLDER ...]``. The network is run at full size and, as
by the survey, at a quarter; a logistic regression of "right within half a pixel or a quarter" on the log-odds of the
confidence gives slope and offset. Photos of a test set are not used.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx

from calibration_photos import photos, right
from refocal.images.grids import reduce_mean
from refocal.inference.focus import open_focus, predict
from refocal.inference.survey import REDUCTION, reduced
from refocal.learn.crops.photos import photos_in
from refocal.learn.export.onnx_file import About, export, load_state
from refocal.learn.nets import NETWORKS, make_config
from refocal.types import Array

MAX_PHOTOS = 150
READ_AT_FULL_PX, READ_BY_SURVEY_PX = (0.0, 8.0), (5.0, 100.0)
"""True radii at which the reading of each size is used, see ``refocal.inference.survey.merged``."""


def main() -> None:
    """Fit and write."""
    source, out, *folders = sys.argv[1:]
    metadata = {entry.key: entry.value for entry in onnx.load(source).metadata_props}
    plain = replace(
        make_config(metadata["network"], json.loads(metadata["config"])), confidence_slope=1.0, confidence_offset=0.0
    )
    _write(plain, source, out, metadata)
    odds, hits = _readings(out, photos_in(folders, 1)[:MAX_PHOTOS])
    slope, offset = _logistic(odds, hits)
    print(f"slope {slope:.3f}, offset {offset:.3f}, {len(odds)} places")
    _write(replace(plain, confidence_slope=round(slope, 3), confidence_offset=round(offset, 3)), source, out, metadata)


def _write(config: object, source: str, out: str, metadata: dict[str, str]) -> None:
    network = NETWORKS[metadata["network"]].load()(config)
    network.load_state_dict(load_state(Path(source)))
    about = About(
        metadata["network"],
        config,
        metadata["name"],
        metadata["recipe"],
        int(metadata["steps"]),
        metadata["licence"],
        int(metadata["context_px"]),
    )
    print(export(network, Path(out), about, int(metadata["bits"]), overwrite=True))


def _readings(weights: str, paths: list[Path]) -> tuple[Array, Array]:
    """Log-odds of the confidence, and whether the radius is right, at every eighth pixel of both sizes."""
    file, odds, hits = open_focus(weights), [], []
    for photo, truth in photos(paths):
        for times, image, true_px, (low, high) in (
            (1, photo, truth, READ_AT_FULL_PX),
            (REDUCTION, reduced(photo), reduce_mean(truth, REDUCTION), READ_BY_SURVEY_PX),
        ):
            _, radius_px, confidence = predict(image, file)
            step = 16 if times == 1 else 4
            found = right(times * radius_px, true_px)[::step, ::step]
            confidence = np.clip(confidence[::step, ::step].astype(np.float64), 1e-4, 1 - 1e-4)
            used = (true_px[::step, ::step] >= low) & (true_px[::step, ::step] <= high)
            odds.append(np.log(confidence / (1 - confidence))[used])
            hits.append(found[used])
    return np.concatenate(odds), np.concatenate(hits).astype(np.float64)


def _logistic(odds: Array, hits: Array) -> tuple[float, float]:
    """Newton's method on the log-likelihood of a slope and an offset."""
    weights = np.array([1.0, 0.0])
    matrix = np.stack([odds, np.ones_like(odds)], 1)
    for _ in range(30):
        chance = 1 / (1 + np.exp(-matrix @ weights))
        slope = matrix.T @ (hits - chance)
        curvature = (matrix * (chance * (1 - chance))[:, None]).T @ matrix
        weights = weights + np.linalg.solve(curvature, slope)
    return float(weights[0]), float(weights[1])


if __name__ == "__main__":
    main()
