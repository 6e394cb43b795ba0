"""Checkpoints as safetensors: weights, averaged weights, the optimisers' state and the recipe; no pickle."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from refocal.files.whole import whole_file, writing
from refocal.learn.recipe import Recipe, from_json, to_json
from refocal.types import InputError

FORMAT = "refocal-checkpoint-1"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A training at the end of a step.

    Attributes:
        recipe: The recipe, overrides included.
        step: Number of steps done.
        tensors: ``part/name`` -> tensor; the parts are ``weights`` (with the network's name), ``average`` and
            ``optimiser``.
        about: Device, seconds spent, validation figures.
    """

    recipe: Recipe
    step: int
    tensors: dict[str, Tensor]
    about: dict[str, Any]

    def part(self, lead: str) -> dict[str, Tensor]:
        """The tensors whose names begin with ``lead/``, without it."""
        return {name[len(lead) + 1 :]: tensor for name, tensor in self.tensors.items() if name.startswith(lead + "/")}

    def best(self) -> dict[str, Tensor]:
        """The state dict of ``network`` to use: averaged if the recipe averages."""
        return self.part("average") or self.part("weights/network")

    @property
    def metadata(self) -> dict[str, str]:
        """The metadata of its file."""
        facts = {"recipe": to_json(self.recipe), "step": str(self.step), "about": json.dumps(self.about)}
        return {"format": FORMAT, **facts}


def save(path: Path, checkpoint: Checkpoint, *, overwrite: bool = False) -> None:
    """Write it whole or not at all.

    Raises:
        InputError: If it exists and ``overwrite`` is false, or the disk refuses.
    """
    # safetensors stores contiguous tensors only, so those in channels_last order are copied.
    tensors = {name: t.detach().cpu().contiguous() for name, t in checkpoint.tensors.items()}
    write_tensors(path, tensors, checkpoint.metadata, overwrite=overwrite)


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str], *, overwrite: bool = False) -> None:
    """Write contiguous tensors to a safetensors file, whole or not at all.

    Raises:
        InputError: As ``save`` does.
    """
    with whole_file(path, overwrite=overwrite) as part, writing(path):
        try:
            save_file(tensors, part, metadata)
        except SafetensorError as error:  # a full disk too
            raise InputError(f"{path} can't be written: {error}.") from error


def load(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        InputError: If the file isn't one.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
    except (OSError, SafetensorError) as error:
        raise InputError(f"The checkpoint {path} can't be read: {error}.") from None
    if metadata.get("format") != FORMAT:
        raise InputError(f"{path} is not a checkpoint of a training.")
    try:
        return Checkpoint(from_json(metadata["recipe"]), int(metadata["step"]), tensors, json.loads(metadata["about"]))
    except (KeyError, TypeError, ValueError):
        raise InputError(f"The checkpoint {path} lacks its recipe, or is of another version of refocal.") from None


def optimiser_tensors(name: str, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state (moments, step counts) as named tensors."""
    state = optimiser.state_dict()["state"]
    return {
        f"optimiser/{name}/{i}/{key}": torch.as_tensor(value)
        for i, kept in state.items()
        for key, value in kept.items()
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Set the optimiser's state from tensors named ``index/key``."""
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, key = name.partition("/")
        like = parameters[int(index)]
        if tensor.shape == like.shape:
            # The fused optimiser reads memory in order: moments need their parameter's layout, such as channels_last.
            tensor = torch.empty_like(like, device=tensor.device, dtype=tensor.dtype).copy_(tensor)
        state.setdefault(int(index), {})[key] = tensor
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
