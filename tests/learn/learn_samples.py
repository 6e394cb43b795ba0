"""Samples for the tests of ``refocal.learn``: crops with structure, tiny recipes, a network of fixed output."""

import os
import signal
from dataclasses import replace

import numpy as np

from refocal.learn.recipe import Phase
from refocal.learn.recipes.sharpness_loss import STAGE_1
from refocal.learn.training.log import read_log

TINY = {"widths": (4, 8), "encoder_convs": 1, "decoder_convs": 1}


def block_pixels(count, side, channels=3, seed=7):
    """Random blocks of 4 x 4 px, uint8 (count, side, side, channels): blurring them loses detail."""
    small = np.random.default_rng(seed).integers(0, 256, (count, side // 4, side // 4, channels))
    return np.kron(small, np.ones((1, 4, 4, 1))).astype(np.uint8)


def write_crops(folder, count=24, side=32, channels=3):
    path = folder / "crops.npy"
    np.save(path, block_pixels(count, side, channels))
    return path


def tiny_recipe(**changes):
    settings = {"config": TINY, "phases": (Phase(12, 16, 4),), "learning_rate": 1e-2, "validation_steps": 6}
    return replace(STAGE_1, **{**settings, "validation_crops": 4, **changes})


def fixed_output(*outputs):
    """A network that returns ``outputs`` whatever its inputs are: one tensor, or a tuple of several."""
    import torch

    class FixedOutput(torch.nn.Module):
        def forward(self, *inputs):
            return outputs if len(outputs) > 1 else outputs[0]

    return FixedOutput()


def logged_losses(folder):
    """The lines of a training's log that hold losses."""
    return [line for line in read_log(folder / "log.jsonl") if "loss" in line]


def without_speed(lines):
    return [{key: value for key, value in line.items() if key != "images_per_s"} for line in lines]


def interrupt_at(step):
    """A ``say`` that interrupts the training when it reports a step."""

    def say(text):
        if text.startswith(f"step {step}/"):
            os.kill(os.getpid(), signal.SIGINT)

    return say
