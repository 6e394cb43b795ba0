"""The figures of a table's columns: metrics, with LPIPS where its weights are found, and parameter counts."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from refocal.evaluation.scoring import Metric
from refocal.tables.published import PublishedTable
from refocal.types import Array, InputError
from refocal.weights import WEIGHTS

LPIPS_PX = 32  # side of the image that LPIPS is tried with; its networks need 31

PARAMETERS = {
    "dmenet": 26_943_184,
    "dpdnet-single": 31_033_423,
    "mdpnet": 46_860_397,
    "defocusgan": 4_860_675,
    "defocusgan-no-gan": 4_860_675,
    "defocusgan-light": 4_586_307,
}
"""Estimator or method of a line -> parameters of its network, those that only the training uses included."""


def millions(name: str) -> float | None:
    """Parameters of the network of an estimator or method in millions; None where they are unknown."""
    return PARAMETERS[name] / 1e6 if name in PARAMETERS else None


def metrics_of(table: PublishedTable, data_root: Path | None) -> tuple[dict[str, Metric], list[str]]:
    """Column -> metric; and a sentence for LPIPS when it can't be measured here, as it needs more than the others."""
    metrics = {column.name: Metric.of(column.metric) for column in table.columns if column.metric}
    if "lpips" not in metrics:
        return metrics, []
    try:
        lpips = replace(metrics["lpips"], function=_lpips(metrics["lpips"].function, data_root))
        return {**metrics, "lpips": lpips}, []
    except InputError as error:
        del metrics["lpips"]
        return metrics, [f"LPIPS was left out. {error}"]


def _lpips(metric: Callable[..., Array], data_root: Path | None) -> Callable[..., Array]:
    """LPIPS with the weights that it finds itself, or those in the folder ``weights`` beside the folder of test data.

    Raises:
        InputError: If torch or the weights are missing.
    """
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
