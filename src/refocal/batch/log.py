"""The log of a batch: one line of JSON per photo."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Any

import numpy as np

from refocal.batch.find import NOT_READ
from refocal.batch.plan import Outcome
from refocal.batch.restore_file import Done
from refocal.batch.settings import Settings, options_of
from refocal.files.records import append_line, json_line
from refocal.files.whole import writing
from refocal.images.io import SUFFIXES
from refocal.provenance import version
from refocal.types import InputError


def check_log(log: Path, report: Path | None) -> None:
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


def append_record(log: Path, outcome: Outcome, settings: Settings) -> None:
    """Append the record of one photo."""
    append_line(log, json_line(_record(outcome, settings)))


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
        "options": options_of(settings),
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
