"""Crops in the memory of the training device: a step's batch is cut, rotated and flipped there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from refocal.learn.crops.photos import Crops, turned

MAX_SHARE = 0.25
"""Share of a GPU's memory that crops may take; larger files stay on the host, which cuts the batches."""


@dataclass(frozen=True, eq=False)
class ResidentCrops:
    """All crops of a file on a device.

    Attributes:
        crops: The file.
        pixels: Its crops to train on, (N, side, side, C) uint8, on the device.
    """

    crops: Crops
    pixels: Tensor

    def batch(self, step: int, size: int, crop_px: int, seed: int, share: tuple[int, int] = (0, 1)) -> Tensor:
        """What ``Crops.batch`` returns, made on the device from four numbers for each crop."""
        places = self.crops.places(step, size, crop_px, seed, share)
        on_host = torch.from_numpy(places)
        on_host = on_host.pin_memory() if self.pixels.device.type == "cuda" else on_host
        index, top, left, way = on_host.to(self.pixels.device, non_blocking=True).unbind(1)
        rows, columns = _orientations(crop_px, self.pixels.device)
        rows, columns = rows[way] + top[:, None, None], columns[way] + left[:, None, None]
        return self.pixels[index[:, None, None], rows, columns]


def resident(crops: Crops, device: torch.device) -> Crops | ResidentCrops:
    """The crops on the device, if it is a GPU that they fit on; else as they are."""
    if device.type != "cuda" or crops.pixels.nbytes > MAX_SHARE * torch.cuda.get_device_properties(device).total_memory:
        return crops
    return make_resident(crops, device)


def make_resident(crops: Crops, device: torch.device) -> ResidentCrops:
    """Copy the crops to train on to the device."""
    return ResidentCrops(crops, torch.from_numpy(np.array(crops.pixels[: crops.count])).to(device))


@lru_cache(maxsize=4)
def _orientations(crop_px: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The row and the column that each pixel of a crop comes from, in each of the eight orientations.

    Kept for the following steps: a GPU waits for every copy from the host's ordinary memory.
    """
    grid = np.stack(np.meshgrid(np.arange(crop_px), np.arange(crop_px), indexing="ij"), -1)
    every = np.stack([turned(grid, way) for way in range(8)])
    rows, columns = torch.from_numpy(np.ascontiguousarray(every)).to(device).unbind(-1)
    return rows, columns
