"""Learned blur kernels from a checkpoint to a file that needs NumPy alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from refocal.catalog import find
from refocal.files.whole import check_target, whole_file, writing
from refocal.learn.nets.kernel_bank import initial_kernel
from refocal.learn.pairs.uniform import PAIRS
from refocal.learn.recipe import Recipe
from refocal.learn.tasks import read_options
from refocal.learn.tasks.dual_pixel import Options
from refocal.learn.training.checkpoint import load
from refocal.types import Array, InputError


def export_kernels(checkpoint: Path, path: Path, *, overwrite: bool = False) -> int:
    """Write ``front-0`` ... ``front-24`` (in front of the focus) and ``behind-0`` ... to an .npz file, float32.

    Every kernel sums to 1; those of radii that no training crop had are the initial ones, see ``finished_kernels``.

    Args:
        checkpoint: Checkpoint of a training of the task ``learn-kernels``.
        path: Ends in .npz; written whole or not at all.
        overwrite: Replace a file of this name.

    Returns:
        Number of kernels written.

    Raises:
        InputError: If the checkpoint is of another training, a kernel can't be normalised, or the file can't be
            written.
    """
    check_target(path, overwrite=overwrite)
    saved = load(checkpoint)
    state = saved.part("weights/kernels")
    if not state:
        raise InputError(f"{checkpoint} holds no blur kernels: give the checkpoint of a training of dual-pixel-map.")
    options = read_options(saved.recipe, Options)
    bank = options.make_bank()
    bank.load_state_dict(state)
    reached = trained_radius(saved.recipe)
    banks = dict(zip(("behind", "front"), bank.kernels(), strict=True))
    named = {
        f"{side}-{radius}": kernel
        for side in ("front", "behind")
        for radius, kernel in enumerate(
            finished_kernels([kernel.detach().numpy() for kernel in banks[side]], options.kernels, reached)
        )
    }
    write_kernels(path, named, overwrite=overwrite)
    return len(named)


def trained_radius(recipe: Recipe) -> int:
    """Largest whole radius in pixels whose kernel the pairs of any phase blur with; larger ones are extrapolated."""
    pairs = find(PAIRS, recipe.pairs, "kind of pairs")
    made = [pairs.make({**recipe.pairs_options, **phase.pairs_options}) for phase in recipe.phases]
    return math.ceil(max(each.max_radius_px for each in made))


def finished_kernels(kernels: Sequence[Array], kind: str, reached: int) -> list[Array]:
    """Kernels as they are published: with sum 1, and initial values where there was nothing to learn from.

    Kernels are free in training, so their sums drift from 1. Those of radii that no crop had are used only where the
    map network errs; their gradient is noise.

    Args:
        kernels: The trained kernels of the radii 0, 1, ... pixels.
        kind: See ``kernel_bank.Config``.
        reached: Largest trained radius in pixels.

    Returns:
        Kernels of the same shapes, float32.

    Raises:
        InputError: If the sum of a trained kernel isn't positive.
    """
    finished = []
    for radius, trained in enumerate(kernels):
        kernel = np.asarray(trained if radius <= reached else initial_kernel(kind, radius), np.float64)
        total = kernel.sum()
        if not total > 0:
            raise InputError(f"The kernel of radius {radius} px sums to {total:g}, so it can't be normalised.")
        finished.append((kernel / total).astype(np.float32))
    return finished


def write_kernels(path: Path, named: dict[str, Array], *, overwrite: bool = False) -> None:
    """Write arrays to a compressed .npz file, whole or not at all."""
    with whole_file(path, overwrite=overwrite) as part, writing(path), part.open("wb") as file:
        np.savez_compressed(file, **named)
