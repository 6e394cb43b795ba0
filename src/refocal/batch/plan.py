"""The plan of a batch: which file is restored into which, and the loop over the files.

A batch may end at any moment: outputs appear whole or not at all, and the next run does only what is missing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from refocal.batch.find import NOT_READ, find, is_folder
from refocal.files.whole import Exists
from refocal.images.io import SUFFIXES
from refocal.types import InputError


@dataclass(frozen=True)
class Job:
    """One photo to restore.

    Attributes:
        source: The file to read.
        target: The file to write.
        map_target: The file for the blur map, if one is wanted.
    """

    source: Path
    target: Path
    map_target: Path | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """The outcome of one job.

    Attributes:
        job: The job.
        status: ``"ok"``, ``"skipped"`` (the output was there), ``"left out"`` (found, not restored) or ``"failed"``.
        seconds: Duration.
        result: The result of the work, if it is done.
        message: Reason of a failure, or why it was left out.
        mistake: Whether the failure is a mistake of the user's, not an unexpected error; of what was left out, whether
            it could not be read.
    """

    job: Job
    status: Literal["ok", "skipped", "left out", "failed"]
    seconds: float = 0.0
    result: Any = None
    message: str = ""
    mistake: bool = False


@dataclass(frozen=True, eq=False)
class Plan:
    """The jobs of a batch.

    Attributes:
        jobs: Photos, in the order of the inputs.
        refused: What isn't restored of the inputs: failures, and what is left out.
    """

    jobs: tuple[Job, ...]
    refused: tuple[Outcome, ...] = ()


class NothingFound(InputError):
    """The inputs hold no photo."""


def plan(inputs: Sequence[str], out: str, *, save_map: bool = False, overwrite: bool = False) -> Plan:
    """Decide which file is restored into which, before anything is read.

    Args:
        inputs: Files; folders (with all subfolders; only photos are taken); patterns such as ``trip/**/*.jpg``. Folders
            and patterns keep their tree beneath the output folder. See ``batch.find``.
        out: A file, if one file goes in and this has a photo's suffix; otherwise a folder.
        save_map: Whether a blur map is written beside each output, as ``NAME_map.png``.
        overwrite: Whether an output may replace the very file it is made from.

    Raises:
        InputError: If there is nothing to do, two photos would become one file, or a result would replace an
            input.
    """
    if not out or not all(inputs):
        raise InputError("A name is empty; give the names of photos or folders, and with -o where to write.")
    found, left = find(inputs, Path(out))
    if not found and all(one.status == "failed" for one in left):  # else all are named, in the log, too
        raise NothingFound(left[0].reason + (f" (And {len(left) - 1} more like this.)" if len(left) > 1 else ""))
    single = len(found) == 1 and not any(is_folder(Path(text)) for text in inputs)
    targets = [Path(out)] if single and _names_a_photo(out) else [Path(out) / photo.below for photo in found]
    if targets != [Path(out)]:
        _check_folder(out)
    jobs = tuple(
        Job(photo.source, target, target.with_name(f"{target.stem}_map.png") if save_map else None)
        for photo, target in zip(found, targets, strict=True)
    )
    _check_collisions(jobs, overwrite)
    refused = (Outcome(Job(o.path, Path(out)), o.status, message=o.reason, mistake=o.unread) for o in left)
    return Plan(jobs, tuple(refused))


def run(jobs: Sequence[Job], work: Callable[[Job], Any], *, overwrite: bool = False) -> Iterator[Outcome]:
    """Run the jobs one after the other; a photo that fails doesn't stop the others.

    Args:
        jobs: From ``plan``.
        work: Reads the source and writes the target; an ``Exists`` of it means that another run has written it.
        overwrite: Whether photos whose output exists are restored, too, instead of skipped.
    """
    for job in jobs:
        if os.path.lexists(job.target) and not overwrite:
            yield Outcome(job, "skipped")
            continue
        start = time.perf_counter()
        try:
            _make_folder(job.target.parent)
            result = work(job)
        except Exists:
            yield Outcome(job, "skipped", time.perf_counter() - start)
        except InputError as error:
            yield Outcome(job, "failed", time.perf_counter() - start, message=str(error), mistake=True)
        except Exception as error:  # one photo's failure, whatever it is: the others are still done
            message = f"{type(error).__name__}: {' '.join(str(error).split())}"
            yield Outcome(job, "failed", time.perf_counter() - start, message=message)
        else:
            yield Outcome(job, "ok", time.perf_counter() - start, result)


def _names_a_photo(out: str) -> bool:
    """Whether the output is meant as a file.

    Raises:
        InputError: If it is an image of a format that can't be written.
    """
    if out.endswith(("/", os.sep)) or Path(out).is_dir():
        return False
    suffix = Path(out).suffix.lower()
    if suffix in NOT_READ or suffix in (".npy", ".pdf"):  # a mistake, not the name of a folder
        raise InputError(f"{out} has no suffix of a format that refocal writes: use {', '.join(SUFFIXES)}.")
    return suffix in SUFFIXES


def _check_folder(out: str) -> None:
    if Path(out).is_dir() or out.endswith(("/", os.sep)):
        return
    if Path(out).exists():
        raise InputError(f"{out} is a file; give a folder for the restored photos.")
    if Path(out).suffix.lower() in SUFFIXES:
        raise InputError(f"{out} names a single photo; give a folder for the photos of a folder or list.")


def _check_collisions(jobs: Sequence[Job], overwrite: bool) -> None:
    """Refuse two photos for one file, and to write over a file that is an input."""
    inputs = {identity: job.source for job in jobs if (identity := _identity(job.source))}
    makers: dict[str, Path] = {}
    for job in jobs:
        for target in (job.target, job.map_target):
            if target is None:
                continue
            first = makers.setdefault(_written(target, overwrite), job.source)
            if first is not job.source:
                raise InputError(f"{first} and {job.source} would both become {target}; use different folders.")
            victim = inputs.get(_identity(target) or (-1, -1))
            if victim is None:
                continue
            if victim is not job.source or target is job.map_target:
                raise InputError(f"The result of {job.source} would replace the input {victim}; choose another folder.")
            if not overwrite:
                raise InputError(f"{target} is the input itself; choose another name or folder, or add --overwrite.")


def _written(target: Path, overwrite: bool) -> str:
    """The file that is written for a target: links are followed where a file may be replaced."""
    path = Path(os.path.realpath(target)) if overwrite else Path(os.path.realpath(target.parent), target.name)
    return os.path.normcase(path)


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and file number: the same for every name of a file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {folder} can't be made: {error.strerror}.") from error
