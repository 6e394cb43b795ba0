"""The plan of a batch: which file is restored into which, and the loop over the files.

A batch may end at any moment: outputs appear whole or not at all, and the next run does only what is missing.
"""

from __future__ import annotations

import glob
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from refocal.images.io import SUFFIXES
from refocal.images.map_files import is_map
from refocal.types import InputError

# Image formats that refocal doesn't write: as the name of an output they are a mistake, not the name of a folder.
_OTHER_PICTURES = (".avif", ".bmp", ".dng", ".gif", ".heic", ".heif", ".jp2", ".jxl", ".npy", ".pdf", ".psd")
_STALE_SECONDS = 3600.0  # writing one file takes seconds; another run may be at it right now


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
        status: ``"ok"``, ``"skipped"`` (the output was there) or ``"failed"``.
        seconds: Duration.
        result: The result of the work, if it is done.
        message: Reason of a failure.
        mistake: Whether the failure is a mistake of the user's, not an unexpected error.
    """

    job: Job
    status: Literal["ok", "skipped", "failed"]
    seconds: float = 0.0
    result: Any = None
    message: str = ""
    mistake: bool = False


@dataclass(frozen=True, eq=False)
class Plan:
    """The jobs of a batch.

    Attributes:
        jobs: Photos, in the order of the inputs.
        refused: Inputs that can't be restored, as failures.
    """

    jobs: tuple[Job, ...]
    refused: tuple[Outcome, ...] = ()


def plan(inputs: Sequence[str], out: str, *, save_map: bool = False, overwrite: bool = False) -> Plan:
    """Decide which file is restored into which, before anything is read.

    Args:
        inputs: Files, folders (with all subfolders; only photos are taken) and patterns such as ``trip/**/*.jpg``.
            Folders and patterns keep their tree beneath the output folder.
        out: A file, if one file goes in and this has a photo's suffix; otherwise a folder.
        save_map: Whether a blur map is written beside each output, as ``NAME_map.png``.
        overwrite: Whether an output may replace the very file it is made from.

    Raises:
        InputError: If there is nothing to do, two photos would become one file, or an input would be written over.
    """
    found: dict[Path, Path] = {}  # source -> path beneath the output folder
    seen: set[Path] = set()  # a photo that is named twice, or again through a link, is restored once
    refused: list[tuple[str, str]] = []
    if not out or not all(inputs):
        raise InputError("A name is empty; give the names of photos or folders, and with -o where to write.")
    for text in inputs:
        matches = list(_expand(text, Path(out)))
        if not matches:
            refused.append((text, _nothing(text)))
        for source, below in matches:
            if source.suffix.lower() in SUFFIXES:
                if (real := source.resolve()) not in seen:
                    seen.add(real)
                    found[source] = below
            else:
                refused.append((text, f"{source} isn't named like a photo that refocal reads ({', '.join(SUFFIXES)})."))
    if not found:
        more = f" (And {len(refused) - 1} more like this.)" if len(refused) > 1 else ""
        raise InputError(refused[0][1] + more)

    single = len(found) == 1 and not any(Path(text).is_dir() for text in inputs)
    targets = [Path(out)] if single and _names_a_photo(out) else [Path(out) / below for below in found.values()]
    if targets[0] != Path(out):
        _check_folder(out)
    jobs = tuple(
        Job(source, target, target.with_name(f"{target.stem}_map.png") if save_map else None)
        for source, target in zip(found, targets, strict=True)
    )
    _check_collisions(jobs, overwrite)
    failures = (Outcome(Job(Path(text), Path(out)), "failed", message=why, mistake=True) for text, why in refused)
    return Plan(jobs, tuple(failures))


def run(jobs: Sequence[Job], work: Callable[[Job], Any], *, overwrite: bool = False) -> Iterator[Outcome]:
    """Run the jobs one after the other; a photo that fails doesn't stop the others.

    Args:
        jobs: From ``plan``.
        work: Reads the source and writes the target.
        overwrite: Whether photos whose output exists are restored, too, instead of skipped.
    """
    for job in jobs:
        if job.target.exists() and not overwrite:
            yield Outcome(job, "skipped")
            continue
        start = time.perf_counter()
        try:
            _make_folder(job.target.parent)
            result = work(job)
        except InputError as error:
            yield Outcome(job, "failed", time.perf_counter() - start, message=str(error), mistake=True)
        except Exception as error:  # one photo's failure, whatever it is: the others are still done
            message = f"{type(error).__name__}: {' '.join(str(error).split())}"
            yield Outcome(job, "failed", time.perf_counter() - start, message=message)
        else:
            yield Outcome(job, "ok", time.perf_counter() - start, result)


def sweep(folders: set[Path]) -> int:
    """Remove the hidden unfinished files that a killed run left in these folders; returns how many.

    Those of a process that still runs, or ran elsewhere within the last hour, are left alone: it may be writing them.
    """
    removed = 0
    for part in [part for folder in folders for part in folder.glob(".refocal-*.part")]:
        with suppress(OSError):  # another run just finished it, or it is not ours to remove
            if _abandoned(part):
                part.unlink()
                removed += 1
    return removed


def _abandoned(part: Path) -> bool:
    host, _, rest = part.name.removeprefix(".refocal-").rpartition("-")[0].rpartition("-")
    if host == platform.node()[:40] and rest.isdigit() and os.name == "posix":
        try:
            os.kill(int(rest), 0)  # checks for the process, sends no signal
        except ProcessLookupError:
            return True
    return part.stat().st_mtime < time.time() - _STALE_SECONDS


def _expand(text: str, out: Path) -> Iterator[tuple[Path, Path]]:
    """The files of an input, each with its path beneath the output folder."""
    path = Path(text)
    if path.is_dir():
        for source in _walk(path, out):
            yield source, source.relative_to(path)
    elif path.exists():
        yield path, Path(path.name)
    elif glob.has_magic(text):
        parts = path.parts
        base = Path(*parts[: next(i for i, part in enumerate(parts) if glob.has_magic(part))])
        for source in map(Path, sorted(glob.glob(text, recursive=True))):  # noqa: PTH207 (pathlib's takes hidden files)
            if source.is_file() and _is_photo(source) and not _is_result(source, base, out):
                yield source, source.relative_to(base)


def _walk(folder: Path, out: Path) -> Iterator[Path]:
    """The photos beneath a folder, sorted; hidden files and the output folder (a former run's results) are left out."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and not _is_result(Path(place, f), folder, out))
        for name in sorted(files):
            if not name.startswith(".") and _is_photo(Path(place, name)):
                yield Path(place, name)


def _is_photo(path: Path) -> bool:
    """Whether a file found in a folder is a photo to restore; a blur map saved beside a photo is not."""
    return path.suffix.lower() in SUFFIXES and not (path.stem.endswith("_map") and is_map(path))


def _is_result(path: Path, base: Path, out: Path) -> bool:
    """Whether ``path`` is the output folder or in it, and this lies beneath the folder that is searched."""
    inside = path.resolve()
    results = out.resolve()
    return base.resolve() in results.parents and (results == inside or results in inside.parents)


def _nothing(text: str) -> str:
    if Path(text).is_dir():
        return f"There is no photo ({', '.join(SUFFIXES)}) in the folder {text}."
    if glob.has_magic(text):
        return f"No photo matches {text}."
    return f"{text} doesn't exist."


def _names_a_photo(out: str) -> bool:
    """Whether the output is meant as a file.

    Raises:
        InputError: If it is an image of a format that can't be written.
    """
    if out.endswith(("/", os.sep)) or Path(out).is_dir():
        return False
    suffix = Path(out).suffix.lower()
    if suffix in _OTHER_PICTURES:
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
            first = makers.setdefault(os.path.normcase(target.absolute()), job.source)
            if first is not job.source:
                raise InputError(f"{first} and {job.source} would both become {target}; use different folders.")
            victim = inputs.get(_identity(target) or (-1, -1))
            if victim is None:
                continue
            if victim is not job.source or target is job.map_target:
                raise InputError(f"The result of {job.source} would replace the input {victim}; choose another folder.")
            if not overwrite:
                raise InputError(f"{target} is the input itself; choose another name or folder, or add --overwrite.")


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
