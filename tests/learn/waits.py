"""Counts the places where a step would wait for a GPU, on a CPU."""

from itertools import count

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from refocal.learn.pairs import camera, selection, shapes

READS = ("_local_scalar_dense", "nonzero", "is_nonzero", "masked_select", "equal")
COPIES = ("lift_fresh",)
"""torch.tensor of numbers of the host: with a device, a copy that it waits for."""


class Waits(TorchDispatchMode):
    """Lists the operations that read a number of the device, or copy numbers of the host to it."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        indices = args[1] if name.startswith("index") and len(args) > 1 and isinstance(args[1], (list, tuple)) else ()
        masks = any(isinstance(index, torch.Tensor) and index.dtype == torch.bool for index in indices)
        if name in READS + COPIES or masks:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


def as_on_a_gpu(monkeypatch):
    """Nothing may be read from the device; numbers of the host are not tensors."""
    monkeypatch.setattr(selection, "reads_freely", lambda device: False)
    numbers = count(1)
    for module in (camera, shapes):
        monkeypatch.setattr(module, "host_float", lambda host: next(numbers) * 0.37 % 1, raising=False)
        monkeypatch.setattr(module, "host_int", lambda low, high, host: low + next(numbers) % (high - low))
