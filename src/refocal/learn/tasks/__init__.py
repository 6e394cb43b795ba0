"""Tasks: the networks of a training, the order of their updates, their losses and the validation figures.

A task is a ``Task``, a set of functions in a module of its own; a dataclass ``Options`` in that module holds what a
recipe's ``task_options`` may set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import torch
from torch import Tensor, nn

from refocal.catalog import Entry, find
from refocal.learn.nets import NETWORKS, make_config
from refocal.learn.pairs.uniform import PAIRS
from refocal.learn.recipe import Recipe

TASKS: dict[str, Entry] = {
    "restore": Entry("refocal.learn.tasks.restore:RESTORE", "one network: blurred in, restored out"),
    "estimate-map": Entry(
        "refocal.learn.tasks.estimate_map:ESTIMATE_MAP", "one network: blurred in, radius in pixels out"
    ),
    "restore-and-map": Entry(
        "refocal.learn.tasks.restore_and_map:RESTORE_AND_MAP",
        "one network: blurred in; restored image, radius and the scale of its error out",
    ),
    "learn-kernels": Entry(
        "refocal.learn.tasks.dual_pixel:LEARN_KERNELS",
        "a map network and blur kernels: the sharp image, blurred by both, is compared with the photo",
    ),
    "match-views": Entry(
        "refocal.learn.tasks.dual_pixel:VIEW_CONSISTENCY",
        "a map network: each view, blurred by the other view's kernel, is compared with the other",
    ),
    "restore-adversarial": Entry(
        "refocal.learn.tasks.restore_adversarial:RESTORE_ADVERSARIAL",
        "a generator, guided by the radius at first, and its discriminators",
    ),
}

Networks: TypeAlias = dict[str, nn.Module]
Batch: TypeAlias = dict[str, Tensor]
Options = TypeVar("Options")


def make_network(recipe: Recipe) -> nn.Module:
    """The recipe's network, with fresh weights, on the CPU."""
    network: nn.Module = find(NETWORKS, recipe.network, "network").load()(make_config(recipe.network, recipe.config))
    return network


def only_network(recipe: Recipe) -> Networks:
    """The recipe's network alone."""
    return {"network": make_network(recipe)}


def network_each_step(recipe: Recipe, step: int) -> tuple[str, ...]:  # noqa: ARG001
    """Every step updates ``network`` once."""
    return ("network",)


@dataclass(frozen=True)
class Task:
    """The functions that differ from task to task. ``networks["network"]`` is averaged, validated and exported.

    Attributes:
        losses: (recipe, updated, networks, batch, step) -> weighted terms, by name, of the loss of ``updated``, the
            name of the network to update.
        validate: (network, batch) -> figures of one number per image, by name; the first one is to be maximised.
        make_networks: recipe -> networks with fresh weights, on the CPU.
        update_order: (recipe, step) -> names of the networks that a step updates, in order.
    """

    losses: Callable[[Recipe, str, Networks, Batch, int], dict[str, Tensor]]
    validate: Callable[[nn.Module, Batch], dict[str, Tensor]]
    make_networks: Callable[[Recipe], Networks] = only_network
    update_order: Callable[[Recipe, int], tuple[str, ...]] = network_each_step


def predict(network: nn.Module, batch: Batch) -> Any:
    """The output of a network for a batch: it takes ``blurred``, or the tensors that its ``inputs`` name."""
    return network(*(batch[name] for name in getattr(network, "inputs", ("blurred",))))


def read_options(recipe: Recipe, options: type[Options]) -> Options:
    """The recipe's ``task_options`` as the task's dataclass; lists, which JSON has instead of tuples, become tuples."""
    return options(**{name: tuple(v) if isinstance(v, list) else v for name, v in recipe.task_options.items()})


def make_pairs(recipe: Recipe, crops: Tensor, random: torch.Generator, step: int) -> Batch:
    """The batch of a step from uint8 crops (N, H, W, C), on their device, by the pairs' options of the step's phase."""
    options = {**recipe.pairs_options, **recipe.phase_at(step).phase.pairs_options}
    made: Batch = find(PAIRS, recipe.pairs, "kind of pairs").make(options)(crops, random)
    return made
