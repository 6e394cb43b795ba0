"""Measure every estimator on known blur: 22 Kodak crops under two kinds of maps; writes benchmarks/maps.csv.

Mean absolute error of the radius in pixels, over all pixels and over those on edges of the blurred photo (Canny, sigma
1), where the blur can be measured; Spearman's rank correlation per photo where the true map varies; seconds per
megapixel. Estimates are cut to 6 px, the maximum of the true maps: some estimators are limited to it, and would gain by
that alone.
"""

from __future__ import annotations

import csv
import datetime
import os
import sys
import time
from pathlib import Path

import numpy as np

from refocal import metrics
from refocal.datasets import open_dataset
from refocal.estimators import ESTIMATORS
from refocal.images.colour import luma
from refocal.images.edges import canny
from refocal.provenance import commit
from refocal.types import InputError

OUT = Path(__file__).with_name("maps.csv")
DATA = ("kodak22/ramps", "kodak22")
MAX_RADIUS_PX = 6.0
HEAD = (
    *("estimator", "data", "mae_px", "mae_on_edges_px", "bias_px", "spearman"),
    *("n", "seconds_per_megapixel", "cores", "commit", "date"),
)


def main() -> None:
    """Measure the estimators named on the command line, or all that can run here; other rows of the file stay."""
    wanted = sys.argv[1:] or list(ESTIMATORS)
    kept = list(csv.DictReader(OUT.open())) if OUT.exists() else []
    rows = [row for row in kept if row["estimator"] not in wanted]
    for name in wanted:
        for data in DATA:
            try:
                row = measure(name, data)
            except InputError as error:  # weights that aren't shipped, a file that only a user has
                sys.stderr.write(f"{name}: {error}\n")
                break
            sys.stderr.write(f"{row}\n")
            rows.append(row)
    order = list(ESTIMATORS)
    rows.sort(key=lambda row: (DATA.index(row["data"]), order.index(row["estimator"])))
    with OUT.open("w", newline="") as file:
        writer = csv.DictWriter(file, HEAD, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def measure(name: str, data: str) -> dict[str, str]:
    """One row."""
    pairs = open_dataset(data)
    errors, on_edges, biases, ranks, seconds, pixels = [], [], [], [], 0.0, 0
    for pair in (pairs[i] for i in range(len(pairs))):
        true = pair.extras["blur"].radius_px
        began = time.perf_counter()
        found = ESTIMATORS[name].make()(pair.blurred).radius_px
        seconds += time.perf_counter() - began
        found = np.minimum(found, MAX_RADIUS_PX)
        pixels += true.size
        error = np.abs(found - true)
        errors.append(error.mean())
        on_edges.append(error[canny(luma(pair.blurred)[0])].mean())
        biases.append((found - true).mean())
        if np.ptp(true) > 0 and np.ptp(found) > 0:
            ranks.append(float(metrics.spearman(found, true)))
    figures = (np.mean(errors), np.mean(on_edges), np.mean(biases), np.mean(ranks))
    facts = [name, data, *(f"{figure:.3f}" for figure in figures), str(len(pairs)), f"{seconds / pixels * 1e6:.2f}"]
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    return dict(zip(HEAD, (*facts, str(os.cpu_count()), commit(), date), strict=True))


if __name__ == "__main__":
    main()
