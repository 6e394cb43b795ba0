"""The guard of a training: it asks whether all numbers are numbers, and says in a sentence which were not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from refocal.types import InputError


class Guard:
    """Asks at every turn of a step, and answers when it costs nothing, or when it must.

    On the CPU that is at once, before a bad gradient reaches the weights. A GPU would have to be waited for, and of
    several processes one can't leave alone: there the answers pile up where they are until ``look``, and the weights in
    memory may be spoilt by then; those of the checkpoint aren't, as nothing is written without a look.
    """

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self.at_once = fabric.device.type == "cpu" and fabric.world_size == 1
        self.asked: list[tuple[str, Tensor]] = []
        self.way_out = ""  # the sentence's end: what to do

    def ask(self, what: str, step: int, value: Tensor) -> None:
        """Ask whether all of ``value`` is finite.

        Args:
            what: It is, for the sentence: ``loss of critic``.
            step: The one at hand, counted from 1.
            value: Of any shape.

        Raises:
            InputError: On a CPU, if it isn't.
        """
        self.asked.append((f"The {what} is no longer a number at step {step}", torch.isfinite(value).all()))
        if self.at_once:
            self.look()

    def ask_all(self, step: int, tensors: Mapping[str, Tensor]) -> None:
        """Ask the same of all that a checkpoint is to hold, by name; a look must follow."""
        for name, tensor in tensors.items():
            if tensor.is_floating_point():
                self.asked.append(
                    (f"The tensor {name} is no longer a number at step {step}", torch.isfinite(tensor).all())
                )

    def look(self) -> None:
        """Hear the answers since the last look; all processes together.

        Raises:
            InputError: If anything was no number; the sentence names the first, and says how to go on.
        """
        asked, self.asked = self.asked, []
        if not asked:
            return
        fine: Any = torch.stack([answer.to(self.fabric.device) for _, answer in asked]).float()
        if self.fabric.world_size > 1:
            fine = self.fabric.all_reduce(fine, reduce_op="mean")
        for (sentence, _), share in zip(asked, fine.tolist(), strict=True):
            if share < 1:
                raise InputError(f"{sentence}: {self.way_out}.")
