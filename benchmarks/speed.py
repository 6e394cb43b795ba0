"""Time ``refocal deblur`` with every method on a colour photo of growing size; write and draw benchmarks/speed.csv.

Each measurement is the whole command in a new process, on the cores available to this one. ``seconds`` is the time for
one photo from reading the JPEG to writing it (``identity`` measures that alone), an estimated map included; for photos
below ``SHORT_S``, the best of ``RUNS`` in one process. ``command_seconds`` is the time of the command on one photo,
start-up included. ``gflop_per_megapixel`` counts the method's own network, not the estimator's.

A size that is expected to take longer than the limit is ``skipped`` (``--methods classical --sizes 24 --limit-s 300``
measures it). Methods whose networks differ only in the weights cost the same: the first is timed, unless others are
named. About a quarter of an hour on two idle cores.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from flops import gflop_per_megapixel, network_of, shape_of
from quality_cost import OUT as PICTURE
from quality_cost import draw
from refocal.catalog import find
from refocal.methods import METHODS
from refocal.provenance import commit
from refocal.types import InputError
from refocal.weights import locate

ROOT = Path(__file__).resolve().parents[1]
OUT = Path(__file__).with_name("speed.csv")
PHOTO = ROOT / "examples" / "wall_focused_left.jpg"  # sharp on the left, increasingly blurred to the right
SIZES = (0.5, 1, 2, 6, 12, 24)
LIMIT_S = 30.0
RUNS, SHORT_S = 3, 3.0
ESTIMATOR = "zhuo-sim"  # as in benchmarks/evaluate.sh
_MAP = ("--estimator", ESTIMATOR)
BLUR_FLAGS = {"psf": ("--radius-px", "2.5"), "blur": _MAP, "map": _MAP}
"""The blur given to a method, by what it needs."""

COLUMNS = (
    *("method", "blur", "megapixels", "seconds", "seconds_per_megapixel", "command_seconds", "peak_mib"),
    *("gflop_per_megapixel", "weights_sha256", "runs", "cores", "commit", "date"),
)
Rows = list[dict[str, str]]

# The peak memory of a process includes its parent's memory at the start, so the command's parent must be small.
LAUNCHER = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
try:
    done = subprocess.run(sys.argv[2:], timeout=float(sys.argv[1]), stderr=subprocess.PIPE, text=True)
except subprocess.TimeoutExpired:
    print(json.dumps(None))
else:
    peak_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps([done.returncode, done.stderr, time.perf_counter() - start, peak_kib]))
"""


def main() -> None:
    """Measure the named methods, or all; other rows of the file are kept."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--methods", type=lambda text: text.split(","), default=None, help="names, separated by commas")
    parser.add_argument(
        "--sizes", type=lambda text: sorted(map(float, text.split(","))), default=SIZES, help="megapixels"
    )
    parser.add_argument("--limit-s", type=float, default=LIMIT_S, help="skip sizes that would take longer")
    parser.add_argument("--csv", type=Path, default=OUT)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    given = parser.parse_args()
    rows = list(csv.DictReader(given.csv.open(encoding="utf-8", newline=""))) if given.csv.exists() else []
    with tempfile.TemporaryDirectory() as folder:
        photos = [save_photo(Path(folder), size) for size in given.sizes]
        for method in given.methods or distinct(METHODS):
            try:
                fresh = measure(method, photos, given.limit_s)
            except InputError as error:  # such as weights that aren't shipped
                sys.stderr.write(f"{method}: {error}\n")
                continue
            rows = replaced(rows, fresh)
            write(given.csv, rows)
    draw(rows, given.picture)


def distinct(methods: Iterable[str]) -> list[str]:
    """Methods of distinct cost: the first of those whose networks have the same shape."""
    firsts: dict[tuple[str, str], str] = {}
    for method in methods:
        firsts.setdefault(shape_of(method), method)
    return list(firsts.values())


def save_photo(folder: Path, megapixels: float) -> Path:
    """An example photo, extended by mirroring or cropped, with sides of three by two."""
    with Image.open(PHOTO) as photo:
        pixels = np.asarray(photo.convert("RGB"))
    height = round((megapixels * 1e6 * 2 / 3) ** 0.5)
    missing = [(0, max(0, length - had)) for length, had in zip((height, height * 3 // 2), pixels.shape, strict=False)]
    extended = np.pad(pixels, (*missing, (0, 0)), "symmetric")[:height, : height * 3 // 2]
    path = folder / f"{megapixels:g}.jpg"
    Image.fromarray(extended).save(path, quality=92)
    return path


def measure(method: str, photos: Sequence[Path], limit_s: float) -> Rows:
    """The method's rows, smallest photo first.

    Raises:
        InputError: If there is no such method or it can't run here.
    """
    needs, file = find(METHODS, method, "method").needs, network_of(method)
    fixed = {
        "method": method,
        "blur": "given" if needs == "psf" else f"estimated:{ESTIMATOR}" if needs in ("blur", "map") else "none",
        "gflop_per_megapixel": f"{gflop_per_megapixel(locate(METHODS[method].make().weights)):.1f}" if file else "",
        "weights_sha256": file.weights_sha256 if file else "",
        "cores": str(len(os.sched_getaffinity(0))),
        "commit": commit(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
    rows, pace = [], 0.0
    for photo in photos:
        with Image.open(photo) as image:
            megapixels = image.width * image.height / 1e6
        measured = best(method, photo, limit_s) if pace * megapixels <= limit_s else None
        row = fixed | {"megapixels": photo.stem, "seconds": "skipped"}
        if measured is None:
            pace = float("inf")
        else:
            seconds, command_seconds, peak_mib, runs = measured
            pace = seconds / megapixels
            figures = {"seconds": seconds, "seconds_per_megapixel": pace, "command_seconds": command_seconds}
            row |= {name: f"{value:.3f}" for name, value in figures.items()}
            row |= {"peak_mib": f"{peak_mib:.0f}", "runs": str(runs)}
        rows.append({name: row.get(name, "") for name in COLUMNS})
        print(*rows[-1].values(), sep="  ", flush=True)
    return rows


def best(method: str, photo: Path, limit_s: float) -> tuple[float, float, float, int] | None:
    """Seconds of the photo and of the command, peak MiB, runs; None if it took more than twice the limit."""
    once = command(method, photo, 1, 2 * limit_s)
    if once is None or once[0] > SHORT_S:
        return once and (*once, 1)
    again = command(method, photo, RUNS, 2 * limit_s)
    return again and (*again, RUNS)


def command(method: str, photo: Path, runs: int, timeout_s: float) -> tuple[float, float, float] | None:
    """Run ``refocal deblur`` on copies of a photo: best seconds, seconds of the command on one, peak MiB.

    Raises:
        InputError: If it fails.
    """
    with tempfile.TemporaryDirectory(dir=photo.parent) as name:
        folder = Path(name)
        copies = [shutil.copy(photo, folder / f"{run}.jpg") for run in range(runs)]
        words = [
            Path(sys.executable).with_name("refocal"),
            "deblur",
            *copies,
            "-o",
            f"{folder}/out/",
            "--method",
            method,
        ]
        words += ["--log", folder / "log.jsonl", *BLUR_FLAGS.get(METHODS[method].needs, ())]
        launch = [sys.executable, "-S", "-c", LAUNCHER, str(timeout_s), *map(str, words)]
        outcome = json.loads(subprocess.run(launch, stdout=subprocess.PIPE, text=True, check=True).stdout)
        if outcome is None:
            return None
        code, errors, whole_s, peak_kib = outcome
        if code:
            raise InputError(errors.strip())
        seconds = [
            json.loads(line)["seconds"] for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
        ]
    return min(seconds), whole_s - sum(seconds[1:]), peak_kib / 1024


def replaced(rows: Rows, fresh: Rows) -> Rows:
    """The rows, updated for the same method and size, in the order of METHODS and of size."""
    newest = {(row["method"], float(row["megapixels"])): row for row in (*rows, *fresh)}
    order = {name: index for index, name in enumerate(METHODS)}
    return [newest[key] for key in sorted(newest, key=lambda key: (order.get(key[0], len(order)), key))]


def write(path: Path, rows: Rows) -> None:
    """Write the rows, after every method so that no measurement is lost."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
