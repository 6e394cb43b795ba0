"""Whether the confidence is the probability that a radius is right; writes reliability.csv and a plot.

Photos of kodak24 and cid22 under known blur (``calibration_photos``): of the pixels with a confidence near c, the share
with a radius that is right within half a pixel or a quarter of itself. None of these photos was used in training or in
calibration.
"""

from __future__ import annotations

import csv
import datetime
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np

from calibration_photos import photos, right
from refocal.estimators import make_estimator
from refocal.inference.network_file import weights_sha256
from refocal.provenance import commit

OUT = Path(__file__).with_name("reliability.csv")
PLOT = Path(__file__).parents[1] / "docs" / "pictures" / "reliability.svg"
EDGES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
HEAD = ("estimator", "weights_sha256", "low", "high", "confidence", "right", "share", "commit", "date")


def main() -> None:
    """Measure the estimators named on the command line, or default and fast."""
    names = sys.argv[1:] or ["default", "fast"]
    rows = [row for name in names for row in measure(name)]
    with OUT.open("w", newline="") as file:
        writer = csv.DictWriter(file, HEAD, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        print(*list(row.values())[:7], sep="  ")
    draw(rows)


def measure(name: str) -> list[dict[str, str]]:
    """A row for each range of the confidence."""
    estimator = make_estimator(name)
    sure, hits = [], []
    for photo, truth in photos(test_photos(), seed=1):
        found = estimator(photo)
        sure.append(found.confidence[::4, ::4].ravel())
        hits.append(right(found.radius_px, truth)[::4, ::4].ravel())
    confidence, hit = np.concatenate(sure), np.concatenate(hits)
    rows = []
    for low, high in pairwise(EDGES):
        here = (confidence >= low) & (confidence < high if high < 1 else confidence <= 1)
        if here.any():
            facts = (confidence[here].mean(), hit[here].mean(), here.mean())
            head = (name, weights_sha256(estimator), f"{low:g}", f"{high:g}")
            date = datetime.datetime.now(datetime.UTC).date().isoformat()
            rows.append(dict(zip(HEAD, (*head, *(f"{fact:.3f}" for fact in facts), commit(), date), strict=True)))
    return rows


def test_photos() -> list[Path]:
    """Files of the two sets, alternating."""
    import os

    root = Path(os.environ["REFOCAL_DATA"])
    sets = [sorted((root / name).glob("*.png")) for name in ("kodak24", "cid22")]
    return [path for both in zip(*sets, strict=False) for path in both]


def draw(rows: list[dict[str, str]]) -> None:
    """The curve of each estimator beside the diagonal."""
    import matplotlib.figure

    figure = matplotlib.figure.Figure((5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", lw=1, label="calibrated")
    for name in dict.fromkeys(row["estimator"] for row in rows):
        own = [row for row in rows if row["estimator"] == name]
        axes.plot([float(row["confidence"]) for row in own], [float(row["right"]) for row in own], "o-", label=name)
    axes.set(xlabel="confidence", ylabel="share of right radii", xlim=(0, 1), ylim=(0, 1))
    axes.legend()
    figure.savefig(PLOT, metadata={"Date": None})


if __name__ == "__main__":
    main()
