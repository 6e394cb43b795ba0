"""The one training loop: any recipe, any task, on a CPU or on GPUs, resumed exactly where it stopped.

Everything random hangs on (seed, step, process) alone: the crops of a step, their blur and noise, dropout. So a resumed
training needs no state but weights, averages and moments, and goes on with the same losses as one that never stopped.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from refocal.catalog import find
from refocal.learn import checkpoint as checkpoints
from refocal.learn.crops import Crops, open_crops
from refocal.learn.recipe import Recipe, to_json
from refocal.learn.stop_signals import stop_signals
from refocal.learn.tasks import TASKS, Task
from refocal.learn.training_log import TrainingLog
from refocal.types import InputError

CHECKPOINT, LOG, CURVE = "checkpoint.safetensors", "log.jsonl", "curve.png"


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
        recipe: What to do. A resumed training takes the recipe of its checkpoint, and refuses another.
        data: File of crops (``crops.pack``).
        run: Where and how.
        say: Takes a line for the user now and then.

    Returns:
        Path of the checkpoint; ``out`` also holds log.jsonl and, at the end, curve.png.

    Raises:
        InputError: If the recipe or the run can't be followed, or a loss is no longer a number; then the last checkpoint is
            from before that.
    """
    crops = open_crops(data)
    _check(recipe, crops, run)
    task: Task = find(TASKS, recipe.task, "task").load()(recipe)
    saved = checkpoints.load(run.out / CHECKPOINT) if run.resume else None
    if saved is not None and to_json(saved.recipe) != to_json(recipe):
        raise InputError(f"The checkpoint in {run.out} is of another recipe; resume with the same one, or begin elsewhere.")
    fabric = _fabric(recipe, run)
    fabric.launch()
    with torch.random.fork_rng(), stop_signals() as stopped:
        state = _State(task, recipe, fabric, saved)
        log = TrainingLog(run.out / LOG, recipe, state.step, say, fabric.is_global_zero)
        _loop(state, crops, run, log, stopped)
        if fabric.is_global_zero and state.step == recipe.steps:
            log.draw(run.out / CURVE)
        fabric.barrier()
    return run.out / CHECKPOINT


class _State:
    """Networks, their optimisers and averages, and the steps done."""

    def __init__(self, task: Task, recipe: Recipe, fabric: Fabric, saved: checkpoints.Checkpoint | None) -> None:
        self.task, self.recipe, self.fabric = task, recipe, fabric
        self.step = saved.step if saved else 0
        self.seconds = float(saved.about["seconds"]) if saved else 0.0
        self.validation: dict[str, float] = saved.about["validation"] if saved else {}
        torch.manual_seed(recipe.seed)
        self.plain = task.networks()
        if saved is None and recipe.start:
            _load_start(self.plain["network"], recipe)
        self.networks: dict[str, nn.Module] = {}
        self.optimisers: dict[str, Any] = {}
        for name, network in self.plain.items():
            if saved is not None:
                network.load_state_dict(saved.part(f"weights/{name}"))
            network.to(fabric.device, memory_format=torch.channels_last if recipe.channels_last else torch.contiguous_format)
            kind = torch.optim.AdamW if recipe.optimiser == "adamw" else torch.optim.Adam
            optimiser = kind(network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)
            if saved is not None:
                checkpoints.restore_optimiser(optimiser, saved.part(f"optimiser/{name}"))
            ready = torch.compile(network) if recipe.compile else network
            self.networks[name], self.optimisers[name] = fabric.setup(ready, optimiser)
        self.average: AveragedModel | None = None
        if recipe.ema:
            # Early on the average must follow fast, or it remembers the beginning.
            def mean(kept: Any, new: Any, count: Any) -> None:
                get_ema_multi_avg_fn(min(recipe.ema, (1 + self.step) / (10 + self.step)))(kept, new, count)

            self.average = AveragedModel(self.plain["network"], multi_avg_fn=mean, use_buffers=True)
            if saved is not None:
                self.average.module.load_state_dict(saved.part("average"))
                self.average.n_averaged.fill_(self.step)

    def do_step(self, crops: Tensor) -> dict[str, Tensor]:
        """One step on uint8 crops (N, H, W, C); returns the losses."""
        seed = int(np.random.SeedSequence([self.recipe.seed, self.step, self.fabric.global_rank]).generate_state(1)[0])
        torch.manual_seed(seed)
        random = torch.Generator(self.fabric.device).manual_seed(seed)
        with torch.no_grad():
            batch = self.task.pairs(crops.to(self.fabric.device, non_blocking=True), random, self.step)
        batch = {name: self._laid_out(tensor) for name, tensor in batch.items()}
        told: dict[str, Tensor] = {}
        for turn in self.task.turns(self.step):
            optimiser = self.optimisers[turn]
            for group in optimiser.param_groups:
                group["lr"] = self.recipe.rate_at(self.step)
            losses = self.task.losses(turn, self.networks, batch, self.step)
            total = torch.stack(list(losses.values())).sum()
            optimiser.zero_grad()
            self.fabric.backward(total)
            if self.recipe.clip_norm:
                limit = self.recipe.clip_norm
                # Whether it is a number is asked of the loss, and told in a sentence.
                self.fabric.clip_gradients(self.networks[turn], optimiser, max_norm=limit, error_if_nonfinite=False)
            optimiser.step()
            told |= {"loss" if turn == "network" else f"{turn}_loss": total.detach()}
            told |= {name: value.detach() for name, value in losses.items()} if len(losses) > 1 else {}
        if self.average is not None:
            self.average.update_parameters(self.plain["network"])
        self.step += 1
        return told

    def validate(self, crops: Crops) -> dict[str, float]:
        """Figures on the crops held out, of the network that would be exported."""
        network = self.average.module if self.average is not None else self.plain["network"]
        network.eval()
        pixels = torch.from_numpy(
            crops.validation(self.recipe.validation_crops, self.recipe.phase_at(self.step - 1).phase.crop_px)
        )
        random = torch.Generator(self.fabric.device).manual_seed(self.recipe.seed)
        figures: dict[str, list[Tensor]] = {}
        with torch.no_grad(), self.fabric.autocast():
            for part in pixels.split(32):
                batch = self.task.pairs(part.to(self.fabric.device), random, self.step - 1)
                for name, values in self.task.validate(network, batch).items():
                    figures.setdefault(name, []).append(values)
        network.train()
        self.validation = {name: float(torch.cat(values).mean()) for name, values in figures.items()}
        return self.validation

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        tensors = {f"weights/{name}/{key}": t for name, net in self.plain.items() for key, t in net.state_dict().items()}
        if self.average is not None:
            tensors |= {f"average/{key}": t for key, t in self.average.module.state_dict().items()}
        for name, optimiser in self.optimisers.items():
            tensors |= checkpoints.optimiser_tensors(name, optimiser)
        about = {"device": _device_name(self.fabric.device), "seconds": self.seconds, "validation": self.validation}
        checkpoints.save(path, checkpoints.Checkpoint(self.recipe, self.step, tensors, about))

    def _laid_out(self, tensor: Tensor) -> Tensor:
        wanted = self.recipe.channels_last and tensor.ndim == 4
        return tensor.contiguous(memory_format=torch.channels_last) if wanted else tensor


def _loop(state: _State, crops: Crops, run: Run, log: TrainingLog, stopped: Callable[[], bool]) -> None:
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
            if state.step % run.log_steps == 0 or last:
                figures = {name: _mean(fabric, value).item() for name, value in losses.items()}
                if not all(map(np.isfinite, figures.values())):
                    raise InputError(f"The loss is no longer a number at step {state.step}: lower the learning rate.")
                log.step(state.step, figures, recipe.rate_at(state.step - 1), seen / (now - began))
            if fabric.is_global_zero and (state.step % recipe.validation_steps == 0 or state.step == recipe.steps):
                log.validation(state.step, state.validate(crops))
            if fabric.is_global_zero and (last or now - saved_at > run.save_seconds):
                if all(bool(torch.isfinite(value)) for value in losses.values()):
                    state.save(run.out / CHECKPOINT)
                saved_at = time.monotonic()
            if last and state.step < recipe.steps:
                log.stopped(state.step)
                return


def _crops_at(crops: Crops, recipe: Recipe, step: int, fabric: Fabric) -> Tensor:
    number, phase, inner = recipe.phase_at(step)
    seed = recipe.seed + number  # each phase has an order of its own
    batch = crops.batch(inner, phase.batch, phase.crop_px, seed, (fabric.global_rank, fabric.world_size))
    pixels = torch.from_numpy(batch)
    return pixels.pin_memory() if fabric.device.type == "cuda" else pixels


def _load_start(network: nn.Module, recipe: Recipe) -> None:
    try:
        network.load_state_dict(checkpoints.load_weights(recipe.start))
    except RuntimeError:  # other names or shapes, pages of them
        raise InputError(f"The weights {recipe.start} are of another network than {recipe.network}.") from None


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
    for phase in recipe.phases:
        if phase.crop_px > crops.pixels.shape[1] or phase.crop_px < 1:
            raise InputError(f"The recipe asks for crops of {phase.crop_px} px, the file's are {crops.pixels.shape[1]} px.")
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
        raise InputError(f"{run.out} holds a training already: add --resume to go on with it, or choose another folder.")
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


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
