"""A cache of the figures of every image, so that an interrupted run resumes while its code is unchanged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from refocal.files.records import append_line, json_line


@lru_cache(maxsize=8)
def code_sha256(*places: str) -> str:
    """SHA-256 of packages (``methods``), their tables of numbers included, and of single files (``restore.py``).

    So the figures of other code are measured again.
    """
    package = Path(__file__).parents[1]
    found = (path for place in places for kind in ("*.py", "*.npy") for path in (package / place).glob(kind))
    sources = {path for path in found if path.name != "__init__.py"}
    sources |= {package / place for place in places if place.endswith(".py")}
    digest = hashlib.sha256()
    for path in sorted(sources):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def read_cache(cache: Path | None) -> dict[str, dict[str, Any]]:
    """Key -> figures. The last line of a killed run may be cut short; it is skipped."""
    known: dict[str, dict[str, Any]] = {}
    if cache is None or not cache.exists():
        return known
    for line in cache.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
            known[record["key"]] = record
        except (ValueError, KeyError, TypeError):
            continue
    return known


def append_record(cache: Path | None, record: Mapping[str, Any]) -> None:
    """Append the figures of an image, under their ``key``.

    Raises:
        InputError: If the file can't be written.
    """
    if cache is not None:
        append_line(cache, json_line(record))
