"""Tasks: which networks learn what from a batch. The loop knows nothing else of them."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from refocal import metrics
from refocal.catalog import Entry, find
from refocal.learn.losses.pixelwise import LOSSES
from refocal.learn.nets import NETWORKS
from refocal.learn.pairs.uniform import PAIRS
from refocal.learn.recipe import Recipe

TASKS: dict[str, Entry] = {
    "restore": Entry("refocal.learn.tasks:Restore", "one network: blurred in, restored out"),
    "estimate-map": Entry(
        "refocal.learn.tasks.estimate_map:EstimateMap", "one network: blurred in, radius in pixels out"
    ),
    "restore-and-map": Entry(
        "refocal.learn.tasks.restore_and_map:RestoreAndMap",
        "one network: blurred in, restored, radius and its likely error out",
    ),
    "learn-kernels": Entry(
        "refocal.learn.tasks.dual_pixel:LearnKernels",
        "a map network and blur kernels: the sharp photo, blurred again, is the photo",
    ),
    "match-views": Entry(
        "refocal.learn.tasks.dual_pixel:ViewConsistency",
        "a map network: each view, blurred as the other one is, is the other",
    ),
    "restore-adversarial": Entry(
        "refocal.learn.tasks.restore_adversarial:RestoreAdversarial",
        "a generator, guided by the radius, and its discriminators",
    ),
}


class Task(Protocol):
    """What the loop asks of a task. ``networks["network"]`` is the one that is averaged, validated and exported."""

    def networks(self) -> dict[str, nn.Module]:
        """Build them, on the CPU."""
        ...

    def turns(self, step: int) -> tuple[str, ...]:
        """The networks that a step updates, one after the other."""
        ...

    def pairs(self, crops: Tensor, random: torch.Generator, step: int) -> dict[str, Tensor]:
        """Make the batch of a step from uint8 crops (N, H, W, C), on their device."""
        ...

    def losses(
        self, turn: str, networks: dict[str, nn.Module], batch: dict[str, Tensor], step: int
    ) -> dict[str, Tensor]:
        """The summands, weights included, of the loss of the network whose turn it is."""
        ...

    def validate(self, network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Figures of one number per picture; the first is to be large."""
        ...


@dataclass(frozen=True)
class Restore:
    """One network that takes ``blurred``, or what its ``inputs`` name, and is compared with ``sharp``."""

    recipe: Recipe

    def networks(self) -> dict[str, nn.Module]:
        """The recipe's network."""
        return {"network": make_network(self.recipe)}

    def turns(self, step: int) -> tuple[str, ...]:  # noqa: ARG002
        """Always the same one."""
        return ("network",)

    def pairs(self, crops: Tensor, random: torch.Generator, step: int) -> dict[str, Tensor]:
        """As the recipe's pairs are made in the step's phase."""
        return make_pairs(self.recipe, crops, random, step)

    def losses(
        self, turn: str, networks: dict[str, nn.Module], batch: dict[str, Tensor], step: int
    ) -> dict[str, Tensor]:
        """The recipe's terms."""
        restored = answer(networks[turn], batch)
        with torch.autocast(restored.device.type, enabled=False):
            restored = restored.float()
            return {
                term.loss: term.weight
                * find(LOSSES, term.loss, "loss").load()(restored, batch["sharp"], **term.options)
                for term in self.recipe.loss
            }

    def validate(self, network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """PSNR and Q of what is clipped to [0, 1], and PSNR of the blurred picture."""
        restored = answer(network, batch).float().clamp(0, 1)
        return {
            "psnr": metrics.psnr(restored, batch["sharp"]),
            "q": metrics.q(restored),
            "psnr_blurred": metrics.psnr(batch["blurred"], batch["sharp"]),
        }


def answer(network: nn.Module, batch: dict[str, Tensor]) -> Any:
    """What a network gives for a batch: it takes ``blurred``, or what its ``inputs`` name."""
    return network(*(batch[name] for name in getattr(network, "inputs", ("blurred",))))


def make_network(recipe: Recipe) -> nn.Module:
    """Build a recipe's network, with fresh weights."""
    network: nn.Module = find(NETWORKS, recipe.network, "network").load()(make_config(recipe))
    return network


def make_config(recipe: Recipe) -> Any:
    """The ``Config`` of a recipe's network."""
    module = importlib.import_module(find(NETWORKS, recipe.network, "network").target.partition(":")[0])
    # JSON, from which a checkpoint's recipe comes, knows no tuples.
    return module.Config(
        **{key: tuple(value) if isinstance(value, list) else value for key, value in recipe.config.items()}
    )


def make_pairs(recipe: Recipe, crops: Tensor, random: torch.Generator, step: int) -> dict[str, Tensor]:
    """The batch of a step, by the recipe's pairs with the options of the step's phase."""
    options = {**recipe.pairs_options, **recipe.phase_at(step).phase.pairs_options}
    made: dict[str, Tensor] = find(PAIRS, recipe.pairs, "kind of pairs").make(options)(crops, random)
    return made
