"""Time the numerical core against public libraries, and the start of the command line; write benchmarks/core.csv.

Values are medians in seconds. The two functions of a pair run alternately, so that a drift in speed affects both alike.
"""

from __future__ import annotations

import csv
import datetime
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.signal import fftconvolve
from skimage.restoration import richardson_lucy

from refocal.methods.hyper_laplacian import HyperLaplacian
from refocal.methods.richardson_lucy import RichardsonLucy
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.kernels import disk
from refocal.propagation import domain_transform, matting

RUNS = 9
OUT = Path(__file__).with_name("core.csv")


def main() -> None:
    """Measure everything and write the rows."""
    rng = np.random.default_rng(0)
    two, one = rng.random((1, 1000, 2000), dtype=np.float32), rng.random((1, 1000, 1000), dtype=np.float32)
    colour = rng.random((3, 1000, 1000), dtype=np.float32)
    wide, small = Psf(disk(30.0)), Psf(disk(5.0))
    theirs_wide, theirs_small = disk(30.0).astype(np.float32), disk(5.0).astype(np.float32)
    # The worst case: pixels of every level all over the image.
    levels = BlurMap((0.5 + 5.5 * rng.random((1000, 1000))).astype(np.float32))
    ramp = BlurMap(np.linspace(0.5, 6, 1000, dtype=np.float32) * np.ones((1000, 1), np.float32))
    sparse, mask = rng.random((1250, 1600), dtype=np.float32), rng.random((1250, 1600)) < 0.05
    guide = np.cumsum(rng.normal(0, 0.02, (3, 1250, 1600)), axis=2).astype(np.float32) % 1

    def convolved() -> object:
        return fftconvolve(two[0], theirs_wide, mode="same")

    rows = [
        ("blur, 61x61, 2 MP", lambda: wide.apply(two), "scipy.signal.fftconvolve", convolved, RUNS),
        ("adjoint, 61x61, 2 MP", lambda: wide.adjoint(two), "scipy.signal.fftconvolve", convolved, RUNS),
        (
            "richardson-lucy, 30 iterations, 11x11, 1 MP",
            lambda: RichardsonLucy(30)(one, small),
            "skimage.restoration.richardson_lucy",
            lambda: richardson_lucy(one[0], theirs_small, 30),
            5,
        ),
        ("hyper-laplacian, 12 levels all over, 1 MP grey", lambda: HyperLaplacian()(one, levels), "", None, 5),
        ("hyper-laplacian, 12 levels all over, 1 MP colour", lambda: HyperLaplacian()(colour, levels), "", None, 3),
        (
            "hyper-laplacian, 12 levels from left to right, 1 MP colour",
            lambda: HyperLaplacian()(colour, ramp),
            "",
            None,
            3,
        ),
        ("matting Laplacian, 2 MP", lambda: matting.spread(sparse, mask.astype(np.float32), guide), "", None, 1),
        (
            "domain transform, 5 iterations, 2 MP",
            lambda: domain_transform.domain_transform(sparse, guide, 156, 3.75, 5),
            "",
            None,
            5,
        ),
        ("refocal --help, whole process", lambda: _command("--help"), "", None, RUNS),
        ("refocal methods, whole process", lambda: _command("methods"), "", None, RUNS),
    ]
    today, cores = datetime.datetime.now(datetime.UTC).date().isoformat(), len(os.sched_getaffinity(0))
    with OUT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("what", "seconds", "beside", "beside_seconds", "runs", "cores", "date"))
        for what, ours, beside, theirs, runs in rows:
            seconds, theirs_seconds = medians(ours, theirs, runs)
            row = (what, f"{seconds:.4f}", beside, f"{theirs_seconds:.4f}" if theirs else "", runs, cores, today)
            writer.writerow(row)
            print(*row, sep="  ", flush=True)


def _command(word: str) -> None:
    subprocess.run([Path(sys.executable).with_name("refocal"), word], capture_output=True, check=True)


def medians(ours: Callable[[], object], theirs: Callable[[], object] | None, runs: int) -> tuple[float, float]:
    """Median seconds of both, after one warm-up run each."""
    times: tuple[list[float], list[float]] = ([], [])
    for run in range(runs + 1):
        for function, found in zip((ours, theirs), times, strict=True):
            if function is not None:
                start = time.perf_counter()
                function()
                if run or runs == 1:
                    found.append(time.perf_counter() - start)
    return statistics.median(times[0]), statistics.median(times[1]) if times[1] else 0.0


if __name__ == "__main__":
    main()
