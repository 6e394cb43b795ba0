"""The running average of a network's weights."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class WeightAverage:
    """A copy of a network whose weights and buffers follow the network's.

    torch's AveragedModel counts its updates in a tensor and copies that to the device in each, for which a GPU has to
    wait. Here the training's own step says how far it is.

    Attributes:
        module: The averaged network.
        decay: Share of the old average that an update keeps, in the long run; below 1.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.module, self.decay = deepcopy(network), decay
        self.module.requires_grad_(False)

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move toward the network after ``step`` earlier updates; the first one copies it."""
        groups: dict[torch.dtype, tuple[list[Tensor], list[Tensor]]] = {}
        for kept, new in zip(_tensors(self.module), _tensors(network), strict=True):
            both = groups.setdefault(kept.dtype, ([], []))
            both[0].append(kept)
            both[1].append(new)
        # A shorter window at the beginning, so that the average doesn't keep the initial weights.
        mean = get_ema_multi_avg_fn(min(self.decay, (1 + step) / (10 + step)))
        for averaged, current in groups.values():
            if step:
                mean(averaged, current, step)
            else:
                torch._foreach_copy_(averaged, current)


def _tensors(network: nn.Module) -> list[Tensor]:
    return [tensor.detach() for tensor in (*network.parameters(), *network.buffers())]
