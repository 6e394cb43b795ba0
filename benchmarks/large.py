"""Restore a 24 megapixel JPEG with every method, as a whole process: seconds and peak memory, into benchmarks/large.csv."""

from __future__ import annotations

import csv
import datetime
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from refocal.methods import METHODS

ROOT = Path(__file__).resolve().parents[1]
OUT = Path(__file__).with_name("large.csv")
HEIGHT, WIDTH = 4000, 6000


def main() -> None:
    """Measure the methods named, or all, and write the rows."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    with tempfile.TemporaryDirectory() as folder, OUT.open("w", newline="", encoding="utf-8") as file:
        photo = Path(folder) / "photo.jpg"
        _mosaic().save(photo, quality=92)
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("method", "megapixels", "seconds", "peak_mib", "cores", "date"))
        for method in sys.argv[1:] or METHODS:
            seconds, peak_mib = measure(photo, method)
            row = (method, HEIGHT * WIDTH / 1e6, f"{seconds:.1f}", round(peak_mib), len(os.sched_getaffinity(0)), today)
            writer.writerow(row)
            file.flush()
            print(*row, sep="  ", flush=True)


def measure(photo: Path, method: str) -> tuple[float, float]:
    """Seconds and peak resident MiB of ``refocal deblur`` on the photo."""
    command = str(Path(sys.executable).with_name("refocal"))
    words = [command, "deblur", str(photo), "-o", str(photo.with_name("out.jpg")), "--method", method, "--overwrite"]
    start = time.perf_counter()
    process = os.posix_spawn(command, words, os.environ)
    _, status, usage = os.wait4(process, 0)
    if status:
        sys.exit(f"{' '.join(words)} failed.")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def _mosaic() -> Image.Image:
    """The example photos side by side until 24 megapixels are full."""
    photos = [np.asarray(Image.open(path).convert("RGB")) for path in sorted((ROOT / "examples").glob("*.jpg"))]
    picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    size_y, size_x = (min(photo.shape[axis] for photo in photos) for axis in (0, 1))
    for count, (top, left) in enumerate((y, x) for y in range(0, HEIGHT, size_y) for x in range(0, WIDTH, size_x)):
        tile = picture[top : top + size_y, left : left + size_x]
        tile[:] = photos[count % len(photos)][: tile.shape[0], : tile.shape[1]]
    return Image.fromarray(picture)


if __name__ == "__main__":
    main()
