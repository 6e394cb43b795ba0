"""Blur maps that the estimators make of a data set's pictures: each once, and kept as a file that can be looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from refocal.datasets import Pair
from refocal.evaluation.cache import code_sha256
from refocal.evaluation.workers import restore_each
from refocal.images.io import read
from refocal.images.map_files import PNG_STEPS, write_map
from refocal.optics.blur import BlurMap
from refocal.optics.radius_levels import STEP_PX
from refocal.tables.published import Settings
from refocal.tables.runnable import Estimator
from refocal.types import Array

_CODE = ("estimators", "propagation", "images", "optics", "inference/focus.py", "tables/runnable.py")


@dataclass
class Maps:
    """The maps of a run.

    Attributes:
        settings: With ``cache``, maps are kept in the folder ``maps`` beside it.
        show: Told how far it is.
    """

    settings: Settings
    show: Callable[[str, int, int], None]
    _known: dict[str, Array] = field(default_factory=dict)

    def of(self, estimator: Estimator, pairs: Sequence[Pair]) -> list[BlurMap]:
        """The map of each picture, by the operator that blurred it where that is known.

        Raises:
            InputError: If the estimator can't be run.
        """
        keys = [self._key(estimator, pair) for pair in pairs]
        for pair, key in zip(pairs, keys, strict=True):
            path = self._path(estimator, pair, key)
            if key not in self._known and path is not None and path.is_file():
                self._known[key] = read(path).pixels[..., 0].astype(np.float32) / PNG_STEPS
        todo = [place for place, key in enumerate(keys) if key not in self._known]
        label = f"map, {estimator.name}"
        if todo:
            self.show(label, len(keys) - len(todo), len(keys))
        radii = restore_each(estimator, [(pairs[place].blurred, None) for place in todo], self.settings.jobs)
        for done, (place, (radius_px, _)) in enumerate(zip(todo, radii, strict=True), start=1):
            # As it will be read again, or a run that goes on would measure something else.
            self._known[keys[place]] = np.rint(radius_px * PNG_STEPS).astype(np.float32) / PNG_STEPS
            self._write(estimator, pairs[place], keys[place])
            self.show(label, len(keys) - len(todo) + done, len(keys))
        return [told(pair, self._known[key]) for pair, key in zip(pairs, keys, strict=True)]

    def _key(self, estimator: Estimator, pair: Pair) -> str:
        digest = hashlib.sha256("\n".join((estimator.name, estimator.options, code_sha256(*_CODE))).encode())
        digest.update(str(pair.blurred.shape).encode() + np.ascontiguousarray(pair.blurred).tobytes())
        return digest.hexdigest()

    def _path(self, estimator: Estimator, pair: Pair, key: str) -> Path | None:
        cache = self.settings.cache
        return None if cache is None else cache.parent / "maps" / f"{pair.name}-{estimator.name}-{key[:12]}.png"

    def _write(self, estimator: Estimator, pair: Pair, key: str) -> None:
        path = self._path(estimator, pair, key)
        if path is None:
            return
        path.parent.mkdir(exist_ok=True)
        for old in path.parent.glob(f"{pair.name}-{estimator.name}-*.png"):
            old.unlink()
        write_map(path, self._known[key], overwrite=True)


def told(pair: Pair, radius_px: Array) -> BlurMap:
    """What a method is told in place of the true map: another radius, all else alike."""
    true = pair.extras.get("blur")
    if isinstance(true, BlurMap):
        return replace(true, radius_px=radius_px, confidence=None)
    return BlurMap(radius_px, step_px=STEP_PX, boundary="replicate", encoding="srgb")  # as the photos with a map
