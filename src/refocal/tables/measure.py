"""Measure a table: restore the images of every line and score them, image by image, resuming an interrupted run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from refocal.datasets import Pair, Protocol, open_dataset
from refocal.evaluation.cache import append_record, code_sha256, read_cache
from refocal.evaluation.loop import Input, restore_and_score
from refocal.evaluation.scoring import Metric, true_radius
from refocal.methods.black_box import BlackBox
from refocal.optics.blur import Psf
from refocal.tables.blur_maps import Maps
from refocal.tables.columns import metrics_of, millions
from refocal.tables.published import Line, PublishedTable, Settings
from refocal.tables.runnable import Runnable, make_runnable
from refocal.types import Image, InputError

Show = Callable[[str, int, int], None]
"""Called with a line's label, the number of its images that are done, and of all."""

AT_ONCE = 8  # images of a large set that are held in memory: 0.7 GB of DPDD
KEPT_BYTES = 1 << 30  # sets up to this size are read once
SCENES = "pixel4_dp"  # real scenes, few and different: each has figures of its own
NO_DATA = "no data here"
_CODE = (
    *("methods", "metrics", "optics", "propagation", "images", "inference", "estimators"),
    *("restore.py", "safeguards.py", "evaluation/evaluate.py"),
    *("evaluation/blur_source.py", "evaluation/loop.py", "evaluation/scoring.py", "tables/measure.py"),
)


@dataclass(frozen=True)
class Measured:
    """The result of one line.

    Attributes:
        line: The line.
        runnable: What was run, or why nothing was.
        values: Column -> one figure per image; without the columns that couldn't be measured.
        of: Number of images that there are.
    """

    line: Line
    runnable: Runnable | str
    values: Mapping[str, tuple[float, ...]]
    of: int


def measure(table: PublishedTable, settings: Settings, show: Show) -> tuple[list[Measured], list[str]]:
    """Measure every line of a table under the protocol of its data set.

    Returns:
        The result of each line, followed by one for each real scene of it; and sentences about what couldn't be
        measured.

    Raises:
        InputError: If one of the table's data sets isn't there.
    """
    sets, absent = _open(table, settings.data_root)
    metrics, missing = metrics_of(table, settings.data_root)
    known = read_cache(settings.cache)
    maps = Maps(settings, show, table.disks)
    measured: list[Measured] = []
    for line in table.lines:
        runnable = make_runnable(line, table.max_radius_px, settings.weights_dir)
        images = [found for data, found in sets.items() if line.data == data or (not line.data and data in table.data)]
        work = _Work(line, runnable, table, metrics, settings, show)
        places = work.places(images)
        records = [] if isinstance(runnable, str) else work.records(places, maps, known)
        columns = line.columns or tuple(column.name for column in table.columns)
        values = {name: tuple(record[name] for record in records if name in record) for name in columns if records}
        if "parameters" in columns and (found := _parameters(line)) is not None:
            values["parameters"] = (found,)
        reason = NO_DATA if not images and not isinstance(runnable, str) else runnable
        if table.every_line or records or (isinstance(runnable, str) and line.published and places):
            measured.append(Measured(line, reason, values, len(places)))
        if line.data.startswith(SCENES):
            measured += [_scene(measured[-1], record) for record in records]
    return measured, [*missing, *absent]


def spread(items: Sequence[Any], count: int) -> list[Any]:
    """``count`` of the items, evenly spread, starting with the first; all if there are fewer."""
    count = min(count, len(items))
    return [items[place * len(items) // count] for place in range(count)]


def as_given(pair: Pair, given: str) -> tuple[Image, Any]:
    """The blurred image that a line's method restores, and its blur.

    Args:
        pair: Pair of a data set; the circular ones need its ``Psf``.
        given: As in ``Line``.

    Returns:
        (C, H, W): the file's float32, or float64 that was never rounded; and the blur, None if it is unknown.
    """
    blur = pair.extras.get("blur")
    if given == "file":
        return pair.blurred, blur
    if not isinstance(blur, Psf) or pair.sharp is None:
        raise InputError(f"The kernel that blurred {pair.name!r} isn't known, so it can't be applied again.")
    blur = replace(blur, boundary="periodic")
    sharp = np.rint(pair.sharp.astype(np.float64) * 255) / 255
    known = blur if given == "circular-psf" else BlackBox(blur.apply, blur.boundary, blur.encoding)
    return blur.apply(sharp), known


def to_scored(restored: Image, truncated: bool) -> Image:
    """The restored image as it is scored: float32, clipped, and cut to whole levels of 8 bits if ``truncated``."""
    restored = np.clip(restored, 0, 1)
    # The product is exact enough for the levels themselves: k / 255 * 255 is k for all k, in float32 and in float64.
    return (np.floor(restored * 255) / 255 if truncated else restored).astype(np.float32)


@dataclass
class _Images:
    """The pairs of a data set; a small set is read once."""

    data: Any
    _kept: dict[int, Pair] = field(default_factory=dict)

    @property
    def protocol(self) -> Protocol:
        protocol: Protocol = self.data.protocol
        return protocol

    def __getitem__(self, index: int) -> Pair:
        if index in self._kept:
            return self._kept[index]
        pair: Pair = self.data[index]
        if pair.blurred.nbytes * len(self.data) <= KEPT_BYTES:
            self._kept[index] = pair
        return pair


_Place = tuple[_Images, int]


@dataclass(frozen=True)
class _Work:
    """A line and everything that its figures depend on, besides the image."""

    line: Line
    runnable: Runnable | str
    table: PublishedTable
    metrics: Mapping[str, Metric]
    settings: Settings
    show: Show

    def places(self, images: Sequence[_Images]) -> list[_Place]:
        """The images of the line that can be measured; of a line that can't be run, all."""
        every = [(found, index) for found in images for index in range(len(found.data))]
        if self.table.every_line:
            return every
        chosen = [(found, index) for found, index in every if found[index].name.endswith(self.line.only)]
        if isinstance(self.runnable, str):
            return chosen
        if self.runnable.uses_blur and self.line.blur == "given":
            chosen = [(found, index) for found, index in chosen if "blur" in found[index].extras]
        return [(found, index) for found, index in chosen if self._scorers(found[index])]

    def records(self, places: Sequence[_Place], maps: Maps, known: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
        """The figures of every image: from the cache, or measured and saved immediately."""
        if not places:
            return []
        some = spread(places, self.settings.limit or self.line.limit or len(places))
        records: list[dict[str, Any]] = []
        chunk = AT_ONCE if self.table.every_line else len(some)
        for start in range(0, len(some), chunk):
            part = some[start : start + chunk]
            records += self._part(
                [(found[index], found.protocol) for found, index in part], maps, known, start, len(some)
            )
        return records

    def _part(
        self,
        pairs: Sequence[tuple[Pair, Protocol]],
        maps: Maps,
        known: dict[str, dict[str, Any]],
        before: int,
        count: int,
    ) -> list[dict[str, Any]]:
        assert isinstance(self.runnable, Runnable)
        inputs = self._inputs(pairs, maps)
        keys = [self._key(pair, protocol, *given) for (pair, protocol), given in zip(pairs, inputs, strict=True)]
        scorers = [self._scorers(pair) for pair, _ in pairs]
        todo = [
            place for place, key in enumerate(keys) if not {*scorers[place], "seconds"} <= known.get(key, {}).keys()
        ]
        self.show(self.line.label, before + len(keys) - len(todo), count)
        jobs = 1 if self.line.own_threads else self.settings.jobs
        work = [Input(*pairs[place], *inputs[place], scorers[place]) for place in todo]
        finish = partial(to_scored, truncated=self.table.truncated)
        measured = restore_and_score(self.runnable.method, work, self.line.method, jobs=jobs, to_scored=finish)
        for done, (place, (figures, seconds)) in enumerate(zip(todo, measured, strict=True), start=1):
            about = {"key": keys[place], "method": self.line.method, "picture": pairs[place][0].name}
            known[keys[place]] = {**about, **figures, "seconds": seconds}
            append_record(self.settings.cache, known[keys[place]])
            self.show(self.line.label, before + len(keys) - len(todo) + done, count)
        return [{**known[key], "picture": pair.name} for key, (pair, _) in zip(keys, pairs, strict=True)]

    def _inputs(self, pairs: Sequence[tuple[Pair, Protocol]], maps: Maps) -> list[tuple[Image, Any]]:
        """The image and the blur that the method gets for each pair."""
        assert isinstance(self.runnable, Runnable)
        inputs = [as_given(pair, self.line.given) for pair, _ in pairs]
        if self.line.blur == "given":
            return inputs
        if self.runnable.estimator is None:
            return [(image, None) for image, _ in inputs]
        blurs = []
        for data in dict.fromkeys(protocol.data for _, protocol in pairs):
            blurs += maps.of(self.runnable.estimator, data, [pair for pair, of in pairs if of.data == data])
        return [(image, blur) for (image, _), blur in zip(inputs, blurs, strict=True)]

    def _scorers(self, pair: Pair) -> dict[str, Metric]:
        """Column -> metric, of those of the line that can be measured on this image."""
        wanted = self.line.columns or self.metrics
        estimated = self.line.blur not in ("given", "none")
        return {
            name: metric
            for name, metric in self.metrics.items()
            if name in wanted and metric.can_score(pair) and (metric.needs != "map" or estimated)
        }

    def _key(self, pair: Pair, protocol: Protocol, blurred: Image, blur: Any) -> str:
        """Identifies the figures of one image: two runs with the same key would measure the same."""
        assert isinstance(self.runnable, Runnable)
        line, runnable = self.line, self.runnable
        words = [line.method, runnable.options, runnable.weights_sha256, line.given, line.run, line.blur == "none"]
        words += [self.table.truncated, self.table.columns, line.columns, protocol, code_sha256(*_CODE)]
        digest = hashlib.sha256("\n".join(map(str, words)).encode())
        for array in (blurred, pair.sharp, getattr(blur, "radius_px", None), *true_radius(pair)):
            if array is not None:
                digest.update(str((array.dtype, array.shape)).encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def _open(table: PublishedTable, data_root: Path | None) -> tuple[dict[str, _Images], list[str]]:
    """Data set -> its images; and a sentence for each further set that isn't there, once for all parts of one."""
    sets = {data: _Images(open_dataset(data, data_root)) for data in table.data}
    absent: dict[str, str] = {}
    for data in table.more_data:
        try:
            sets[data] = _Images(open_dataset(data, data_root))
        except InputError as error:
            absent.setdefault(
                str(error).replace(data, data.partition("/")[0]), f"Nothing was measured on {data}. {error}"
            )
    return sets, list(absent.values())


def _parameters(line: Line) -> float | None:
    name = line.blur if line.blur not in ("given", "none") else str(line.options.get("weights") or line.method)
    return millions(name)


def _scene(whole: Measured, record: Mapping[str, Any]) -> Measured:
    """One scene of a line, as a line of its own."""
    picture = record["picture"]
    line = replace(whole.line, label=f"{whole.line.label} | {picture}", picture=picture, only=picture, published=())
    values = {name: (record[name],) for name in whole.values if name in record}
    return Measured(line, whole.runnable, values, 1)
