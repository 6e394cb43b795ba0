"""The training loop: any recipe, any task, on a CPU or on GPUs, resumed exactly.

Everything random depends on (seed, step, process) alone: the crops of a step, their blur and noise, dropout. So the
state of a training is its weights, averages and moments, and a resumed training has the same losses as one that never
stopped. A training stops as soon as a loss, gradient or weight is not finite; the checkpoint is from before.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor

from refocal.catalog import find
from refocal.learn.crops.photos import Crops, open_crops
from refocal.learn.crops.resident import ResidentCrops, resident
from refocal.learn.recipe import Recipe, to_json
from refocal.learn.recipe_fields import check_fields
from refocal.learn.tasks import TASKS, Task
from refocal.learn.training import checkpoint as checkpoints
from refocal.learn.training.log import TrainingLog, draw_curve
from refocal.learn.training.run import CHECKPOINT, CURVE, LOG, Run, check_run, make_fabric
from refocal.learn.training.state import TrainingState
from refocal.learn.training.stop_signals import stop_signals
from refocal.types import InputError

__all__ = ["Run", "train"]

RESUMABLE_OVERRIDES = ("learning_rate", "final_learning_rate", "clip_norm")
"""Fields that may differ on resumption: what can be changed when a training diverged."""


def train(recipe: Recipe, data: str | Path, run: Run, say: Callable[[str], None] | None = None) -> Path:
    """Train ``recipe`` on a file of crops.

    Args:
        recipe: The training. On resumption it must equal the checkpoint's, except for ``RESUMABLE_OVERRIDES`` and the
            texts ``about`` and ``source``, and for ``start``, which is behind it.
        data: File of crops (``crops.photos.pack``).
        run: Output folder, device, processes.
        say: Called with lines for the user now and then.

    Returns:
        Path of the checkpoint; ``run.out`` also holds log.jsonl and, at the end, curve.png.

    Raises:
        InputError: If the recipe or the run can't be followed, or a loss, gradient or weight is not finite; the
            checkpoint is from before that.
    """
    crops = open_crops(data)
    check_fields(recipe)
    check_run(recipe, crops, run)
    task = cast(Task, find(TASKS, recipe.task, "task").load())
    saved = checkpoints.load(run.out / CHECKPOINT) if run.resume else None
    if saved is not None and not _continues(saved.recipe, recipe):
        raise InputError(
            f"The checkpoint in {run.out} is of another recipe; resume with the same one, or choose another folder."
        )
    fabric = make_fabric(recipe, run)
    fabric.launch()
    with torch.random.fork_rng(), stop_signals() as stopped:
        state = TrainingState(task, recipe, fabric, saved)
        log = TrainingLog(run.out / LOG, recipe, state.step, say, fabric.is_global_zero)
        _loop(state, crops, run, log, stopped)
        if fabric.is_global_zero and state.step == recipe.steps:
            missing = draw_curve(run.out / LOG, recipe.about, run.out / CURVE, overwrite=run.resume)
            if missing and say is not None:
                say(missing)
        fabric.barrier()
    return run.out / CHECKPOINT


def _loop(state: TrainingState, crops: Crops, run: Run, log: TrainingLog, stopped: Callable[[], bool]) -> None:
    """Steps to the end or until stopped; logs, validates and saves at the intervals of the recipe and the run."""
    recipe, fabric = state.recipe, state.fabric
    began = saved_at = time.monotonic()
    before, images = state.seconds, 0
    written = run.resume  # until then, no other training's checkpoint is replaced
    source = resident(crops, fabric.device)
    with ThreadPoolExecutor(1) as reader, log:
        coming = reader.submit(_crops_at, source, recipe, state.step, fabric)
        while state.step < recipe.steps:
            pixels = coming.result()
            if state.step + 1 < recipe.steps:
                coming = reader.submit(_crops_at, source, recipe, state.step + 1, fabric)
            losses = state.do_step(pixels)
            images += len(pixels) * fabric.world_size
            now = time.monotonic()
            state.seconds = before + now - began
            finished = state.step == recipe.steps
            last = finished or _any(fabric, stopped() or 0 < 60 * run.minutes <= now - began)
            saves = last or _any(fabric, now - saved_at > run.save_seconds)
            if state.step % run.log_steps == 0 or last:
                state.finite.raise_if_any()
                figures = {name: _mean(fabric, value).item() for name, value in losses.items()}
                log.step(state.step, figures, recipe.rate_at(state.step - 1), images / (now - began))
            if fabric.is_global_zero and (state.step % recipe.validation_steps == 0 or finished):
                log.validation(state.step, state.validate(crops))
            if saves:
                state.save(run.out / CHECKPOINT, overwrite=written)
                written = True
                saved_at = time.monotonic()
            if last and not finished:
                log.stopped(state.step)
                return


def _continues(old: Recipe, new: Recipe) -> bool:
    """Whether a training of ``old`` may be resumed as ``new``."""
    same = {name: getattr(new, name) for name in (*RESUMABLE_OVERRIDES, "about", "source", "start")}
    return to_json(replace(old, **same)) == to_json(new)


def _crops_at(crops: Crops | ResidentCrops, recipe: Recipe, step: int, fabric: Fabric) -> Tensor:
    """This process's uint8 crops (N, H, W, C) of a step, on the CPU or, if they are resident there, on the device."""
    number, phase, inner = recipe.phase_at(step)
    seed = recipe.seed + number  # the crops of each phase have an order of their own
    batch = crops.batch(inner, phase.batch, phase.crop_px, seed, (fabric.global_rank, fabric.world_size))
    if isinstance(batch, Tensor):
        return batch
    pixels = torch.from_numpy(batch)
    return pixels.pin_memory() if fabric.device.type == "cuda" else pixels


def _any(fabric: Fabric, mine: bool) -> bool:
    """Whether it is true on any process, so that all stop or save after the same step."""
    if fabric.world_size == 1:
        return mine
    return bool(fabric.all_reduce(torch.tensor(float(mine), device=fabric.device), reduce_op="sum"))


def _mean(fabric: Fabric, value: Tensor) -> Tensor:
    mean: Any = fabric.all_reduce(value)
    return mean
