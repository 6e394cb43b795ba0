"""Images per second of the training loop against a minimal loop, with the same network, crops, pairs and precision.

Run: ``python benchmarks/training.py [--device cuda]``; appends a row per loop to training.csv.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from refocal.learn.crops.photos import open_crops
from refocal.learn.pairs.uniform import MeanBlur
from refocal.learn.recipe import Phase, Recipe
from refocal.learn.recipes import RECIPES
from refocal.learn.tasks import make_network
from refocal.learn.train import Run, train
from refocal.learn.training.log import read_log

OUT = Path(__file__).with_suffix(".csv")


def main() -> None:
    """Measure both alternately, twice, and keep the better rate of each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--crop-px", type=int, default=64)
    given = parser.parse_args()
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
