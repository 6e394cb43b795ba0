"""Restore one photo file into another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from refocal.batch.plan import Job
from refocal.batch.settings import Settings
from refocal.batch.steps import NO_STEPS, Steps, Stopwatch
from refocal.files.whole import Exists, write_whole
from refocal.images.io import Photo, format_of, read, write
from refocal.images.jpeg import NO_END
from refocal.images.map_files import is_map, write_map
from refocal.optics.blur import BlurMap
from refocal.progress import Shown
from refocal.restore import restore_photo
from refocal.types import Array, InputError, Progress


@dataclass(frozen=True, eq=False)
class Done:
    """A photo that was restored and written; ``radius_px`` (H, W) is the blur map that was used, if any."""

    before: Photo
    after: Photo
    radius_px: Array | None
    notes: tuple[str, ...]
    bytes_in: int
    bytes_out: int
    steps: Steps = NO_STEPS


def restore_file(job: Job, settings: Settings, progress: Progress | None = None) -> Done:
    """Read one photo, restore it and write it (its map first, so that a photo never lacks its map).

    Args:
        job: Names of the files.
        settings: The settings of every photo.
        progress: Called with 0 and 0 before the work, and after each tile with the number of tiles done and of all.

    Raises:
        InputError: If the photo can't be read, restored with these settings or written.
    """
    watch = Stopwatch(progress)
    before = read(job.source)
    bytes_in = job.source.stat().st_size
    blur: Any = settings.radius_px if settings.radius_px is not None else settings.estimator
    if settings.map_px is not None:
        blur = BlurMap(settings.map_px)
    watch.has("read")
    after, restored = restore_photo(
        before,
        settings.method,
        blur=blur,
        strength=settings.strength,
        mask=settings.mask,
        tile_px=settings.tile_px,
        progress=watch.tile,
    )
    watch.has("restored")
    radius_px = _radius_map(restored.blur, settings, before)
    notes = [*before.notes, *restored.notes, *restored.decisions]
    if job.map_target is not None:
        if radius_px is None:
            notes.append(f"{settings.name} used no blur map, so there is none to save.")
        else:
            notes += _save_map(job.map_target, radius_px, overwrite=settings.overwrite)
    if format_of(job.target) == before.format and before.may_be_copied(after):
        write_whole(job.target, job.source.read_bytes(), overwrite=settings.overwrite)
        kept = [note for note in before.notes if note == NO_END]  # nothing is left out of a copy, or converted
        notes = [*kept, *notes[len(before.notes) :], "No pixel changed, so the file is a copy."]
    else:
        notes += write(job.target, after, overwrite=settings.overwrite)
    steps = watch.steps(restored.estimate_seconds)
    return Done(before, after, radius_px, tuple(notes), bytes_in, job.target.stat().st_size, steps)


def worker(settings: Settings, shown: Shown) -> Callable[[Job], Done]:
    """``restore_file`` with these settings, which shows the tiles of each photo."""

    def work(job: Job) -> Done:
        return restore_file(job, settings, partial(shown.tile, str(job.source)))

    return work


def _save_map(path: Path, radius_px: Array, *, overwrite: bool) -> list[str]:
    """Write a map. One that a killed run left without its photo is kept, as nothing is replaced; returns a note."""
    try:
        write_map(path, radius_px, overwrite=overwrite)
    except Exists as error:
        if not is_map(path):
            raise InputError(str(error)) from None
        return [f"{path} exists already, so it was kept."]
    return []


def _radius_map(blur: Any, settings: Settings, photo: Photo) -> Array | None:
    if isinstance(blur, BlurMap):
        return np.asarray(blur.radius_px)
    if blur is not None and settings.radius_px is not None:
        return np.full(photo.pixels.shape[:2], settings.radius_px, np.float32)
    return None
