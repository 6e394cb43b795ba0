"""Images per second of the training loop against a minimal loop, with the same network, crops, pairs and precision.

Run: ``python benchmarks/training.py [--device cuda]``; appends a row per loop to training.csv. With ``--profile``, the
parts of a step of one recipe are timed instead, and printed.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from refocal.learn.crops.photos import open_crops
from refocal.learn.crops.resident import resident
from refocal.learn.pairs.uniform import MeanBlur
from refocal.learn.recipe import Phase, Recipe
from refocal.learn.recipes import RECIPES
from refocal.learn.tasks import TASKS, make_network, make_pairs
from refocal.learn.train import Run, train
from refocal.learn.training.log import read_log
from refocal.learn.training.run import make_fabric
from refocal.learn.training.state import TrainingState

OUT = Path(__file__).with_suffix(".csv")


def main() -> None:
    """Measure both alternately, twice, and keep the better rate of each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--crop-px", type=int, default=64)
    parser.add_argument("--profile", action="store_true", help="print the milliseconds of a step's parts")
    parser.add_argument("--recipe", default="default", help="for --profile")
    parser.add_argument("--compile", action="store_true", help="for --profile")
    given = parser.parse_args()
    if given.profile:
        profile(given)
        return
    recipe = replace(
        RECIPES["sharpness-unet-beta-0-short"],
        phases=(Phase(given.steps, given.crop_px, given.batch),),
        validation_steps=10**9,
        compile=given.device == "cuda",
    )
    with tempfile.TemporaryDirectory() as folder:
        crops = Path(folder) / "crops.npy"
        np.save(crops, np.random.default_rng(0).integers(0, 256, (400, 128, 128, 3), dtype=np.uint8))
        rates = {"refocal train": 0.0, "plain loop": 0.0}
        for attempt in range(2):
            rates["plain loop"] = max(rates["plain loop"], plain(recipe, crops, given.device))
            rates["refocal train"] = max(
                rates["refocal train"], ours(recipe, crops, given.device, Path(folder) / str(attempt))
            )
    device = torch.cuda.get_device_name() if given.device == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    shared = {"device": device, "network": recipe.network, "precision": recipe.precision}
    shared |= {"batch": given.batch, "crop_px": given.crop_px, "date": datetime.date.today().isoformat()}
    rows = [{"loop": name, "images_per_s": f"{rate:.1f}", **shared} for name, rate in rates.items()]
    new = not OUT.exists()
    with OUT.open("a", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerows(rows)
    for name, rate in rates.items():
        print(f"{name}: {rate:.1f} images/s")
    print(f"{rates['refocal train'] / rates['plain loop']:.0%}")


def profile(given: argparse.Namespace) -> None:
    """Time the parts of a step, waiting for the device after each; the median over the steps after the first three."""
    recipe = replace(
        RECIPES[given.recipe], phases=(Phase(given.steps, given.crop_px, given.batch),), compile=given.compile, start=""
    )
    side = given.crop_px
    pixels = np.random.default_rng(0).integers(0, 256, (2 * given.batch, side // 8, side // 8, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        crops = Path(folder) / "crops.npy"
        np.save(crops, np.kron(pixels, np.ones((1, 8, 8, 1), np.uint8)))
        opened = open_crops(crops)
        fabric = make_fabric(recipe, Run(Path(folder), device=given.device))
        task = TASKS[recipe.task].load()
        state = TrainingState(task, recipe, fabric, None)
        source = resident(opened, fabric.device)
        times: dict[str, list[float]] = {}
        for step in range(given.steps):
            _timed_step(state, source, step, times)
        began = time.perf_counter()
        for step in range(given.steps):
            state.step = step
            state.do_step(_batch(source, recipe, step))
        _wait(given.device)
        whole = (time.perf_counter() - began) / given.steps
        waits = _waits(state, source) if given.device == "cuda" else "not counted on a CPU"
    name = torch.cuda.get_device_name() if given.device == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"{given.recipe}, {given.batch} crops of {given.crop_px} px, {recipe.precision}, {name}")
    for part, seconds in times.items():
        print(f"  {part:12} {1e3 * float(np.median(seconds[3:] or seconds)):8.1f} ms")
    print(f"  {'whole step':12} {1e3 * whole:8.1f} ms, {given.batch / whole:.0f} images/s")
    print(f"  waits for the device in a step: {waits}")


def _timed_step(state: Any, source: Any, step: int, times: dict[str, list[float]]) -> None:
    recipe, device = state.recipe, state.fabric.device.type
    clock = [time.perf_counter()]

    def part(name: str) -> None:
        _wait(device)
        now = time.perf_counter()
        times.setdefault(name, []).append(now - clock[0])
        clock[0] = now

    pixels = _batch(source, recipe, step).to(state.fabric.device)
    part("crops")
    with torch.no_grad():
        batch = make_pairs(recipe, pixels, torch.Generator(state.fabric.device).manual_seed(step), step)
    part("pairs")
    losses = state.task.losses(recipe, "network", state.networks, batch, step)
    part("forward")
    optimiser = state.optimisers["network"]
    optimiser.zero_grad()
    state.fabric.backward(torch.stack(list(losses.values())).sum())
    part("backward")
    state.fabric.clip_gradients(state.networks["network"], optimiser, max_norm=1.0, error_if_nonfinite=False)
    part("clipping")
    optimiser.step()
    part("optimiser")
    if state.average is not None:
        state.average.update(state.plain["network"], step)
    part("average")


def _batch(source: Any, recipe: Recipe, step: int) -> torch.Tensor:
    phase = recipe.phases[0]
    return torch.as_tensor(source.batch(step, phase.batch, phase.crop_px, 0))


def _waits(state: Any, source: Any) -> str:
    """How often a step waits for the GPU, by torch's own warnings."""
    torch.cuda.set_sync_debug_mode("warn")
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        state.step = 0
        state.do_step(_batch(source, state.recipe, 0))
    torch.cuda.set_sync_debug_mode("default")
    return str(sum("synchroniz" in str(each.message) for each in found))


def ours(recipe: Recipe, crops: Path, device: str, out: Path) -> float:
    """Images per second over the second half; the first compiles and warms up."""
    half = recipe.steps // 2
    train(recipe, crops, Run(out, device=device, log_steps=half, save_seconds=1e9))
    lines = [line for line in read_log(out / "log.jsonl") if "loss" in line]
    first, last = (
        half * recipe.phases[0].batch / line["images_per_s"] * n for n, line in zip((1, 2), lines, strict=True)
    )
    return half * recipe.phases[0].batch / (last - first)


def plain(recipe: Recipe, crops: Path, device: str) -> float:
    """A minimal loop: the same crops, pairs, precision and optimiser; no weight average, log or checkpoint."""
    phase, pixels = recipe.phases[0], open_crops(crops)
    network = make_network(recipe).to(device, memory_format=torch.channels_last)
    compiled = torch.compile(network) if recipe.compile else network
    optimiser = torch.optim.Adam(network.parameters(), recipe.learning_rate, fused=True)
    pairs, random = MeanBlur(), torch.Generator(device)
    start = 0.0
    for step in range(recipe.steps):
        if step == recipe.steps // 2:
            _wait(device)
            start = time.perf_counter()
        batch = pairs(torch.from_numpy(pixels.batch(step, phase.batch, phase.crop_px, 0)).to(device), random)
        with torch.autocast(device, torch.bfloat16, enabled=recipe.precision == "bf16-mixed"):
            restored = compiled(batch["blurred"])
        loss = (restored.float() - batch["sharp"]).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.clip_norm)
        optimiser.step()
    _wait(device)
    return (recipe.steps - recipe.steps // 2) * phase.batch / (time.perf_counter() - start)


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
