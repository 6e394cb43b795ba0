"""Learned blur kernels from a checkpoint to a file that NumPy alone reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from refocal.learn.tasks.dual_pixel import Options
from refocal.learn.training.checkpoint import load
from refocal.types import InputError


def export_kernels(checkpoint: Path, path: Path) -> int:
    """Write ``front-0`` ... ``front-24`` (in front of the focus) and ``behind-0`` ... to an .npz file, half precision.

    Args:
        checkpoint: Of a training of the task ``learn-kernels``.
        path: Ends in .npz; written whole or not at all.

    Returns:
        How many kernels were written.

    Raises:
        InputError: If the checkpoint is of another training.
    """
    saved = load(checkpoint)
    state = saved.part("weights/kernels")
    if not state:
        raise InputError(f"{checkpoint} holds no blur kernels: give the checkpoint of a training of dual-pixel-map.")
    bank = Options(**saved.recipe.task_options).bank()
    bank.load_state_dict(state)
    behind, front = bank.kernels()
    named = {
        f"{side}-{radius}": kernel
        for side, kernels in (("front", front), ("behind", behind))
        for radius, kernel in enumerate(kernels)
    }
    part = path.with_name(f"{path.stem}.part.npz")
    try:
        np.savez_compressed(
            part, **{name: kernel.detach().numpy().astype(np.float16) for name, kernel in named.items()}
        )
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return len(named)
