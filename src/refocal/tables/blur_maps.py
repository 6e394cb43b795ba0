"""Estimated blur maps of a data set's images: each made once, and kept as an image file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from refocal.datasets import Pair
from refocal.evaluation.blur_source import estimator_input
from refocal.evaluation.cache import code_sha256
from refocal.evaluation.workers import restore_each
from refocal.images.io import read
from refocal.images.map_files import PNG_STEPS, write_map
from refocal.optics.blur import BlurMap
from refocal.optics.radius_levels import STEP_PX
from refocal.tables.published import Settings
from refocal.tables.runnable import Estimator
from refocal.types import Array, Image

_CODE = ("estimators", "propagation", "images", "optics", "inference", "tables/runnable.py")


@dataclass
class Maps:
    """The maps of a run.

    Attributes:
        settings: With ``cache``, maps are kept in the folder ``maps`` beside it.
        show: Called with a label, the number of maps that are done, and of all.
        disks: As in ``PublishedTable``.
    """

    settings: Settings
    show: Callable[[str, int, int], None]
    disks: bool = False
    _known: dict[str, Array] = field(default_factory=dict)

    def of(self, estimator: Estimator, data: str, pairs: Sequence[Pair]) -> list[BlurMap]:
        """The map of each pair of a data set, made from the blurred image or from both its views.

        Raises:
            InputError: If the estimator can't be run, or takes two views where the data set has one.
        """
        inputs = [estimator_input(estimator.estimate, pair, estimator.name, data) for pair in pairs]
        keys = [self._key(estimator, image) for image in inputs]
        paths = [self._path(estimator, data, pair, key) for pair, key in zip(pairs, keys, strict=True)]
        for path, key in zip(paths, keys, strict=True):
            if key not in self._known and path is not None and path.is_file():
                self._known[key] = read(path).pixels[..., 0].astype(np.float32) / PNG_STEPS
        todo = [place for place, key in enumerate(keys) if key not in self._known]
        label = f"map, {estimator.name}"
        if todo:
            self.show(label, len(keys) - len(todo), len(keys))
        radii = restore_each(estimator, [(inputs[place], None) for place in todo], self.settings.jobs)
        for done, (place, (radius_px, _)) in enumerate(zip(todo, radii, strict=True), start=1):
            # As it will be read from the file, or a resumed run would measure something else.
            self._known[keys[place]] = np.rint(radius_px * PNG_STEPS).astype(np.float32) / PNG_STEPS
            self._write(paths[place], self._known[keys[place]])
            self.show(label, len(keys) - len(todo) + done, len(keys))
        return [self._blur(pair, self._known[key]) for pair, key in zip(pairs, keys, strict=True)]

    def _blur(self, pair: Pair, radius_px: Array) -> BlurMap:
        """The blur with an estimated radius: the operator that blurred the image, if known, unless ``disks``."""
        if self.disks:
            return BlurMap(radius_px, encoding="srgb")
        true = pair.extras.get("blur")
        if isinstance(true, BlurMap):
            return replace(true, radius_px=radius_px, confidence=None)
        return BlurMap(radius_px, step_px=STEP_PX, boundary="replicate", encoding="srgb")  # as the photos with a map

    def _key(self, estimator: Estimator, image: Image) -> str:
        digest = hashlib.sha256("\n".join((estimator.name, estimator.options, code_sha256(*_CODE))).encode())
        digest.update(str(image.shape).encode() + np.ascontiguousarray(image).tobytes())
        return digest.hexdigest()

    def _path(self, estimator: Estimator, data: str, pair: Pair, key: str) -> Path | None:
        cache = self.settings.cache
        if cache is None:
            return None
        return cache.parent / "maps" / f"{data.replace('/', '-')}-{pair.name}-{estimator.name}-{key[:12]}.png"

    def _write(self, path: Path | None, radius_px: Array) -> None:
        if path is None:
            return
        path.parent.mkdir(exist_ok=True)
        for old in path.parent.glob(f"{path.stem.rpartition('-')[0]}-*.png"):
            old.unlink()
        write_map(path, radius_px, overwrite=True)
