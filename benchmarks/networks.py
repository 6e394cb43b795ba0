"""Time the networks of METHODS on a grey megapixel in ONNX Runtime and eager torch; append to benchmarks/networks.csv.

Medians in seconds per megapixel, of alternating runs. Torch runs in both memory layouts, and the faster one counts.
Arguments select methods; an .onnx file is timed too, but not written to the file.
"""

from __future__ import annotations

import copy
import csv
import datetime
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from refocal.inference.network_file import open_network
from refocal.methods import METHODS
from refocal.methods.network import Network
from refocal.types import Array
from refocal.weights import locate

SIDE_PX = 1024
RUNS = 5
OUT = Path(__file__).with_name("networks.csv")
COLUMNS = ("what", "seconds", "beside", "beside_seconds", "runs", "cores", "date", "weights_sha256")


def main() -> None:
    """Measure the named methods, or all, and append the rows."""
    lines = [name for name, entry in METHODS.items() if entry.load() is Network]
    for name in sys.argv[1:] or lines:
        is_file = name.endswith(".onnx")
        row = measure(name, Network(name) if is_file else METHODS[name].make())
        print(*row, sep="  ", flush=True)
        if not is_file:
            new = not OUT.exists()
            with OUT.open("a", newline="", encoding="utf-8") as file:
                csv.writer(file, lineterminator="\n").writerows([COLUMNS, row] if new else [row])


def measure(name: str, method: Network) -> tuple[object, ...]:
    """One row."""
    image = np.random.default_rng(0).random((1, SIDE_PX, SIDE_PX), np.float32)
    layouts = eager(method, image)
    seconds, *others = (1e6 / SIDE_PX**2 * each for each in medians([lambda: method(image), *layouts.values()]))
    layout, fastest = min(zip(layouts, others, strict=True), key=lambda pair: pair[1], default=("", 0.0))
    today, cores = datetime.datetime.now(datetime.UTC).date().isoformat(), len(os.sched_getaffinity(0))
    eager_seconds = f"{fastest:.4f}" if layout else ""
    return f"{name}, 1 MP grey", f"{seconds:.4f}", layout, eager_seconds, RUNS, cores, today, method.weights_sha256


def eager(method: Network, image: Array) -> dict[str, Callable[[], object]]:
    """The same network in torch, by memory layout; empty without torch."""
    try:
        import torch

        from refocal.learn.export.onnx_file import load_state
        from refocal.learn.nets import NETWORKS, make_config
    except ImportError:
        return {}
    file = open_network(method.weights)
    entry = NETWORKS[file.network]
    network = entry.load()(make_config(file.network, json.loads(file.config))).eval()
    network.load_state_dict(load_state(locate(method.weights)))
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    batch = torch.from_numpy(image[None])

    def run(layout: torch.memory_format) -> Callable[[], object]:
        laid_out, pixels = copy.deepcopy(network).to(memory_format=layout), batch.to(memory_format=layout)

        def once() -> object:
            with torch.inference_mode():
                return laid_out(pixels)

        return once

    return {"torch": run(torch.contiguous_format), "torch, channels_last": run(torch.channels_last)}


def medians(functions: list[Callable[[], object]]) -> list[float]:
    """Median seconds of each, after one warm-up run of each."""
    measured: list[list[float]] = [[] for _ in functions]
    for run in range(RUNS + 1):
        for function, times in zip(functions, measured, strict=True):
            start = time.perf_counter()
            function()
            if run:
                times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in measured]


if __name__ == "__main__":
    main()
