"""Settings of a training that aren't in its recipe: output folder, device, processes; and their checks."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning_fabric import Fabric

from refocal.files.whole import check_target
from refocal.learn.crops.photos import Crops
from refocal.learn.recipe import Recipe
from refocal.types import InputError

CHECKPOINT, LOG, CURVE = "checkpoint.safetensors", "log.jsonl", "curve.png"
"""Files in the output folder."""


@dataclass(frozen=True)
class Run:
    """Settings that don't change the result of a training.

    Attributes:
        out: Folder for the checkpoint, the log and the curve.
        resume: Continue from the checkpoint in ``out``.
        device: ``auto``, ``cpu`` or ``cuda``.
        devices: Number of processes that share each batch.
        save_seconds: Seconds between checkpoints.
        log_steps: Steps between lines of the log.
        minutes: Stop, resumably, after this many minutes; 0 trains to the end.
    """

    out: Path
    resume: bool = False
    device: str = "auto"
    devices: int = 1
    save_seconds: float = 180.0
    log_steps: int = 50
    minutes: float = 0.0


def check_run(recipe: Recipe, crops: Crops, run: Run) -> None:
    """Refuse sizes that don't fit the crops or the run, and an output folder that can't be used; create the folder.

    Raises:
        InputError: If the recipe or the run can't be followed.
    """
    for phase in recipe.phases:
        if phase.crop_px > crops.pixels.shape[1] or phase.crop_px < 1:
            raise InputError(
                f"The recipe needs crops of {phase.crop_px} px, the file's are {crops.pixels.shape[1]} px."
            )
        if phase.batch % run.devices or phase.batch < 1:
            raise InputError(f"A batch of {phase.batch} can't be shared by {run.devices} processes.")
    if min(recipe.steps, recipe.validation_steps, recipe.validation_crops, run.log_steps) < 1:
        raise InputError("A training, its log and its validation need at least one step and one crop.")
    if recipe.ema >= 1:
        raise InputError(f"The recipe's ema is a decay below 1, not {recipe.ema}.")
    if "LOCAL_RANK" in os.environ:
        return  # a further process, started by the first one, which has checked the folder
    if run.resume and not (run.out / CHECKPOINT).is_file():
        raise InputError(f"There is no checkpoint in {run.out} to resume from.")
    if not run.resume and (run.out / CHECKPOINT).exists():
        raise InputError(f"{run.out} already holds a training: add --resume to continue it, or choose another folder.")
    for name in (LOG, CURVE):
        if not run.resume and os.path.lexists(run.out / name):
            raise InputError(
                f"{run.out} holds {name}, but no checkpoint to resume from: remove it, or choose another folder."
            )
    try:
        run.out.mkdir(parents=True, exist_ok=True)
    except OSError:
        raise InputError(
            f"The folder {run.out} can't be created: a file has its name, or permission is missing."
        ) from None
    check_target(run.out / CHECKPOINT, overwrite=run.resume)  # now, not after hours


def make_fabric(recipe: Recipe, run: Run) -> Fabric:
    """Device, processes and precision of a training.

    Raises:
        InputError: If the device is unknown or missing.
    """
    if run.device not in ("auto", "cpu", "cuda"):
        raise InputError(f"The device is auto, cpu or cuda, not {run.device!r}.")
    if run.device == "cuda" and not torch.cuda.is_available():
        raise InputError("There is no CUDA device here: omit --device, or install a torch that supports it.")
    accelerator = "cuda" if run.device == "auto" and torch.cuda.is_available() else run.device.replace("auto", "cpu")
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it announces every setting
    strategy = "ddp" if run.devices > 1 else "auto"
    return Fabric(accelerator=accelerator, devices=run.devices, strategy=strategy, precision=recipe.precision)
