"""Method x data set x protocol -> rows of a table that say how they were measured."""

from __future__ import annotations

import datetime
import inspect
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refocal.catalog import find, lines_of
from refocal.datasets import Pair, Protocol, open_dataset
from refocal.estimators import make_estimator
from refocal.estimators.views import stack_views
from refocal.evaluation.results import Row
from refocal.images.colour import luma
from refocal.inference.network_file import weights_sha256
from refocal.methods import METHODS
from refocal.metrics import METRICS
from refocal.provenance import commit, version
from refocal.types import Array, Blur, BlurEstimator, Deblurrer, Image, InputError

# What the names of these metrics stand for, written out in every row.
SSIM_WINDOWS = {"ssim": "uniform7", "ssim-gaussian11": "gaussian11"}
LPIPS_NETS = {"lpips": "squeeze"}


@dataclass(frozen=True)
class Evaluation:
    """What ``evaluate_images`` measured.

    Attributes:
        rows: One per metric.
        names: Of the pictures.
        values: Metric -> one number per picture.
        seconds_per_megapixel: One number per picture.
    """

    rows: list[Row]
    names: tuple[str, ...]
    values: dict[str, tuple[float, ...]]
    seconds_per_megapixel: tuple[float, ...]


def evaluate(
    method: str | Deblurrer,
    data: str | Any,
    metrics: Sequence[str] = ("psnr", "ssim"),
    *,
    name: str | None = None,
    blur: str | None = None,
    limit: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[Row]:
    """Measure a method on a data set: one row per metric.

    Arguments and errors are those of ``evaluate_images``, which also gives the numbers per picture.
    """
    return evaluate_images(method, data, metrics, name=name, blur=blur, limit=limit, progress=progress).rows


def evaluate_images(
    method: str | Deblurrer,
    data: str | Any,
    metrics: Sequence[str] = ("psnr", "ssim"),
    *,
    name: str | None = None,
    blur: str | None = None,
    limit: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Evaluation:
    """Restore every picture of a data set and measure it as the set's protocol says.

    Args:
        method: A name from ``METHODS``, an object of a method's class, or any callable ``(image (C, H, W), blur) ->
            image``.
        data: What ``open_dataset`` takes, or a data set.
        metrics: Names from ``METRICS``.
        blur: What a method that asks for a blur is told: ``"given"``, the true one; the name of an estimator, or its
            .onnx file: what it makes of the picture, or of the set's ``"left"`` and ``"right"`` if it takes two views;
            by default what the default estimator makes of the picture, and a plain callable gets None.
        limit: Only the first so many pictures.
        progress: Called after each picture with the number done, the number of all, and the picture's name.

    Raises:
        InputError: If there is no such method, data set, metric or estimator, or what a metric or ``blur`` needs isn't
            known for this data set.
    """
    dataset = open_dataset(data) if isinstance(data, str | Path) else data
    protocol = dataset.protocol
    entries = {metric: find(METRICS, metric, "metric") for metric in metrics}
    for metric, entry in entries.items():
        if entry.needs not in ("", "sharp"):
            raise InputError(f"Metric {metric!r} judges blur maps, not restored pictures.")
    count = len(dataset) if limit is None else min(limit, len(dataset))
    if count < 1:
        raise InputError(f"There is no picture to measure on in {protocol.data!r}.")
    resolved, options, restore_image = _resolve(method)
    name = name or resolved
    source = _blur_source(method, name, blur)

    names: list[str] = []
    seconds: list[float] = []
    values: dict[str, list[float]] = {metric: [] for metric in entries}
    for index in range(count):
        pair = dataset[index]
        told = _told(blur, pair, protocol) if source != "none" or blur == "given" else None
        start = time.perf_counter()
        restored = restore_image(pair.blurred, told)
        seconds.append((time.perf_counter() - start) / (pair.blurred[0].size / 1e6))
        if restored.shape != pair.blurred.shape:
            raise InputError(f"{name} made {tuple(restored.shape)} of a picture of {pair.blurred.shape}.")
        for metric, entry in entries.items():
            values[metric].append(_measure(metric, entry, restored, pair, protocol))
        names.append(pair.name)
        if progress is not None:
            progress(index + 1, count, pair.name)

    rows = [
        Row(
            method=name,
            options=options,
            weights_sha256=weights_sha256(method),
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


def _resolve(method: str | Deblurrer) -> tuple[str, str, Callable[[Image, Any], Image]]:
    """Name, options and function of a method."""
    if isinstance(method, str):
        made = find(METHODS, method, "method").make()  # by its name, "default" told a blur would be another method
        return method, "", lambda image, blur: _restore(image, made, blur)
    options = ", ".join(f"{f.name}={getattr(method, f.name)}" for f in fields(method)) if is_dataclass(method) else ""
    names = lines_of(METHODS, method)
    if names:  # the line whose object differs in the fewest fields; of two as near, the one named after the class
        each = {name: METHODS[name].make() for name in reversed(names)}
        name = min(
            each, key=lambda n: sum(getattr(each[n], f.name) != getattr(method, f.name) for f in fields(each[n]))
        )
        return name, options, lambda image, blur: _restore(image, method, blur)
    name = getattr(method, "__name__", type(method).__name__)
    return (
        name,
        options,
        lambda image, blur: method(image, blur if blur is None or hasattr(blur, "apply") else blur(image)),
    )


def _restore(image: Image, method: Any, blur: Any) -> Image:
    from refocal.restore import restore

    return restore(image, method, blur=blur).image


def _blur_source(method: str | Deblurrer, name: str, blur: str | None) -> str:
    """Where the blur came from, for the row; an estimator's name, and with a network the first digits of its hash."""
    if name in METHODS and not METHODS[name].needs:
        return "none"
    if blur == "given":
        return "given"
    if blur is None:
        return "estimated" if isinstance(method, str) or name in METHODS else "none"
    weights = weights_sha256(make_estimator(blur))[:12]
    return f"estimated:{Path(blur).name}" + (f":{weights}" if weights else "")


def _told(blur: str | None, pair: Pair, protocol: Protocol) -> Blur | BlurEstimator | None:
    """What the method is told of the blur; an estimator of two views as one of the picture, whose views it knows."""
    if blur is None:
        return None
    if blur == "given":
        if "blur" not in pair.extras:
            raise InputError(f"The true blur of {pair.name!r} in {protocol.data!r} isn't known, so it can't be given.")
        true: Blur = pair.extras["blur"]
        return true
    estimator = make_estimator(blur)
    if getattr(estimator, "views", 1) == 1:
        return estimator
    if not {"left", "right"} <= pair.extras.keys():
        raise InputError(f"{blur} takes two views of a photo, and {protocol.data!r} has one: choose another estimator.")
    views = stack_views(pair.extras["left"], pair.extras["right"])
    return lambda _: estimator(views)


def _measure(metric: str, entry: Any, restored: Image, pair: Pair, protocol: Protocol) -> float:
    """One number for one picture: channels, border, fit and mask as the protocol says."""
    if entry.needs == "sharp" and pair.sharp is None:
        raise InputError(f"Metric {metric!r} needs a sharp picture, and {protocol.data!r} has none.")
    mask = pair.extras.get("mask")
    if protocol.channels == "luma":
        restored, sharp = luma(restored), None if pair.sharp is None else luma(pair.sharp)
    else:
        sharp = pair.sharp
    restored, sharp, mask = (_inside(array, protocol.border_px) for array in (restored, sharp, mask))
    if protocol.fit == "gain-offset" and sharp is not None:
        restored = fit_gain_offset(restored, sharp, mask)
    function = entry.load()
    weights = {}
    if mask is not None:
        if "mask" not in inspect.signature(function).parameters:
            raise InputError(f"Metric {metric!r} takes no mask, so it can't be measured on {protocol.data!r}.")
        weights = {"mask": mask}
    images = (restored, sharp) if entry.needs == "sharp" else (restored,)
    return float(function(*images, **weights))


def _inside(array: Array | None, border_px: int) -> Array | None:
    if array is None or border_px == 0:
        return array
    return array[..., border_px:-border_px, border_px:-border_px]


def fit_gain_offset(restored: Image, sharp: Image, mask: Array | None = None) -> Image:
    """The picture ``gain * restored + offset`` nearest to ``sharp`` by (weighted) least squares; not clipped.

    Args:
        restored: (C, H, W).
        sharp: Same shape.
        mask: Weights (H, W) of the pixels.

    Returns:
        (C, H, W) in the dtype of ``restored``; one gain and one offset for all channels.
    """
    x, y = restored.astype(np.float64), sharp.astype(np.float64)
    weight = np.broadcast_to(1.0 if mask is None else mask, x.shape)
    mean_x, mean_y = np.average(x, weights=weight), np.average(y, weights=weight)
    variance = np.average((x - mean_x) ** 2, weights=weight)
    gain = np.average((x - mean_x) * (y - mean_y), weights=weight) / variance if variance > 0 else 0.0
    return (gain * (x - mean_x) + mean_y).astype(restored.dtype)
