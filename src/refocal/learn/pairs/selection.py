"""Work on some images of a batch: on the CPU on these alone, on a GPU on all of them.

A GPU would have to wait for the host to learn how many they are, and the host for the GPU. So there, everything is
computed and chosen afterwards, and decisions for a whole batch are drawn by a generator of the host.
"""

from __future__ import annotations

import torch
from torch import Tensor


def reads_freely(device: torch.device) -> bool:
    """Whether reading a number of the device is free: on the CPU."""
    return device.type == "cpu"


def chosen(mask: Tensor) -> Tensor | slice:
    """Index of the images (N,) to work on: those of the mask, or all."""
    return mask if reads_freely(mask.device) else slice(None)


def any_chosen(mask: Tensor) -> bool:
    """Whether there may be any."""
    return bool(mask.any()) if reads_freely(mask.device) else True


def put(images: Tensor, mask: Tensor, found: Tensor) -> Tensor:
    """The images (N, C, H, W) with those of the mask (N,) replaced by what was found at ``chosen(mask)``."""
    if reads_freely(mask.device):
        images = images.clone()
        images[mask] = found
        return images
    return torch.where(mask[:, None, None, None], found, images)


def host_generator(random: torch.Generator) -> torch.Generator:
    """A generator for numbers that decide what is computed: the same one on the CPU, else one of the same seed."""
    return random if reads_freely(random.device) else torch.Generator().manual_seed(random.initial_seed())


def host_float(random: torch.Generator) -> float:
    """A number from 0 to 1."""
    return float(torch.rand((), generator=random, device=random.device))


def host_int(low: int, high: int, random: torch.Generator) -> int:
    """A whole number of at least ``low`` and below ``high``."""
    return int(torch.randint(low, high, (), generator=random, device=random.device))
