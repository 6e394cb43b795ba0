"""Checks that losses, gradients and weights stay finite, and names the first that didn't."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from refocal.types import InputError


class FiniteCheck:
    """Collects checks during a step and evaluates them when that is cheap, or when it is necessary.

    On one CPU process each check is evaluated at once, before a bad gradient reaches the weights. On a GPU, or with
    several processes, every evaluation waits for the device or for the others, so checks are collected until
    ``raise_if_any``. The weights in memory may be lost by then; those of the last checkpoint aren't, as nothing is
    written without a check.

    Attributes:
        at_once: Whether each check is evaluated when it is added.
        recovery_hint: End of the error message: how to go on.
    """

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self.at_once = fabric.device.type == "cpu" and fabric.world_size == 1
        self.pending: list[tuple[str, Tensor]] = []
        self.recovery_hint = ""

    def set_recovery_hint(self, step: int, learning_rate: float, saved: bool) -> None:
        """Set the advice for a training that stops before its next checkpoint.

        Args:
            step: Step of the last checkpoint.
            learning_rate: The recipe's.
            saved: Whether there is a checkpoint.
        """
        rate = f"a --learning-rate below {learning_rate:g}"
        self.recovery_hint = (
            f"the last checkpoint, of step {step}, is from before; resume from it with --resume and {rate}"
            if saved
            else f"there is no checkpoint from before; start again with {rate}"
        )

    def add(self, what: str, step: int, value: Tensor) -> None:
        """Check that all of ``value`` is finite.

        Args:
            what: Name for the error message, such as ``loss of critic``.
            step: The current step, counted from 1.
            value: Any shape.

        Raises:
            InputError: If it isn't, and checks are evaluated at once.
        """
        self.pending.append((f"The {what} is not finite at step {step}", torch.isfinite(value).all()))
        if self.at_once:
            self.raise_if_any()

    def add_all(self, step: int, tensors: Mapping[str, Tensor]) -> None:
        """Check the floating-point tensors of a checkpoint, by name; evaluated by the next ``raise_if_any``."""
        for name, tensor in tensors.items():
            if tensor.is_floating_point():
                self.pending.append((f"The tensor {name} is not finite at step {step}", torch.isfinite(tensor).all()))

    def raise_if_any(self) -> None:
        """Evaluate the checks since the last call; all processes together.

        Raises:
            InputError: If any value wasn't finite; the message names the first and ends with ``recovery_hint``.
        """
        pending, self.pending = self.pending, []
        if not pending:
            return
        fine: Any = torch.stack([finite.to(self.fabric.device) for _, finite in pending]).float()
        if self.fabric.world_size > 1:
            fine = self.fabric.all_reduce(fine, reduce_op="mean")
        for (message, _), share in zip(pending, fine.tolist(), strict=True):
            if share < 1:
                raise InputError(f"{message}: {self.recovery_hint}.")
