"""Write a folder that holds all that a training needs on a machine without internet."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import refocal
from refocal.files.whole import part_path, sweep
from refocal.learn.crops.compressed import encode, write_compressed
from refocal.learn.crops.photos import Crops, open_crops
from refocal.learn.recipe import Recipe, to_json
from refocal.learn.recipe_fields import check_fields
from refocal.learn.training.checkpoint import Checkpoint
from refocal.types import InputError

WHEELS = (
    *("array-api-compat", "lightning-fabric", "lightning-utilities", "packaging", "fsspec", "typing-extensions"),
    "safetensors",
)
"""What a training imports beyond torch, NumPy, SciPy and Pillow. All are pure Python but safetensors."""

LUMA_PAIRS = ("mean", "camera", "noise")
"""Pairs that use the luma of a crop only."""

MEGABYTE = 1_000_000
CROPS, START, RECIPE, SOURCE, SITE, RUN = "crops.npz", "start.safetensors", "recipe.json", "source", "wheels", "run.sh"

SCRIPT = """#!/bin/sh
# Train for some minutes:  sh run.sh --minutes 9
# Results go to $OUT, or to out/ beside this file. The training continues from a checkpoint in $OUT or in back/.
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
site=${TMPDIR:-/tmp}/refocal-site-$$
trap 'rm -rf "$site"' EXIT
for wheel in "$here"/wheels/*.whl; do "$python" -m zipfile -e "$wheel" "$site" || exit 1; done
PYTHONPATH="$here/source:$site" "$python" -m refocal.learn.travel.run "$here" --out "${OUT:-$here/out}" "$@"
"""


@dataclass(frozen=True)
class Machine:
    """The machine that a bundle is for: which files of compiled packages it needs.

    Attributes:
        python: Version of its Python, such as 3.12.
        platforms: pip's names of its platform.
    """

    python: str = "3.12"
    platforms: tuple[str, ...] = ("manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux_2_28_x86_64")


def write_bundle(
    recipe: Recipe,
    data: Path,
    out: Path,
    most_mb: float = 60.0,
    *,
    wheels: Path | None = None,
    machine: Machine = Machine(),
) -> tuple[int, int, float]:
    """Write the folder, whole or not at all.

    Args:
        recipe: The training; its ``start``, if any, travels as half-precision weights.
        data: File of crops. Those that don't fit are left out, spread evenly over the file.
        out: The folder; it must not exist.
        most_mb: Size of the folder in megabytes (10^6 bytes) at most.
        wheels: Folder of wheels to take instead of downloading them.
        machine: Where the bundle will run.

    Returns:
        Number of crops taken, of all crops, and size of the folder in megabytes.

    Raises:
        InputError: If the folder exists or can't be written, a wheel can't be had, the recipe needs crops of another
            kind, or nothing fits into ``most_mb``.
    """
    check_fields(recipe)
    crops = open_crops(data)
    if crops.pixels.shape[3] not in (1, 3):
        raise InputError("A bundle carries crops of sharp photos; those with depth, maps or pairs can't be compressed.")
    side = crops.pixels.shape[1]
    if any(phase.crop_px > side for phase in recipe.phases):
        raise InputError(f"The recipe needs crops of {max(p.crop_px for p in recipe.phases)} px, these are {side} px.")
    if out.exists():
        raise InputError(f"{out} exists already: choose another folder for the bundle.")
    if not out.absolute().parent.is_dir():
        raise InputError(f"There is no folder {out.absolute().parent} to write the bundle in.")
    sweep({out.absolute().parent})
    part = part_path(out.absolute().parent)
    try:
        part.mkdir()
        _copy_source(part / SOURCE)
        _fetch_wheels(part / SITE, wheels, machine)
        start = START if recipe.start else ""
        if recipe.start:
            _write_start(recipe, part / START)
        (part / RECIPE).write_text(to_json(replace(recipe, start=start)))
        (part / RUN).write_text(SCRIPT)
        free_bytes = most_mb * MEGABYTE - folder_bytes(part)
        kept = _write_crops(
            crops, part / CROPS, free_bytes, luma=recipe.pairs in LUMA_PAIRS or crops.pixels.shape[3] == 1
        )
        size = folder_bytes(part) / MEGABYTE
        part.rename(out)
    except OSError as error:
        raise InputError(f"The bundle {out} can't be written: {error.strerror}.") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return kept, len(crops.pixels), size


def folder_bytes(folder: Path) -> int:
    """Size of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _copy_source(out: Path) -> None:
    """The package without its weights."""
    package = Path(refocal.__file__).parent
    for path in package.rglob("*"):
        if path.suffix in (".py", ".npy", ".html") and "__pycache__" not in path.parts:
            target = out / "refocal" / path.relative_to(package)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def _fetch_wheels(out: Path, given: Path | None, machine: Machine) -> None:
    out.mkdir()
    versions = {name: importlib.metadata.version(name) for name in WHEELS}
    if given is not None:
        for name in WHEELS:
            found = sorted(given.glob(f"{name.replace('-', '_')}-*.whl"))
            if not found:
                raise InputError(f"There is no wheel of {name} in {given}.")
            shutil.copy(found[-1], out)
        return
    wanted = [f"{name}=={version}" for name, version in versions.items()]
    words = ["download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "-d", str(out)]
    place = ["--python-version", machine.python, "--implementation", "cp"]
    place += [word for platform in machine.platforms for word in ("--platform", platform)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", *words, *place, *wanted], capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["pip failed"]
        raise InputError(f"The wheels can't be downloaded (--wheels DIR takes them from a folder): {last[0]}")


def _write_start(recipe: Recipe, out: Path) -> None:
    """Initial weights in half precision, in the format that ``--start`` reads."""
    from safetensors.torch import save_file

    from refocal.learn.training.load_weights import load_weights

    tensors = {
        f"average/{key}": (value.half() if value.is_floating_point() else value).contiguous()
        for key, value in load_weights(recipe.start).items()
    }
    save_file(tensors, out, Checkpoint(replace(recipe, start=""), 0, tensors, {}).metadata)


def _write_crops(crops: Crops, out: Path, free_bytes: float, luma: bool) -> int:
    """Compress as many crops as fit, the held-out ones at the same share as the others; returns their number."""
    streams = list(_encoded(crops, luma))
    sizes = np.array([len(stream) + 8 for stream in streams])  # and where it ends
    count = len(streams) if sizes.sum() + 1000 <= free_bytes else int((free_bytes - 1000) / sizes.mean())
    while count >= 2:
        index = np.unique(np.linspace(0, len(streams) - 1, count).astype(int))
        if sizes[index].sum() + 1000 <= free_bytes:
            write_compressed(out, [streams[i] for i in index], luma)
            return len(index)
        count = int(count * 0.99)
    raise InputError("The crops don't fit into the bundle: allow a larger --most-mb.")


def _encoded(crops: Crops, luma: bool) -> Iterator[bytes]:
    for crop in crops.pixels:
        yield encode(np.ascontiguousarray(np.repeat(crop, 3, 2) if crop.shape[2] == 1 else crop[..., :3]), luma)
