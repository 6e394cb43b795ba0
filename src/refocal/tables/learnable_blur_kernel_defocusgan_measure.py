"""Measure a table on several data sets, each under its own protocol, and on real scenes one by one.

Unlike ``tables.measure``, which takes all pictures of a table alike, this keeps to each set's border and fit, shows
estimators both views of dual-pixel photos, scores their maps, and reads large sets a few pictures at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from refocal.datasets import Pair, Protocol, open_dataset
from refocal.estimators import ESTIMATORS
from refocal.estimators.network_map import NetworkMap
from refocal.estimators.views import stack_views
from refocal.evaluation.cache import code_sha256, keep, read_cache
from refocal.evaluation.evaluate import fit_gain_offset
from refocal.evaluation.workers import Runs, restore_each
from refocal.metrics import spearman
from refocal.optics.blur import BlurMap
from refocal.restore import restore
from refocal.tables.blur_maps import Maps
from refocal.tables.learnable_blur_kernel_defocusgan_parameters import millions
from refocal.tables.measure import Measured, Show, metrics_of, spread
from refocal.tables.published import Line, PublishedTable, Settings
from refocal.tables.runnable import Estimator, Ready, options_of, prepare, prepare_estimator, weights_sha256
from refocal.types import Array, Blur, BlurEstimator, Image, InputError

AT_ONCE = 8  # pictures that are held: 0.7 GB of DPDD
MAX_RADIUS_PX = 255.0  # what a map's 16-bit file holds
SCENES = "pixel4_dp"  # the sets of so few and so different pictures that each has rows of its own
NO_DATA = "no data here"
_ROOMS = ("methods", "metrics", "optics", "propagation", "images", "restore.py", "evaluation/evaluate.py")
_CODE = (*_ROOMS, f"tables/{Path(__file__).name}")


@dataclass(frozen=True)
class Told:
    """A method as ``refocal deblur`` runs it: by tiles, on light or stored values as the blur is told.

    Attributes:
        method: The method.
    """

    method: Runs

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:
        """Restore (C, H, W)."""
        return restore(image, self.method, blur).image


def measure(table: PublishedTable, settings: Settings, show: Show) -> tuple[list[Measured], list[str]]:
    """Measure every line on its data set; of the sets in ``more_data``, those that are there.

    Returns:
        What came of each line, and after a line on real scenes, of each of them; and sentences about what couldn't be
        measured.

    Raises:
        InputError: If one of the table's data sets isn't there.
    """
    metrics, missing = metrics_of(table, settings.data_root)
    sets, absent = _open(table, settings.data_root)
    known = read_cache(settings.cache)
    maps = Maps(settings, show)
    measured = []
    for line in table.lines:
        dataset = sets.get(line.data)
        count = 0 if dataset is None else len(dataset)
        ready = _ready(line, settings.weights_dir)
        values: dict[str, tuple[float, ...]] = {}
        records: list[Mapping[str, Any]] = []
        if dataset is not None and isinstance(ready, Ready):
            work = _Work(
                line, ready, {name: m for name, m in metrics.items() if name in line.columns}, dataset.protocol
            )
            indices = spread(range(count), settings.limit or line.limit or count)
            for start in range(0, len(indices), AT_ONCE):
                pairs = [dataset[index] for index in indices[start : start + AT_ONCE]]
                show(line.label, start, len(indices))
                records += _records(work, pairs, maps, known, settings)
            show(line.label, len(indices), len(indices))
            names = [name for name in line.columns if all(name in record for record in records)]
            values = {name: tuple(record[name] for record in records) for name in names}
        if "parameters" in line.columns and (found := _parameters(line)) is not None:
            values["parameters"] = (found,)
        reason = NO_DATA if dataset is None and isinstance(ready, Ready) else ready
        measured.append(Measured(line, reason, values, count))
        if line.data.startswith(SCENES):
            measured += [_scene(measured[-1], record) for record in records]
    return measured, [*missing, *absent]


@dataclass(frozen=True)
class _Work:
    """A line and everything that its figures depend on, besides the picture."""

    line: Line
    ready: Ready
    metrics: Mapping[str, Callable[..., Array]]
    protocol: Protocol

    def key(self, pair: Pair, blur: BlurMap | None) -> str:
        """Names the figures of one picture: two runs with the same key would measure the same."""
        words = (
            self.line.method,
            self.ready.options,
            self.ready.weights_sha256,
            self.line.blur,
            self.protocol,
            sorted(self.metrics),
        )
        digest = hashlib.sha256("\n".join(map(str, (*words, code_sha256(*_CODE)))).encode())
        true, known = true_map(pair)
        for image in (pair.blurred, pair.sharp, None if blur is None else blur.radius_px, true, known):
            if image is not None:
                digest.update(str((image.dtype, image.shape)).encode() + np.ascontiguousarray(image).tobytes())
        return digest.hexdigest()

    def figures(self, restored: Image, pair: Pair, blur: BlurMap | None) -> dict[str, float]:
        """Column -> figure of one restored picture, and of the map it was told."""
        if pair.sharp is None:
            raise InputError(
                f"Nobody knows the sharp version of {pair.name}, so nothing can be scored on {self.protocol.data}."
            )
        image, sharp = as_scored(restored, pair.sharp, self.protocol)
        found = {name: float(metric(image, sharp)) for name, metric in self.metrics.items() if name != "spearman"}
        true, known = true_map(pair)
        if "spearman" in self.metrics and blur is not None and true is not None:
            found["spearman"] = float(spearman(blur.radius_px, true, known))
        return found


def as_scored(restored: Image, sharp: Image, protocol: Protocol) -> tuple[Image, Image]:
    """Both pictures (C, H, W) without the protocol's border, the restored one with gain and offset fitted if it says
    so.
    """
    height, width = sharp.shape[-2:]
    inside = (
        ...,
        slice(protocol.border_px, height - protocol.border_px),
        slice(protocol.border_px, width - protocol.border_px),
    )
    restored, sharp = restored[inside].astype(np.float32), sharp[inside]
    return (fit_gain_offset(restored, sharp) if protocol.fit == "gain-offset" else restored), sharp


def true_map(pair: Pair) -> tuple[Array | None, Array | None]:
    """What grows with the true radius (H, W), None where nobody knows; and where it is known, None for everywhere."""
    if "radius_px" in pair.extras:
        return pair.extras["radius_px"], None
    return pair.extras.get("defocus"), pair.extras.get("valid")


def _records(
    work: _Work, pairs: Sequence[Pair], maps: Maps, known: dict[str, dict[str, Any]], settings: Settings
) -> list[Mapping[str, Any]]:
    """The figures of some pictures: known ones as they are, the others measured and kept at once."""
    blurs = _blurs(work, pairs, maps)
    keys = [work.key(pair, blur) for pair, blur in zip(pairs, blurs, strict=True)]
    todo = [place for place, key in enumerate(keys) if key not in known]
    jobs = 1 if work.line.own_threads else settings.jobs
    inputs = [(pairs[place].blurred, blurs[place]) for place in todo]
    for place, (image, seconds) in zip(todo, restore_each(work.ready.method, inputs, jobs), strict=True):
        found = work.figures(image, pairs[place], blurs[place])
        about = {"key": keys[place], "method": work.line.label, "picture": pairs[place].name}
        known[keys[place]] = {**about, **found, "seconds": seconds}
        keep(settings.cache, known[keys[place]])
    return [{**known[key], "picture": pair.name} for key, pair in zip(keys, pairs, strict=True)]


def _blurs(work: _Work, pairs: Sequence[Pair], maps: Maps) -> Sequence[BlurMap | None]:
    """What the method is told of each picture."""
    if work.line.blur == "given":
        return [pair.extras["blur"] for pair in pairs]
    estimator = work.ready.estimator
    if estimator is None:
        return [None] * len(pairs)
    return maps_of(estimator, work.protocol.data, pairs, maps)


def maps_of(estimator: Estimator, data: str, pairs: Sequence[Pair], maps: Maps) -> list[BlurMap]:
    """The estimator's map of each picture, or of its two views, as disks on stored values.

    Raises:
        InputError: If it takes two views, and a picture has one.
    """
    two = getattr(estimator.estimate, "views", 1) == 2
    if two and not all({"left", "right"} <= pair.extras.keys() for pair in pairs):
        raise InputError(f"{estimator.name} takes two views of a photo, and {data} has one.")
    shown = [stack_views(pair.extras["left"], pair.extras["right"]) if two else pair.blurred for pair in pairs]
    # Maps are kept under the picture's name, and two sets may have the same names.
    named = [
        Pair(image, None, f"{data.replace('/', '-')}-{pair.name}") for image, pair in zip(shown, pairs, strict=True)
    ]
    return [BlurMap(blur.radius_px, encoding="srgb") for blur in maps.of(estimator, named)]


def _ready(line: Line, weights_dir: Path | None) -> Ready | str:
    """What is run for a line, or why nothing is; networks of an ablation are run as the method that they belong to."""
    plain = replace(line, blur="given")
    ablation = str(line.options.get("weights", ""))
    if ablation:
        file = None if weights_dir is None else weights_dir / f"{ablation}.onnx"
        own = file is not None and file.is_file()
        ready = prepare(replace(plain, options={**line.options, "weights": str(file) if own else ablation}))
    else:
        ready = prepare(plain, weights_dir)
    if isinstance(ready, str):
        return line.absent if ablation and not own else ready
    if line.blur in ("given", "none"):
        return replace(ready, method=Told(ready.method))
    estimator = estimator_of(line.blur, weights_dir)
    if isinstance(estimator, str):
        return f"no map: {estimator}"
    options = f"{ready.options}; map: {estimator.options}"
    return replace(ready, method=Told(ready.method), options=options, estimator=estimator)


def estimator_of(name: str, weights_dir: Path | None) -> Estimator | str:
    """An estimator by its name, or the user's own ``NAME.onnx``; or in a few words why there is none."""
    file = None if weights_dir is None else weights_dir / f"{name}.onnx"
    if file is not None and file.is_file():
        estimate: BlurEstimator = NetworkMap(str(file))
        options = options_of(estimate, {"weights": str(file)})
        return Estimator(name, estimate, f"{options}, weights={weights_sha256(estimate)[:12]}", MAX_RADIUS_PX)
    found = prepare_estimator(name) if name in ESTIMATORS else "not trained"
    return found if isinstance(found, str) else replace(found, most_px=MAX_RADIUS_PX)


def _parameters(line: Line) -> float | None:
    name = line.blur if line.blur not in ("given", "none") else str(line.options.get("weights") or line.method)
    return millions(name)


def _scene(whole: Measured, record: Mapping[str, Any]) -> Measured:
    """One scene of a line, as a line of its own."""
    line = replace(whole.line, label=f"{whole.line.label} | {record['picture']}", only=record["picture"], published=())
    values = {name: (record[name],) for name in whole.values if name in record}
    return Measured(line, whole.ready, values, 1)


def _open(table: PublishedTable, data_root: Path | None) -> tuple[dict[str, Any], list[str]]:
    """Data set -> it; and a sentence for each further one that isn't there, once for all parts of one set."""
    sets = {data: open_dataset(data, data_root) for data in table.data}
    absent: dict[str, str] = {}
    for data in table.more_data:
        try:
            sets[data] = open_dataset(data, data_root)
        except InputError as error:
            absent.setdefault(
                str(error).replace(data, data.partition("/")[0]), f"Nothing was measured on {data}. {error}"
            )
    return sets, list(absent.values())
