"""Restore the pictures of every line of a table and score them, picture by picture, going on where a run was
interrupted.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from refocal.datasets import Pair, open_dataset
from refocal.evaluation.cache import code_sha256, keep, read_cache
from refocal.evaluation.workers import restore_each
from refocal.methods.black_box import BlackBox
from refocal.metrics import METRICS
from refocal.optics.blur import Psf
from refocal.tables.blur_maps import Maps
from refocal.tables.published import Line, PublishedTable, Settings
from refocal.tables.runnable import Ready, prepare
from refocal.types import Array, Image, InputError

Show = Callable[[str, int, int], None]
"""Called with a line's label, the number of its pictures that are done, and of all."""

LPIPS_PX = 32  # side of the picture that LPIPS is tried with; its nets need 31
_CODE = ("methods", "metrics", "optics", "propagation", "images", "tables/measure.py")
_CODE_OF_BLIND = ("estimators", "restore.py", "inference/focus.py")


@dataclass(frozen=True)
class Measured:
    """What came of one line.

    Attributes:
        line: Of the table.
        ready: What was run, or why nothing was.
        values: Column -> one figure per picture; without the columns that couldn't be measured.
        of: How many pictures there are.
    """

    line: Line
    ready: Ready | str
    values: Mapping[str, tuple[float, ...]]
    of: int


def measure(table: PublishedTable, settings: Settings, show: Show) -> tuple[list[Measured], list[str]]:
    """Measure a table.

    Returns:
        What came of each line, and sentences about what couldn't be measured.

    Raises:
        InputError: If a data set isn't there.
    """
    pairs, absent = _pairs(table, settings.data_root)
    of = {column.name: column.metric for column in table.columns}
    functions, missing = metrics_of(table, settings.data_root)
    metrics = {name: _Figure(function, METRICS[of[name]].needs) for name, function in functions.items()}
    known = read_cache(settings.cache)
    maps = Maps(settings, show)
    measured = []
    for line in table.lines:
        of_line = (found for data, found in pairs.items() if line.data in ("", data))
        chosen = [pair for found in of_line for pair in found if pair.name.endswith(line.only)]
        ready = prepare(line, settings.weights_dir)
        if isinstance(ready, str):
            if line.published and chosen:
                measured.append(Measured(line, ready, {}, len(chosen)))
            continue
        if ready.uses_blur and line.blur == "given":
            chosen = [pair for pair in chosen if "blur" in pair.extras]
        work = _Work(line, ready, table, metrics)
        chosen = [pair for pair in chosen if work.figures(pair)]
        if not chosen:
            continue
        some = spread(chosen, settings.limit or line.limit or len(chosen))
        inputs = [as_given(pair, line.given) for pair in some]
        if ready.estimator is not None:
            inputs = [
                (blurred, blur) for (blurred, _), blur in zip(inputs, maps.of(ready.estimator, some), strict=True)
            ]
        records = _line_records(work, list(zip(some, inputs, strict=True)), settings, known, show)
        names = [column.name for column in table.columns if not line.columns or column.name in line.columns]
        values = {name: tuple(record[name] for record in records if name in record) for name in names}
        measured.append(Measured(line, ready, values, len(chosen)))
    return measured, [*missing, *absent]


def spread(items: Sequence[Any], count: int) -> list[Any]:
    """``count`` of the items, evenly spread, the first among them; all if there are fewer."""
    count = min(count, len(items))
    return [items[place * len(items) // count] for place in range(count)]


def as_given(pair: Pair, given: str) -> tuple[Image, Any]:
    """The blurred picture that a line's method restores, and its blur.

    Args:
        pair: Of a data set; the circular ones need its ``Psf``.
        given: As in ``Line``.

    Returns:
        (C, H, W): the file's float32, or float64 that was never rounded; and the blur, None where nobody knows it.
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
    """The restored picture as it is scored: float32, clipped, and whole levels of 8 bits, downwards, if
    ``truncated``.
    """
    restored = np.clip(restored, 0, 1)
    # The product is exact enough for the levels themselves: k / 255 * 255 is k for all k, in float32 and in float64.
    return (np.floor(restored * 255) / 255 if truncated else restored).astype(np.float32)


@dataclass(frozen=True)
class _Figure:
    """A metric and what it needs besides the restored picture, as its ``Entry`` tells."""

    function: Callable[..., Array]
    needs: str

    def of(self, restored: Image, pair: Pair, blur: Any) -> float:
        if self.needs == "map":
            return float(self.function(blur.radius_px, pair.extras["blur"].radius_px))
        return float(self.function(restored, pair.sharp) if self.needs else self.function(restored))


@dataclass(frozen=True)
class _Work:
    """A line and everything that its figures depend on, besides the picture."""

    line: Line
    ready: Ready
    table: PublishedTable
    metrics: Mapping[str, _Figure]

    def key(self, pair: Pair, blurred: Image, blur: Any) -> str:
        """Names the figures of one picture: two runs with the same key would measure the same."""
        code = code_sha256(*_CODE, *(_CODE_OF_BLIND if self.line.blur == "none" else ()))
        words = [self.line.method, self.ready.options, self.ready.weights_sha256, self.line.given, code]
        words += [
            str(self.table.truncated),
            str(self.table.columns),
            str(self.line.columns),
            str(self.line.blur == "none"),
        ]
        digest = hashlib.sha256("\n".join(words).encode())
        radii = (getattr(known, "radius_px", None) for known in (blur, pair.extras.get("blur")))
        for image in (blurred, pair.sharp, *radii):
            if image is not None:
                digest.update(str((image.dtype, image.shape)).encode() + np.ascontiguousarray(image).tobytes())
        return digest.hexdigest()

    def figures(self, pair: Pair) -> dict[str, _Figure]:
        """Column -> metric, of those of the line that can be measured on this picture."""
        possible = {"": True, "sharp": pair.sharp is not None, "map": "blur" in pair.extras}
        wanted = self.line.columns or self.metrics
        return {name: figure for name, figure in self.metrics.items() if name in wanted and possible[figure.needs]}


def _line_records(
    work: _Work,
    pairs: Sequence[tuple[Pair, tuple[Image, Any]]],
    settings: Settings,
    known: dict[str, dict[str, Any]],
    show: Show,
) -> list[dict[str, Any]]:
    """The figures of every picture, given with its input: known ones as they are, the others measured and kept at
    once.
    """
    keys = [work.key(pair, blurred, blur) for pair, (blurred, blur) in pairs]
    figures = [work.figures(pair) for pair, _ in pairs]
    todo = [place for place, key in enumerate(keys) if not {*figures[place], "seconds"} <= known.get(key, {}).keys()]
    show(work.line.label, len(keys) - len(todo), len(keys))
    jobs = 1 if work.line.own_threads else settings.jobs
    restored = restore_each(work.ready.method, [pairs[place][1] for place in todo], jobs)
    for done, (place, (image, seconds)) in enumerate(zip(todo, restored, strict=True), start=1):
        pair, (_, blur) = pairs[place]
        scored = to_scored(image, work.table.truncated)
        found = {name: figure.of(scored, pair, blur) for name, figure in figures[place].items()}
        known[keys[place]] = {
            "key": keys[place],
            "method": work.line.method,
            "picture": pair.name,
            **found,
            "seconds": seconds,
        }
        keep(settings.cache, known[keys[place]])
        show(work.line.label, len(keys) - len(todo) + done, len(keys))
    return [known[key] for key in keys]


def _pairs(table: PublishedTable, data_root: Path | None) -> tuple[dict[str, list[Pair]], list[str]]:
    """Data set -> its pictures, and a sentence for each further one that isn't there."""
    pairs = {data: _all(open_dataset(data, data_root)) for data in table.data}
    absent = []
    for data in table.more_data:
        try:
            pairs[data] = _all(open_dataset(data, data_root))
        except InputError as error:
            absent.append(f"Nothing was measured on {data}. {error}")
    return pairs, absent


def _all(dataset: Any) -> list[Pair]:
    return [dataset[index] for index in range(len(dataset))]


def metrics_of(table: PublishedTable, data_root: Path | None) -> tuple[dict[str, Callable[..., Array]], list[str]]:
    """Column -> metric; and a sentence for LPIPS when it can't be measured here, as it needs more than the others."""
    entries = {column.name: METRICS[column.metric] for column in table.columns if column.metric}
    metrics = {name: entry.load() for name, entry in entries.items()}
    if "lpips" not in metrics:
        return metrics, []
    try:
        return {**metrics, "lpips": _lpips(metrics["lpips"], data_root)}, []
    except InputError as error:
        del metrics["lpips"]
        return metrics, [f"LPIPS was left out. {error}"]


def _lpips(metric: Callable[..., Array], data_root: Path | None) -> Callable[..., Array]:
    """LPIPS with the weights that it finds itself, or those in the folder ``weights`` beside the folder of test data.

    Raises:
        InputError: If torch or the weights are missing.
    """
    from refocal.weights import WEIGHTS

    trial = np.zeros((1, LPIPS_PX, LPIPS_PX), np.float32)
    root = Path(data_root or os.environ.get("REFOCAL_DATA") or "../shared/data/test")
    beside = root.parent / "weights" / WEIGHTS["lpips-squeeze"].file
    try:
        metric(trial, trial)
    except InputError:
        if not beside.is_file():
            raise
        sha256 = WEIGHTS["lpips-squeeze"].sha256
        metric(trial, trial, weights=beside, sha256=sha256)
        return lambda restored, sharp: metric(restored, sharp, weights=beside, sha256=sha256)
    return metric
