"""State of a training: networks, optimisers and averaged weights; it takes steps, is saved and restored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from refocal.learn.crops.photos import Crops
from refocal.learn.recipe import Recipe
from refocal.learn.tasks import Task, make_pairs
from refocal.learn.training import checkpoint as checkpoints
from refocal.learn.training.average import WeightAverage
from refocal.learn.training.finite_check import FiniteCheck
from refocal.learn.training.load_weights import load_weights
from refocal.learn.training.muon import Muon
from refocal.metrics.inputs import any_range
from refocal.types import InputError


class TrainingState:
    """Networks, their optimisers, the averaged weights, and the number of steps done.

    Attributes:
        plain: Networks by name, neither wrapped nor compiled.
        networks: The same as they are run.
        optimisers: One for each network that has trainable weights.
        average: Averaged weights of ``network``; None if the recipe's ``ema`` is 0.
        step: Number of steps done.
        seconds: Training time, in all runs.
        validation: Figures of the last validation.
    """

    def __init__(self, task: Task, recipe: Recipe, fabric: Fabric, saved: checkpoints.Checkpoint | None) -> None:
        self.task, self.recipe, self.fabric = task, recipe, fabric
        self.step = saved.step if saved else 0
        self.finite = FiniteCheck(fabric)
        self.finite.set_recovery_hint(self.step, recipe.learning_rate, saved is not None)
        self.seconds = float(saved.about["seconds"]) if saved else 0.0
        self.validation: dict[str, float] = saved.about["validation"] if saved else {}
        torch.manual_seed(recipe.seed)
        self.plain = task.make_networks(recipe)
        if saved is None and recipe.start:
            _load_start(self.plain["network"], recipe)
        self.networks: dict[str, nn.Module] = {}
        self.optimisers: dict[str, Any] = {}
        for name, network in self.plain.items():
            if saved is not None:
                network.load_state_dict(saved.part(f"weights/{name}"))
            network.to(
                fabric.device, memory_format=torch.channels_last if recipe.channels_last else torch.contiguous_format
            )
            if not any(parameter.requires_grad for parameter in network.parameters()):
                self.networks[name] = network  # fixed: no optimiser, never updated
                continue
            optimiser = _optimiser(recipe, network)
            if saved is not None:
                checkpoints.restore_optimiser(optimiser, saved.part(f"optimiser/{name}"))
            ready = torch.compile(network) if recipe.compile else network
            self.networks[name], self.optimisers[name] = fabric.setup(ready, optimiser)
        self.average = self._make_average(saved) if recipe.ema else None

    def do_step(self, crops: Tensor) -> dict[str, Tensor]:
        """One step on uint8 crops (N, H, W, C); returns the losses by name.

        Raises:
            InputError: If a loss or gradient isn't finite, see ``FiniteCheck``.
        """
        seed = int(np.random.SeedSequence([self.recipe.seed, self.step, self.fabric.global_rank]).generate_state(1)[0])
        torch.manual_seed(seed)
        random = torch.Generator(self.fabric.device).manual_seed(seed)
        with torch.no_grad():
            batch = make_pairs(self.recipe, crops.to(self.fabric.device, non_blocking=True), random, self.step)
        batch = {name: self._laid_out(tensor) for name, tensor in batch.items()}
        logged: dict[str, Tensor] = {}
        for name in self.task.update_order(self.recipe, self.step):
            optimiser = self.optimisers[name]
            for group in optimiser.param_groups:
                group["lr"] = self.recipe.rate_at(self.step)
            losses = self.task.losses(self.recipe, name, self.networks, batch, self.step)
            total = torch.stack(list(losses.values())).sum()
            self.finite.add(f"loss of {name}", self.step + 1, total.detach())
            optimiser.zero_grad()
            self.fabric.backward(total)
            self._clip_and_check_gradient(name)
            optimiser.step()
            logged |= {"loss" if name == "network" else f"{name}_loss": total.detach()}
            logged |= {term: value.detach() for term, value in losses.items()} if len(losses) > 1 else {}
        if self.average is not None:
            self.average.update(self.plain["network"], self.step)
        self.step += 1
        return logged

    def validate(self, crops: Crops) -> dict[str, float]:
        """Mean figures over the held-out crops, of the network that would be exported."""
        network = self.average.module if self.average is not None else self.plain["network"]
        self.validation = validation_figures(network, self.task, self.recipe, self.step, crops, self.fabric)
        return self.validation

    def save(self, path: Path, *, overwrite: bool = False) -> None:
        """Write a checkpoint if all of it is finite.

        Raises:
            InputError: If it isn't; on all processes, though only the first one writes. Or if it can't be written.
        """
        tensors = {
            f"weights/{name}/{key}": t for name, net in self.plain.items() for key, t in net.state_dict().items()
        }
        if self.average is not None:
            tensors |= {f"average/{key}": t for key, t in self.average.module.state_dict().items()}
        for name, optimiser in self.optimisers.items():
            tensors |= checkpoints.optimiser_tensors(name, optimiser)
        self.finite.add_all(self.step, tensors)
        self.finite.raise_if_any()
        if self.fabric.is_global_zero:
            about = {"device": _device_name(self.fabric.device), "seconds": self.seconds, "validation": self.validation}
            checkpoint = checkpoints.Checkpoint(self.recipe, self.step, tensors, about)
            checkpoints.save(path, checkpoint, overwrite=overwrite)
        self.finite.set_recovery_hint(self.step, self.recipe.learning_rate, saved=True)

    def _make_average(self, saved: checkpoints.Checkpoint | None) -> WeightAverage:
        average = WeightAverage(self.plain["network"], self.recipe.ema)
        if saved is not None:
            average.module.load_state_dict(saved.part("average"))
        return average

    def _clip_and_check_gradient(self, name: str) -> None:
        if self.recipe.clip_norm:
            network, optimiser = self.networks[name], self.optimisers[name]
            norm: Any = self.fabric.clip_gradients(
                network, optimiser, max_norm=self.recipe.clip_norm, error_if_nonfinite=False
            )
        else:
            gradients = [weight.grad for weight in self.plain[name].parameters() if weight.grad is not None]
            norm = nn.utils.get_total_norm(gradients)
        if self.recipe.precision != "16-mixed":  # its gradient scaler skips steps that overflow
            self.finite.add(f"gradient of {name}", self.step + 1, norm)

    def _laid_out(self, tensor: Tensor) -> Tensor:
        wanted = self.recipe.channels_last and tensor.ndim == 4
        return tensor.contiguous(memory_format=torch.channels_last) if wanted else tensor


def validation_figures(
    network: nn.Module, task: Task, recipe: Recipe, step: int, crops: Crops, fabric: Fabric
) -> dict[str, float]:
    """Mean figures of a network over the held-out crops, under the pairs of the last of ``step`` steps."""
    network.eval()
    pixels = torch.from_numpy(crops.validation(recipe.validation_crops, recipe.phase_at(step - 1).phase.crop_px))
    random = torch.Generator(fabric.device).manual_seed(recipe.seed)
    figures: dict[str, list[Tensor]] = {}
    with torch.no_grad(), fabric.autocast():
        for part in pixels.split(32):
            batch = make_pairs(recipe, part.to(fabric.device), random, step - 1)
            with any_range():  # predictions aren't clipped
                found = task.validate(network, batch)
            for name, values in found.items():
                figures.setdefault(name, []).append(values)
    network.train()
    return {name: float(torch.cat(values).mean()) for name, values in figures.items()}


def _optimiser(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    if recipe.optimiser == "muon":
        return Muon(network.parameters(), recipe.learning_rate)
    kind = torch.optim.AdamW if recipe.optimiser == "adamw" else torch.optim.Adam
    return kind(network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)


def _load_start(network: nn.Module, recipe: Recipe) -> None:
    try:
        network.load_state_dict(load_weights(recipe.start))
    except RuntimeError:  # torch lists all names and shapes that differ, over pages
        raise InputError(f"The weights {recipe.start} are of another network than {recipe.network}.") from None


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
