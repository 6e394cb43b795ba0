"""Restore the pictures of every line of a table and score them, picture by picture, going on where a run was interrupted."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from refocal.datasets import Pair, open_dataset
from refocal.methods.black_box import BlackBox
from refocal.metrics import METRICS
from refocal.optics.blur import Psf
from refocal.tables.crew import restore_each
from refocal.tables.published import Line, PublishedTable, Settings
from refocal.tables.ready import Ready, prepare
from refocal.types import Array, Image, InputError

Show = Callable[[str, int, int], None]
"""Called with a line's label, the number of its pictures that are done, and of all."""

LPIPS_PX = 32  # side of the picture that LPIPS is tried with; its nets need 31
_ROOMS = ("methods", "metrics", "optics")


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
    pairs = [pair for data in table.data for pair in _all(open_dataset(data, settings.data_root))]
    metrics, missing = _metrics(table, settings.data_root)
    known = _read(settings.cache)
    measured = []
    for line in table.lines:
        chosen = [pair for pair in pairs if pair.name.endswith(line.only)]
        ready = prepare(line, settings.weights_dir)
        if isinstance(ready, str):
            if not line.published:
                continue
            measured.append(Measured(line, ready, {}, len(chosen)))
            continue
        limit = settings.limit or line.limit or len(chosen)
        work = _Work(line, ready, table, metrics)
        records = _line_records(work, spread(chosen, limit), settings, known, show)
        names = [column.name for column in table.columns if column.name in (*metrics, "seconds")]
        values = {name: tuple(record[name] for record in records) for name in names}
        measured.append(Measured(line, ready, values, len(chosen)))
    return measured, missing


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
    """The restored picture as it is scored: float32, clipped, and whole levels of 8 bits, downwards, if ``truncated``."""
    restored = np.clip(restored, 0, 1)
    # The product is exact enough for the levels themselves: k / 255 * 255 is k for all k, in float32 and in float64.
    return (np.floor(restored * 255) / 255 if truncated else restored).astype(np.float32)


@dataclass(frozen=True)
class _Work:
    """A line and everything that its figures depend on, besides the picture."""

    line: Line
    ready: Ready
    table: PublishedTable
    metrics: Mapping[str, Callable[[Image, Image], Array]]

    def key(self, blurred: Image, sharp: Image) -> str:
        """Names the figures of one picture: two runs with the same key would measure the same."""
        words = [self.line.method, self.ready.options, self.ready.weights_sha256, self.line.given, code_sha256()]
        words += [str(self.table.truncated), str(self.table.columns)]
        digest = hashlib.sha256("\n".join(words).encode())
        for image in (blurred, sharp):
            digest.update(str((image.dtype, image.shape)).encode() + np.ascontiguousarray(image).tobytes())
        return digest.hexdigest()

    def score(self, restored: Image, sharp: Image) -> dict[str, float]:
        """Column -> figure of one picture."""
        image = to_scored(restored, self.table.truncated)
        return {name: float(metric(image, sharp)) for name, metric in self.metrics.items()}


def _line_records(
    work: _Work, pairs: Sequence[Pair], settings: Settings, known: dict[str, dict[str, Any]], show: Show
) -> list[dict[str, Any]]:
    """The figures of every picture: known ones as they are, the others measured and kept at once."""
    inputs = [as_given(pair, work.line.given) for pair in pairs]
    keys = [work.key(blurred, pair.sharp) for (blurred, _), pair in zip(inputs, pairs, strict=True)]
    todo = [place for place, key in enumerate(keys) if not {*work.metrics, "seconds"} <= known.get(key, {}).keys()]
    show(work.line.label, len(keys) - len(todo), len(keys))
    jobs = 1 if work.line.own_threads else settings.jobs
    restored = restore_each(work.ready.method, [inputs[place] for place in todo], jobs)
    for done, (place, (image, seconds)) in enumerate(zip(todo, restored, strict=True), start=1):
        figures = {**work.score(image, pairs[place].sharp), "seconds": seconds}
        known[keys[place]] = {"key": keys[place], "method": work.line.method, "picture": pairs[place].name, **figures}
        _keep(settings.cache, known[keys[place]])
        show(work.line.label, len(keys) - len(todo) + done, len(keys))
    return [known[key] for key in keys]


def _metrics(table: PublishedTable, data_root: Path | None) -> tuple[dict[str, Callable[..., Array]], list[str]]:
    """Column -> metric; and a sentence for LPIPS when it can't be measured here, as it needs more than the others."""
    entries = {column.name: METRICS[column.metric] for column in table.columns if column.metric}
    metrics = {name: entry.load() if entry.needs else _alone(entry.load()) for name, entry in entries.items()}
    if "lpips" not in metrics:
        return metrics, []
    try:
        return {**metrics, "lpips": _lpips(metrics["lpips"], data_root)}, []
    except InputError as error:
        del metrics["lpips"]
        return metrics, [f"LPIPS was left out. {error}"]


def _alone(metric: Callable[..., Array]) -> Callable[..., Array]:
    """A metric without a reference, called like the others."""
    return lambda restored, _sharp: metric(restored)


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


def _all(dataset: Any) -> Iterator[Pair]:
    return (dataset[index] for index in range(len(dataset)))


@lru_cache(maxsize=1)
def code_sha256() -> str:
    """Of the sources that restore and score, so that figures of other code are measured again."""
    package = Path(__file__).parents[1]
    sources = [path for room in _ROOMS for path in (package / room).glob("*.py") if path.name != "__init__.py"]
    digest = hashlib.sha256()
    for path in sorted([*sources, Path(__file__)]):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _read(cache: Path | None) -> dict[str, dict[str, Any]]:
    """Key -> figures. Of a run that was killed, the last line may be cut short: it is passed over."""
    known: dict[str, dict[str, Any]] = {}
    if cache is None or not cache.exists():
        return known
    text = cache.read_text(encoding="utf-8")
    if text and not text.endswith("\n"):
        with cache.open("a", encoding="utf-8") as file:
            file.write("\n")  # so that the next record doesn't join what is left of this one
    for line in text.splitlines():
        try:
            record = json.loads(line)
            known[record["key"]] = record
        except (ValueError, KeyError, TypeError):
            continue
    return known


def _keep(cache: Path | None, record: Mapping[str, Any]) -> None:
    if cache is not None:
        with cache.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
