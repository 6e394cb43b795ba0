"""A training at some step: its networks, their optimisers and averages; it takes steps, and is written and read
whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from refocal.learn.crops.photos import Crops
from refocal.learn.recipe import Recipe
from refocal.learn.tasks import Task
from refocal.learn.training import checkpoint as checkpoints
from refocal.learn.training.finite_check import Guard
from refocal.types import InputError


class TrainingState:
    """Networks, their optimisers and averages, and the steps done."""

    def __init__(self, task: Task, recipe: Recipe, fabric: Fabric, saved: checkpoints.Checkpoint | None) -> None:
        self.task, self.recipe, self.fabric = task, recipe, fabric
        self.guard = Guard(fabric)
        self.step = saved.step if saved else 0
        self.tell_way_out(saved is not None)
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
            network.to(
                fabric.device, memory_format=torch.channels_last if recipe.channels_last else torch.contiguous_format
            )
            if not any(parameter.requires_grad for parameter in network.parameters()):
                self.networks[name] = network  # it takes part as it is, and has no turn
                continue
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
            self.guard.ask(f"loss of {turn}", self.step + 1, total.detach())
            optimiser.zero_grad()
            self.fabric.backward(total)
            self._check_gradient(turn)
            optimiser.step()
            told |= {"loss" if turn == "network" else f"{turn}_loss": total.detach()}
            told |= {name: value.detach() for name, value in losses.items()} if len(losses) > 1 else {}
        if self.average is not None:
            self.average.update_parameters(self.plain["network"])
        self.step += 1
        return told

    def _check_gradient(self, turn: str) -> None:
        """Cut it to the recipe's norm, and ask whether it is a number."""
        if self.recipe.clip_norm:
            network, optimiser = self.networks[turn], self.optimisers[turn]
            norm: Any = self.fabric.clip_gradients(
                network, optimiser, max_norm=self.recipe.clip_norm, error_if_nonfinite=False
            )
        else:
            gradients = [weight.grad for weight in self.plain[turn].parameters() if weight.grad is not None]
            norm = nn.utils.get_total_norm(gradients)
        if self.recipe.precision != "16-mixed":  # whose scaler tries how far it can go, and leaves out the steps beyond
            self.guard.ask(f"gradient of {turn}", self.step + 1, norm)

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
        """Write a checkpoint, if all of it is finite.

        Raises:
            InputError: If it isn't; on all processes, though only the first one writes.
        """
        tensors = {
            f"weights/{name}/{key}": t for name, net in self.plain.items() for key, t in net.state_dict().items()
        }
        if self.average is not None:
            tensors |= {f"average/{key}": t for key, t in self.average.module.state_dict().items()}
        for name, optimiser in self.optimisers.items():
            tensors |= checkpoints.optimiser_tensors(name, optimiser)
        self.guard.ask_all(self.step, tensors)
        self.guard.look()
        if self.fabric.is_global_zero:
            about = {"device": _device_name(self.fabric.device), "seconds": self.seconds, "validation": self.validation}
            checkpoints.save(path, checkpoints.Checkpoint(self.recipe, self.step, tensors, about))
        self.tell_way_out(True)

    def tell_way_out(self, saved: bool) -> None:
        """What is to be done if the training breaks off before the next checkpoint."""
        rate = f"a --learning-rate below {self.recipe.learning_rate:g}"
        self.guard.way_out = (
            f"the last checkpoint, of step {self.step}, is from before; go on from it with --resume and {rate}"
            if saved
            else f"there is no checkpoint from before; begin again with {rate}"
        )

    def _laid_out(self, tensor: Tensor) -> Tensor:
        wanted = self.recipe.channels_last and tensor.ndim == 4
        return tensor.contiguous(memory_format=torch.channels_last) if wanted else tensor


def _load_start(network: nn.Module, recipe: Recipe) -> None:
    try:
        network.load_state_dict(checkpoints.load_weights(recipe.start))
    except RuntimeError:  # other names or shapes, pages of them
        raise InputError(f"The weights {recipe.start} are of another network than {recipe.network}.") from None


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
