"""Method x data set x protocol -> rows of a table that say how they were measured."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refocal.datasets import open_dataset
from refocal.evaluation.blur_source import blur_source
from refocal.evaluation.finished import Finished, Keep
from refocal.evaluation.loop import Input, restore_and_score
from refocal.evaluation.results import Row
from refocal.evaluation.scoring import Metric
from refocal.evaluation.warm_up import warm_up
from refocal.evaluation.workers import Runs
from refocal.inference.network_file import weights_sha256
from refocal.methods import make_method, to_measure
from refocal.provenance import commit, version
from refocal.restore import facts_of, restore
from refocal.types import Blur, BlurEstimator, Deblurrer, Image, InputError, Restorer

# What the names of these metrics mean, written out in every row.
SSIM_WINDOWS = {"ssim": "uniform7", "ssim-gaussian11": "gaussian11"}
LPIPS_NETS = {"lpips": "squeeze"}


@dataclass(frozen=True)
class Evaluation:
    """The result of ``evaluate_images``.

    Attributes:
        rows: One per metric.
        names: Names of the images.
        values: Metric -> one number per image.
        seconds_per_megapixel: One number per image.
    """

    rows: list[Row]
    names: tuple[str, ...]
    values: dict[str, tuple[float, ...]]
    seconds_per_megapixel: tuple[float, ...]


@dataclass(frozen=True)
class Restoring:
    """A method run by the engine, as ``refocal deblur`` runs it: by tiles, in the encoding that the blur names.

    Attributes:
        method: The method.
    """

    method: Deblurrer | Restorer

    def __call__(self, image: Image, blur: Blur | BlurEstimator | None = None) -> Image:
        """Restore (C, H, W); without a blur, a method that needs one gets an estimated one."""
        return restore(image, self.method, blur).image


@dataclass(frozen=True)
class _WithBlur:
    """A plain callable, which takes a blur but no estimator."""

    method: Callable[[Image, Any], Image]

    def __call__(self, image: Image, blur: Any = None) -> Image:
        """Restore (C, H, W) with the blur, or with the one that an estimator finds."""
        estimated = blur is not None and not hasattr(blur, "apply")
        return self.method(image, blur(image) if estimated else blur)


def evaluate(  # noqa: PLR0913  the words of the command line
    method: str | Deblurrer | Restorer | Finished,
    data: str | Any,
    metrics: Sequence[str] = ("psnr", "ssim"),
    *,
    name: str | None = None,
    blur: str | None = None,
    limit: int | None = None,
    keep: Keep | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[Row]:
    """The rows of ``evaluate_images``, which has the same arguments and errors: one per metric."""
    return evaluate_images(method, data, metrics, name=name, blur=blur, limit=limit, keep=keep, progress=progress).rows


def evaluate_images(  # noqa: PLR0913  the words of the command line
    method: str | Deblurrer | Restorer | Finished,
    data: str | Any,
    metrics: Sequence[str] = ("psnr", "ssim"),
    *,
    name: str | None = None,
    blur: str | None = None,
    limit: int | None = None,
    keep: Keep | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Evaluation:
    """Restore every image of a data set and score it under the set's protocol.

    A method of ``METHODS`` or of its kind first restores a corner of the first image, untimed, so that loading it isn't
    part of the time of an image. A plain callable is called once per image, and its start-up counts.

    Args:
        method: A name from ``METHODS`` (see ``methods.to_measure``), an object of a method's class, any callable
            ``(image (C, H, W), blur) -> image``, or a ``Finished`` folder of results, which aren't timed.
        data: A name or path for ``open_dataset``, or a data set.
        metrics: Names from ``METRICS``.
        name: Name of the method in the rows; by default the name that was given, or that of the class or function.
        blur: The blur that a method gets that needs one: ``"given"``, the true one; the name of an estimator, or its
            .onnx file, which gets the image, or the set's ``"left"`` and ``"right"`` if it takes two views; by default
            the default estimator's, and a plain callable gets None.
        limit: Only the first ``limit`` images.
        keep: Called with each pair, the protocol and the restored image: see ``finished.saved_into``.
        progress: Called after each image with the number done, the number of all, and the image's name.

    Raises:
        InputError: If there is no such method, data set, metric or estimator, the data set lacks what a metric or
            ``blur`` needs, or a finished result is missing.
    """
    dataset = open_dataset(data) if isinstance(data, str | Path) else data
    protocol = dataset.protocol
    scorers = {metric: Metric.of(metric) for metric in metrics}
    for metric, scorer in scorers.items():
        if scorer.needs == "map":
            raise InputError(f"Metric {metric!r} scores blur maps, not restored images.")
    count = len(dataset) if limit is None else min(limit, len(dataset))
    if count < 1:
        raise InputError(f"There is no image to measure on in {protocol.data!r}.")
    options = "" if isinstance(method, str | Finished) else options_of(method)
    name = name or _name_of(method)
    made = to_measure(make_method(method)) if isinstance(method, str) else method
    needs = "" if isinstance(made, Finished) else facts_of(made).needs
    source = blur_source(needs, blur, protocol.data)

    names: list[str] = []
    seconds: list[float] = []
    values: dict[str, list[float]] = {metric: [] for metric in scorers}
    for index in range(count):
        pair = dataset[index]
        run: Runs
        if isinstance(made, Finished):
            run = made.reader(pair, protocol)
        else:
            run = _WithBlur(made) if needs is None else Restoring(made)
            if index == 0 and needs is not None:
                warm_up(run, pair, source)
        work = [Input(pair, protocol, pair.blurred, source.of(pair), scorers)]
        [(figures, took)] = restore_and_score(run, work, name, keep=keep)
        seconds.append(math.nan if isinstance(made, Finished) else took / (pair.blurred[0].size / 1e6))
        for metric, figure in figures.items():
            values[metric].append(figure)
        names.append(pair.name)
        if progress is not None:
            progress(index + 1, count, pair.name)

    rows = [
        Row(
            method=name,
            options=options,
            weights_sha256=weights_sha256(made),
            data=protocol.data,
            depth=protocol.depth,
            channels=protocol.channels,
            border_px=protocol.border_px,
            fit=protocol.fit,
            blur=source.text,
            metric=metric,
            ssim_window=SSIM_WINDOWS.get(metric, ""),
            lpips_net=LPIPS_NETS.get(metric, ""),
            value=float(np.mean(numbers)),
            lowest=min(numbers),
            highest=max(numbers),
            n=count,
            seconds_per_megapixel=float(np.median(seconds)),
            version=version(),
            commit=commit(),
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        )
        for metric, numbers in values.items()
    ]
    return Evaluation(rows, tuple(names), {k: tuple(v) for k, v in values.items()}, tuple(seconds))


def _name_of(method: object) -> str:
    if isinstance(method, Finished):
        return method.name
    return method if isinstance(method, str) else str(getattr(method, "__name__", type(method).__name__))


def options_of(method: object) -> str:
    """Every field of a method or an estimator, as text; empty for a callable without fields."""
    if not is_dataclass(method):
        return ""
    return ", ".join(f"{field.name}={getattr(method, field.name)}" for field in fields(method))
