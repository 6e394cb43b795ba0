"""Restore photo files into photo files."""

from __future__ import annotations

import datetime
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, is_dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from refocal.batch.find import NOT_READ
from refocal.batch.plan import Job, Outcome, Plan, run
from refocal.batch.report import PageEntry, check_page, open_page
from refocal.files.records import append_line, json_line
from refocal.files.whole import Exists, sweep, write_whole, writing
from refocal.images.colour import luma
from refocal.images.io import SUFFIXES, Photo, format_of, read, to_float, write
from refocal.images.jpeg import NO_END
from refocal.images.map_files import is_map, write_map
from refocal.optics.blur import BlurMap
from refocal.printable import printable
from refocal.progress import progress
from refocal.provenance import version
from refocal.restore import restore_photo
from refocal.types import Array, Deblurrer, InputError


@dataclass(frozen=True, eq=False)
class Settings:
    """Settings for every photo of a batch.

    Attributes:
        name: Name of the method.
        method: The method itself, or its name.
        radius_px: The radius of a uniform blur, if it is given.
        map_px: The radius of every pixel (H, W), if it is given.
        estimator: The name of the estimator, if it is given.
        strength: 0 keeps the photo, 1 restores it fully.
        mask: (H, W) in [0, 1], 1 where the photo is restored.
        tile_px: Side of the tiles, if it is given.
        overwrite: Replace files that exist.
    """

    name: str = "default"
    method: str | Deblurrer = "default"
    radius_px: float | None = None
    map_px: Array | None = None
    estimator: str | None = None
    strength: float = 1.0
    mask: Array | None = None
    tile_px: int | None = None
    overwrite: bool = False


@dataclass(frozen=True, eq=False)
class Done:
    """A photo that was restored and written; ``radius_px`` (H, W) is the blur map that was used, if any."""

    before: Photo
    after: Photo
    radius_px: Array | None
    notes: tuple[str, ...]
    bytes_in: int
    bytes_out: int


def read_mask(path: str | Path) -> Array:
    """Read an image as a mask (H, W) in [0, 1]: white is restored, black is kept, and so is what is transparent."""
    photo = read(path)
    if photo.damaged:
        raise InputError(f"{path}: {' '.join(photo.notes)} A mask must be whole.")
    mask: Array = luma(to_float(photo.pixels))[0]
    return mask if photo.alpha is None else mask * to_float(photo.alpha)[0]


def deblur_files(plan: Plan, settings: Settings, *, report: Path | None = None, log: Path | None = None) -> int:
    """Restore the photos of a plan one after the other, with progress on stderr.

    Args:
        plan: From ``batch.plan``.
        settings: The settings of every photo.
        report: Write a page with every photo before and after.
        log: Append one JSON object per photo.

    Returns:
        The exit code: 0 all done, 1 some failed or are incomplete because the file is damaged, 130 Ctrl-C.

    Raises:
        InputError: If the report or the log can't be written, or the only photo asked for fails by the user's mistake.
    """
    if report is not None:
        check_page(report)
        if report.exists() and not settings.overwrite and all(os.path.lexists(job.target) for job in plan.jobs):
            report = None  # nothing will be restored, and the existing page has more than this run
    if log is not None:
        _check_log(log, report)
    sweep({job.target.parent for job in plan.jobs} | ({report.parent} if report is not None else set()))
    counts = {"ok": 0, "skipped": 0, "left out": 0, "failed": 0, "damaged": 0}
    named: list[Outcome] = []
    asked, interrupted = len(plan.refused) + len(plan.jobs), False
    with ExitStack() as page:
        add = page.enter_context(open_page(report, "Before and after")) if report is not None else None
        with progress(asked) as advance:
            try:
                outcomes = run(plan.jobs, lambda job: restore_file(job, settings), overwrite=settings.overwrite)
                for outcome in chain(plan.refused, outcomes):
                    if log is not None:
                        append_line(log, json_line(_record(outcome, settings)))
                    if asked == 1 and outcome.mistake:
                        raise InputError(_sentence(outcome))
                    counts[outcome.status] += 1
                    counts["damaged"] += outcome.result is not None and outcome.result.before.damaged
                    if outcome.status in ("left out", "failed"):
                        named.append(outcome)
                    advance(str(outcome.job.source), _said(outcome))
                    if add is not None:
                        _add_section(add, outcome, settings)
            except KeyboardInterrupt:
                interrupted = True
        _summarise(counts, named, asked if interrupted else None)  # also where the page can't be finished
    failed = any(outcome.status == "failed" or outcome.mistake for outcome in named)
    return 130 if interrupted else 1 if failed or counts["damaged"] else 0


def restore_file(job: Job, settings: Settings) -> Done:
    """Read one photo, restore it and write it (its map first, so that a photo never lacks its map).

    Raises:
        InputError: If the photo can't be read, restored with these settings or written.
    """
    before = read(job.source)
    bytes_in = job.source.stat().st_size
    blur: Any = settings.radius_px if settings.radius_px is not None else settings.estimator
    if settings.map_px is not None:
        blur = BlurMap(settings.map_px)
    after, restored = restore_photo(
        before,
        settings.method,
        blur=blur,
        strength=settings.strength,
        mask=settings.mask,
        tile_px=settings.tile_px,
    )
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
    return Done(before, after, radius_px, tuple(notes), bytes_in, job.target.stat().st_size)


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


def _said(outcome: Outcome) -> str:
    if outcome.status == "skipped":
        return f"skipped, {outcome.job.target} exists"
    if outcome.status in ("left out", "failed"):
        return outcome.status
    return " ".join([f"{outcome.job.target}, {outcome.seconds:.1f} s.", *outcome.result.notes])


def _summarise(counts: dict[str, int], named: list[Outcome], interrupted_of: int | None) -> None:
    """Print the counts, and a sentence for everything that failed or was left out."""
    said = [f"{counts['ok']} restored"]
    if counts["damaged"]:
        said.append(f"{counts['damaged']} of them incomplete because the file is damaged")
    if counts["skipped"]:
        said.append(f"{counts['skipped']} skipped because the output exists (--overwrite does them again)")
    said += [f"{counts[status]} {status}" for status in ("left out", "failed") if counts[status]]
    if interrupted_of is not None:
        sys.stderr.write(f"Interrupted. Of {interrupted_of}: {', '.join(said)}; the same command restores the rest.\n")
    else:
        sys.stderr.write(f"{', '.join(said)}.\n")
    for outcome in named:
        sys.stderr.write(f"refocal: {printable(_sentence(outcome))}\n")


def _sentence(failure: Outcome) -> str:
    source = str(failure.job.source)
    return failure.message if source in failure.message else f"{source}: {failure.message}"


def _record(outcome: Outcome, settings: Settings) -> dict[str, Any]:
    """The log's record of one photo."""
    done: Done | None = outcome.result
    height, width = done.before.pixels.shape[:2] if done else (None, None)
    return {
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "status": outcome.status,
        "message": outcome.message,
        "input": str(outcome.job.source),
        "output": None if outcome.status == "left out" else str(outcome.job.target),
        "method": settings.name,
        "options": _options(settings),
        "estimator": settings.estimator,
        "radius_px": settings.radius_px,
        "map_given": settings.map_px is not None,
        "strength": settings.strength,
        "masked": settings.mask is not None,
        "tile_px": settings.tile_px,
        "seconds": round(outcome.seconds, 4),
        "width": width,
        "height": height,
        "damaged": done.before.damaged if done else None,
        "bytes_in": done.bytes_in if done else None,
        "bytes_out": done.bytes_out if done else None,
        "notes": list(done.notes) if done else [],
        "refocal": version(),
        "numpy": np.__version__,
    }


def _options(settings: Settings) -> dict[str, Any]:
    return asdict(settings.method) if is_dataclass(settings.method) else {}


def _check_log(log: Path, report: Path | None) -> None:
    """Refuse a log that can't be written, or would be written into another file of the batch."""
    if log.suffix.lower() in (*SUFFIXES, *NOT_READ):
        raise InputError(f"{log} is named like a photo; choose another name for the log.")
    if report is not None and os.path.realpath(log) == os.path.realpath(report):
        raise InputError(f"{log} is the report; choose another name for the log.")
    with writing(log):
        if log.is_file():
            with log.open("rb") as file:
                if file.read(1) not in (b"", b"{"):
                    raise InputError(f"{log} exists and isn't a log of refocal's; choose another name for the log.")
    append_line(log, "")


def _add_section(add: Callable[[PageEntry], None], outcome: Outcome, settings: Settings) -> None:
    """Add the report's section of one photo, also of one that an earlier run restored."""
    done: Done | None = outcome.result
    name = str(outcome.job.source)
    if done is not None:
        radius_px = None if settings.radius_px is not None else done.radius_px  # a uniform map shows nothing
        add(PageEntry(name, done.before, done.after, _facts(outcome, done, settings), radius_px))
    elif outcome.status == "skipped":
        try:
            before, after = read(outcome.job.source), read(outcome.job.target)
        except InputError:  # not a photo that refocal wrote
            return
        if before.pixels.shape == after.pixels.shape:
            add(PageEntry(name, before, after, {"Restored": "by an earlier run", "File": str(outcome.job.target)}))


def _facts(outcome: Outcome, done: Done, settings: Settings) -> dict[str, str]:
    height, width, _ = done.before.pixels.shape
    facts = {"Method": settings.name}
    if options := _options(settings):
        facts["Options"] = ", ".join(f"{name} = {value}" for name, value in options.items())
    if settings.radius_px is not None:
        facts["Blur"] = f"radius {settings.radius_px:g} px everywhere, as given"
    elif done.radius_px is not None:
        how = "estimated" if settings.map_px is None else "as given"
        low, middle, high = np.percentile(done.radius_px[::4, ::4], (5, 50, 95))
        facts["Blur"] = f"radius {low:.1f} to {high:.1f} px (5 % to 95 %), median {middle:.1f} px, {how}"
    if settings.strength != 1:
        facts["Strength"] = f"{settings.strength:g}"
    if settings.mask is not None:
        facts["Mask"] = f"{100 * float(settings.mask.mean()):.0f} % of the photo"
    facts["Size"] = f"{width} × {height} pixels, {width * height / 1e6:.1f} megapixels"
    facts["Time"] = f"{outcome.seconds:.1f} s"
    facts["File"] = f"{done.bytes_in / 1e6:.2f} MB, restored {done.bytes_out / 1e6:.2f} MB: {outcome.job.target}"
    if done.notes:
        facts["Notes"] = " ".join(done.notes)
    return facts
