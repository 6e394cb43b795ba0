"""The one training loop: any recipe, any task, on a CPU or on GPUs, resumed exactly where it stopped.

Everything random hangs on (seed, step, process) alone: the crops of a step, their blur and noise, dropout. So a resumed
training needs no state but weights, averages and moments, and goes on with the same losses as one that never stopped.

As soon as a number is no longer one, the training stops (``guard``), and the checkpoint is from before.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from refocal.catalog import find
from refocal.learn.crops.photos import Crops, open_crops
from refocal.learn.recipe import Recipe, to_json
from refocal.learn.recipe_fields import check_fields
from refocal.learn.tasks import TASKS, Task
from refocal.learn.training import checkpoint as checkpoints
from refocal.learn.training.log import TrainingLog
from refocal.learn.training.state import TrainingState
from refocal.learn.training.stop_signals import stop_signals
from refocal.types import InputError

CHECKPOINT, LOG, CURVE = "checkpoint.safetensors", "log.jsonl", "curve.png"

RESUMABLE_OVERRIDES = ("learning_rate", "final_learning_rate", "clip_norm")
"""Fields that a resumed training may change: how one goes on that went too fast."""


@dataclass(frozen=True)
class Run:
    """Where and how a recipe is trained; nothing here changes what is learned.

    Attributes:
        out: Folder for the checkpoint, the log and the curve.
        resume: Go on from the checkpoint in ``out``.
        device: ``auto``, ``cpu`` or ``cuda``.
        devices: How many processes share the batches.
        save_seconds: Between checkpoints.
        log_steps: Between lines of the log.
        minutes: Stop (resumably) after so long; 0 goes on to the end.
    """

    out: Path
    resume: bool = False
    device: str = "auto"
    devices: int = 1
    save_seconds: float = 180.0
    log_steps: int = 50
    minutes: float = 0.0


def train(recipe: Recipe, data: str | Path, run: Run, say: Callable[[str], None] | None = None) -> Path:
    """Train ``recipe`` on a file of crops.

    Args:
        recipe: What to do. A resumed training refuses another one than its checkpoint's, except for ``RESUMABLE_OVERRIDES``.
        data: File of crops (``crops.pack``).
        run: Where and how.
        say: Takes a line for the user now and then.

    Returns:
        Path of the checkpoint; ``out`` also holds log.jsonl and, at the end, curve.png.

    Raises:
        InputError: If the recipe or the run can't be followed, or a loss or weight is no longer a number; the
            checkpoint is from before that.
    """
    crops = open_crops(data)
    _check(recipe, crops, run)
    task: Task = find(TASKS, recipe.task, "task").load()(recipe)
    saved = checkpoints.load(run.out / CHECKPOINT) if run.resume else None
    if saved is not None and to_json(_with_overrides(saved.recipe, recipe)) != to_json(recipe):
        raise InputError(
            f"The checkpoint in {run.out} is of another recipe; resume with the same one, or begin elsewhere."
        )
    fabric = _fabric(recipe, run)
    fabric.launch()
    with torch.random.fork_rng(), stop_signals() as stopped:
        state = TrainingState(task, recipe, fabric, saved)
        log = TrainingLog(run.out / LOG, recipe, state.step, say, fabric.is_global_zero)
        _loop(state, crops, run, log, stopped)
        if fabric.is_global_zero and state.step == recipe.steps:
            log.draw(run.out / CURVE)
        fabric.barrier()
    return run.out / CHECKPOINT


def _loop(state: TrainingState, crops: Crops, run: Run, log: TrainingLog, stopped: Callable[[], bool]) -> None:
    recipe, fabric = state.recipe, state.fabric
    began = saved_at = time.monotonic()
    before, seen = state.seconds, 0
    with ThreadPoolExecutor(1) as reader, log:
        coming = reader.submit(_crops_at, crops, recipe, state.step, fabric)
        while state.step < recipe.steps:
            pixels = coming.result()
            if state.step + 1 < recipe.steps:
                coming = reader.submit(_crops_at, crops, recipe, state.step + 1, fabric)
            losses = state.do_step(pixels)
            seen += len(pixels) * fabric.world_size
            now = time.monotonic()
            state.seconds = before + now - began
            last = state.step == recipe.steps or _any(fabric, stopped() or 0 < 60 * run.minutes <= now - began)
            saves = last or _any(fabric, now - saved_at > run.save_seconds)
            if state.step % run.log_steps == 0 or last:
                state.guard.look()
                figures = {name: _mean(fabric, value).item() for name, value in losses.items()}
                log.step(state.step, figures, recipe.rate_at(state.step - 1), seen / (now - began))
            if fabric.is_global_zero and (state.step % recipe.validation_steps == 0 or state.step == recipe.steps):
                log.validation(state.step, state.validate(crops))
            if saves:
                state.save(run.out / CHECKPOINT)
                saved_at = time.monotonic()
            if last and state.step < recipe.steps:
                log.stopped(state.step)
                return


def _with_overrides(old: Recipe, new: Recipe) -> Recipe:
    return replace(old, **{name: getattr(new, name) for name in RESUMABLE_OVERRIDES})


def _crops_at(crops: Crops, recipe: Recipe, step: int, fabric: Fabric) -> Tensor:
    number, phase, inner = recipe.phase_at(step)
    seed = recipe.seed + number  # each phase has an order of its own
    batch = crops.batch(inner, phase.batch, phase.crop_px, seed, (fabric.global_rank, fabric.world_size))
    pixels = torch.from_numpy(batch)
    return pixels.pin_memory() if fabric.device.type == "cuda" else pixels


def _fabric(recipe: Recipe, run: Run) -> Fabric:
    if run.device not in ("auto", "cpu", "cuda"):
        raise InputError(f"The device is auto, cpu or cuda, not {run.device!r}.")
    if run.device == "cuda" and not torch.cuda.is_available():
        raise InputError("There is no CUDA device here: leave --device out, or install a torch that knows it.")
    accelerator = "cuda" if run.device == "auto" and torch.cuda.is_available() else run.device.replace("auto", "cpu")
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it announces every setting
    strategy = "ddp" if run.devices > 1 else "auto"
    return Fabric(accelerator=accelerator, devices=run.devices, strategy=strategy, precision=recipe.precision)


def _check(recipe: Recipe, crops: Crops, run: Run) -> None:
    check_fields(recipe)
    for phase in recipe.phases:
        if phase.crop_px > crops.pixels.shape[1] or phase.crop_px < 1:
            raise InputError(
                f"The recipe asks for crops of {phase.crop_px} px, the file's are {crops.pixels.shape[1]} px."
            )
        if phase.batch % run.devices or phase.batch < 1:
            raise InputError(f"A batch of {phase.batch} can't be shared by {run.devices} processes.")
    if min(recipe.steps, recipe.validation_steps, recipe.validation_crops, run.log_steps) < 1:
        raise InputError("A training, its log and its validation need at least one step and one crop.")
    if recipe.ema >= 1:
        raise InputError(f"The recipe's ema is a share below 1 that the average keeps at each step, not {recipe.ema}.")
    if "LOCAL_RANK" in os.environ:
        return  # a further process of a training that the first one has begun
    if run.resume and not (run.out / CHECKPOINT).is_file():
        raise InputError(f"There is no checkpoint in {run.out} to resume from.")
    if not run.resume and (run.out / CHECKPOINT).exists():
        raise InputError(
            f"{run.out} holds a training already: add --resume to go on with it, or choose another folder."
        )
    try:
        run.out.mkdir(parents=True, exist_ok=True)
    except OSError:
        raise InputError(
            f"{run.out} can't be made into a folder: a file is in its place, or it may not be written."
        ) from None


def _any(fabric: Fabric, mine: bool) -> bool:
    """Whether any process wants to stop: then all do, after the same step."""
    if fabric.world_size == 1:
        return mine
    return bool(fabric.all_reduce(torch.tensor(float(mine), device=fabric.device), reduce_op="sum"))


def _mean(fabric: Fabric, value: Tensor) -> Tensor:
    mean: Any = fabric.all_reduce(value)
    return mean
