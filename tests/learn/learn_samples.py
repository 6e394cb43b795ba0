"""Crops with structure and a network small enough to train in a test."""

from dataclasses import replace

import numpy as np

from refocal.learn.recipe import Phase
from refocal.learn.recipes.sharpness_loss import STAGE_1

TINY = {"widths": (4, 8), "encoder_convs": 1, "decoder_convs": 1}


def write_crops(folder, count=24, side=32, channels=3):
    """Random blocks and edges: blurring them loses something, and it can be learned back."""
    random = np.random.default_rng(7)
    small = random.integers(0, 256, (count, side // 4, side // 4, channels))
    pixels = np.kron(small, np.ones((1, 4, 4, 1))).astype(np.uint8)
    path = folder / "crops.npy"
    np.save(path, pixels)
    return path


def tiny_recipe(**changes):
    settings = {"config": TINY, "phases": (Phase(12, 16, 4),), "learning_rate": 1e-2, "validation_steps": 6}
    return replace(STAGE_1, **{**settings, "validation_crops": 4, **changes})
