"""Method x data set x protocol -> rows of a table that say how they were measured."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refocal.datasets import Pair, open_dataset
from refocal.estimators import make_estimator
from refocal.estimators.views import stack_views
from refocal.evaluation.loop import Input, restore_and_score
from refocal.evaluation.results import Row
from refocal.evaluation.scoring import Metric
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
    method: str | Deblurrer | Restorer,
    data: str | Any,
    metrics: Sequence[str] = ("psnr", "ssim"),
    *,
    name: str | None = None,
    blur: str | None = None,
    limit: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[Row]:
    """The rows of ``evaluate_images``, which has the same arguments and errors: one per metric."""
    return evaluate_images(method, data, metrics, name=name, blur=blur, limit=limit, progress=progress).rows


def evaluate_images(  # noqa: PLR0913  the words of the command line
    method: str | Deblurrer | Restorer,
    data: str | Any,
    metrics: Sequence[str] = ("psnr", "ssim"),
    *,
    name: str | None = None,
    blur: str | None = None,
    limit: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Evaluation:
    """Restore every image of a data set and score it under the set's protocol.

    Args:
        method: A name from ``METHODS`` (see ``methods.to_measure``), an object of a method's class, or any callable
            ``(image (C, H, W), blur) -> image``.
        data: A name or path for ``open_dataset``, or a data set.
        metrics: Names from ``METRICS``.
        name: Name of the method in the rows; by default the name that was given, or that of the class or function.
        blur: The blur that a method gets that needs one: ``"given"``, the true one; the name of an estimator, or its
            .onnx file, which gets the image, or the set's ``"left"`` and ``"right"`` if it takes two views; by default
            the default estimator's, and a plain callable gets None.
        limit: Only the first ``limit`` images.
        progress: Called after each image with the number done, the number of all, and the image's name.

    Raises:
        InputError: If there is no such method, data set, metric or estimator, or the data set lacks what a metric or
            ``blur`` needs.
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
    options = "" if isinstance(method, str) else options_of(method)
    name = name or _name_of(method)
    made = to_measure(make_method(method)) if isinstance(method, str) else method
    needs = facts_of(made).needs
    source = _blur_source(needs, blur)
    run = _WithBlur(made) if needs is None else Restoring(made)

    names: list[str] = []
    seconds: list[float] = []
    values: dict[str, list[float]] = {metric: [] for metric in scorers}
    for index in range(count):
        pair = dataset[index]
        given = blur_for(pair, blur, protocol.data) if source != "none" or blur == "given" else None
        [(figures, took)] = restore_and_score(run, [Input(pair, protocol, pair.blurred, given, scorers)], name)
        seconds.append(took / (pair.blurred[0].size / 1e6))
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
            blur=source,
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
    return method if isinstance(method, str) else str(getattr(method, "__name__", type(method).__name__))


def options_of(method: object) -> str:
    """Every field of a method or an estimator, as text; empty for a callable without fields."""
    if not is_dataclass(method):
        return ""
    return ", ".join(f"{field.name}={getattr(method, field.name)}" for field in fields(method))


def blur_for(pair: Pair, source: str | None, data: str) -> Blur | BlurEstimator | None:
    """The blur that a method gets for a pair.

    Args:
        pair: Of a data set.
        source: ``"given"`` for the true blur, the name or file of an estimator, or None.
        data: Name of the data set, for errors.

    Raises:
        InputError: If the true blur isn't known, there is no such estimator, or it takes two views and the pair has
            one.
    """
    if source is None:
        return None
    if source == "given":
        if "blur" not in pair.extras:
            raise InputError(f"The true blur of {pair.name!r} in {data!r} isn't known, so it can't be given.")
        true: Blur = pair.extras["blur"]
        return true
    estimator = make_estimator(source)
    if getattr(estimator, "views", 1) == 1:
        return estimator
    views = estimator_input(estimator, pair, source, data)
    return lambda _: estimator(views)


def estimator_input(estimator: BlurEstimator, pair: Pair, name: str, data: str) -> Image:
    """The image that an estimator gets for a pair: the blurred one, or both views stacked along the channels.

    Raises:
        InputError: If it takes two views, and the pair has one.
    """
    if getattr(estimator, "views", 1) == 1:
        return pair.blurred
    if not {"left", "right"} <= pair.extras.keys():
        raise InputError(f"{name} takes two views of a photo, and {data!r} has one: choose another estimator.")
    return stack_views(pair.extras["left"], pair.extras["right"])


def _blur_source(needs: str | None, blur: str | None) -> str:
    """The source of the blur, for the row; for an estimator its name, and for a network's the start of its hash."""
    if needs == "":
        return "none"
    if blur == "given":
        return "given"
    if blur is None:
        return "none" if needs is None else "estimated"
    sha256 = weights_sha256(make_estimator(blur))[:12]
    return f"estimated:{Path(blur).name}" + (f":{sha256}" if sha256 else "")
