"""A training's state as small files: weights and averages in half precision, to carry a checkpoint back and forth.

The optimiser's momentum stays behind: it fills again within some twenty steps. So a training that continues from parts
is not bit for bit the one that never stopped.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from refocal.learn.training import checkpoint as checkpoints
from refocal.types import InputError

MAX_BYTES = 15_000_000
"""Size of a part at most."""

PATTERN = "part-*.safetensors"


def write_parts(checkpoint: checkpoints.Checkpoint, folder: Path) -> list[Path]:
    """Write the weights of all networks and the averaged ones to ``part-1.safetensors``, ...; returns the paths.

    Raises:
        InputError: If a weight is out of the range of half precision.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(PATTERN):
        old.unlink()
    halves = {
        name: tensor.half().contiguous() if tensor.is_floating_point() else tensor.contiguous()
        for name, tensor in checkpoint.tensors.items()
        if not name.startswith("optimiser/")
    }
    for name, tensor in halves.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise InputError(f"The weight {name} holds values that half precision cannot represent.")
    groups: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, tensor in halves.items():
        if size + tensor.nbytes > MAX_BYTES and groups[-1]:
            groups.append({})
            size = 0
        groups[-1][name] = tensor
        size += tensor.nbytes
    paths = [folder / f"part-{number}.safetensors" for number in range(1, len(groups) + 1)]
    for path, group in zip(paths, groups, strict=True):
        checkpoints.write_tensors(path, group, {**checkpoint.metadata, "parts": str(len(groups))}, overwrite=True)
    return paths


def read_parts(folder: Path) -> checkpoints.Checkpoint | None:
    """The checkpoint of the parts in a folder; None if there are none.

    Raises:
        InputError: If a part is missing, or of another step.
    """
    from safetensors import safe_open

    paths = sorted(folder.glob(PATTERN))
    if not paths:
        return None
    found = [checkpoints.load(path) for path in paths]
    with safe_open(paths[0], "pt") as file:
        count = int(file.metadata().get("parts", "1"))
    if len(found) != count or len({part.step for part in found}) > 1:
        raise InputError(f"Of the {count} parts of a checkpoint, {folder} holds {len(found)}, or of several steps.")
    tensors = {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for part in found
        for name, tensor in part.tensors.items()
    }
    return checkpoints.Checkpoint(found[0].recipe, found[0].step, tensors, found[0].about)
