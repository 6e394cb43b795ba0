"""Make the method of a table's line: with the shipped weights or the user's own, or say why it can't be run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from refocal.catalog import Entry
from refocal.estimators import ESTIMATORS
from refocal.estimators.network_map import NetworkMap
from refocal.evaluation.evaluate import Restoring, options_of
from refocal.evaluation.workers import Runs
from refocal.images.map_files import PNG_STEPS
from refocal.inference.network_file import weights_sha256
from refocal.methods import METHODS, to_measure
from refocal.tables.published import Line
from refocal.types import Array, BlurEstimator, Deblurrer, InputError
from refocal.weights import MIXED

_OWN_WEIGHTS: Entry[Deblurrer] = Entry("refocal.methods.network:Network", "a network from a file")
OTHER_TRAINING = "not trained"
"""Status of a row whose weights were not trained with the loss that the row names."""


@dataclass(frozen=True)
class Estimator:
    """An estimator that can be run.

    Attributes:
        name: Key in ``ESTIMATORS``.
        estimate: The object.
        options: Its fields as text, and the SHA-256 of its weights if it has any.
        max_radius_px: Larger radii are cut to this.
    """

    name: str
    estimate: BlurEstimator
    options: str
    max_radius_px: float

    def __call__(self, image: Any, _blur: Any = None) -> Array:
        """Radius (H, W) in whole 256ths of a pixel; called like a method, so that the same workers run it."""
        radius_px = np.minimum(self.estimate(image).radius_px, self.max_radius_px)
        return (np.rint(radius_px * PNG_STEPS) / PNG_STEPS).astype(np.float32)


@dataclass(frozen=True)
class Runnable:
    """A method that can be run.

    Attributes:
        method: The method, or the engine around it.
        options: Its fields as text.
        weights_sha256: SHA-256 of its weights; empty where it has none.
        uses_blur: Whether it needs a blur.
        estimator: The estimator whose map it gets; None for the data set's own blur.
    """

    method: Runs
    options: str
    weights_sha256: str
    uses_blur: bool
    estimator: Estimator | None = None


def make_runnable(line: Line, max_radius_px: float, weights_dir: Path | None = None) -> Runnable | str:
    """Make the method of a line, or say in a few words why there is none.

    ``weights_dir/METHOD.onnx`` (or ``WEIGHTS.onnx``, where the line's options name weights) is run instead of the
    shipped weights, where it exists.

    Raises:
        InputError: If that file isn't a network of refocal's.
    """
    if not line.method:
        return line.absent
    weights = str(line.options.get("weights", ""))
    own = _own_file(weights or line.method, weights_dir)
    if own is None and line.method not in METHODS:
        return line.absent
    estimator = (
        None if line.blur in ("given", "none") else make_estimator_runnable(line.blur, max_radius_px, weights_dir)
    )
    if isinstance(estimator, str):
        return f"no map: {estimator}"
    entry = METHODS.get(line.method, _OWN_WEIGHTS)
    given = {**line.options, "weights": str(own)} if own is not None else dict(line.options)
    method = to_measure(entry.make(given))
    try:
        sha256 = weights_sha256(method)
    except InputError:
        if own is not None:  # the user's file is at fault
            raise
        return line.absent if weights else "weights not shipped"
    if line.loss and not _has_loss(method, line.loss, own is None):
        return OTHER_TRAINING
    options = _options(method, given) + (f"; map: {estimator.options}" if estimator else "")
    if line.run == "restore" and line.blur == "none" and entry.needs in ("blur", "map"):
        asked = ESTIMATORS["default"].make()  # restore uses it: its weights count, too
        options += f"; map: {_options(asked)}, weights={weights_sha256(asked)[:12]}"
    run = Restoring(method) if line.run == "restore" else method
    return Runnable(run, options, sha256, entry.needs in ("blur", "psf", "map"), estimator)


def make_estimator_runnable(name: str, max_radius_px: float, weights_dir: Path | None = None) -> Estimator | str:
    """Make an estimator, or the user's own ``NAME.onnx``; or say in a few words why there is none."""
    own = _own_file(name, weights_dir)
    if own is not None:
        estimate: BlurEstimator = NetworkMap(str(own))
        options = _options(estimate, {"weights": str(own)})
        return Estimator(name, estimate, f"{options}, weights={weights_sha256(estimate)[:12]}", max_radius_px)
    if name not in ESTIMATORS:
        return "not trained"
    estimate = ESTIMATORS[name].make()
    try:
        sha256 = weights_sha256(estimate)
    except InputError:
        return "weights not shipped"
    options = _options(estimate) + (f", weights={sha256[:12]}" if sha256 else "")
    return Estimator(name, estimate, options, max_radius_px)


def loss_of(recipe: Mapping[str, Any]) -> dict[str, float | None]:
    """Terms of the loss of a recipe, as it stands in the metadata of a weights file, and their weights.

    The adversarial task has its terms as options: L1 always, ``perceptual`` and ``adversarial`` unless they are
    switched off; None stands for their default weight.
    """
    terms: dict[str, float | None] = {term["loss"]: float(term["weight"]) for term in recipe.get("loss", ())}
    if recipe.get("task") == "restore-adversarial":
        options = recipe.get("task_options", {})
        terms["l1"] = 1.0
        terms["perceptual"] = options.get("perceptual_weight")
        terms["adversarial"] = options.get("adversarial_weight") if options.get("critics", True) else 0.0
    return {name: weight for name, weight in terms.items() if weight != 0}


def _has_loss(method: object, loss: Mapping[str, float | None], shipped: bool) -> bool:
    """Whether the weights were trained with exactly these terms, in one training."""
    network = getattr(method, "network", None)
    if network is None or (shipped and network.name in MIXED):
        return False
    trained = loss_of(json.loads(network.recipe))
    return trained.keys() == loss.keys() and all(weight in (None, trained[name]) for name, weight in loss.items())


def _own_file(name: str, weights_dir: Path | None) -> Path | None:
    file = None if weights_dir is None else weights_dir / f"{name}.onnx"
    return file if file is not None and file.is_file() else None


def _options(made: Any, given: Mapping[str, object] | None = None) -> str:
    """Every field as text; of a user's file only the name, as its hash identifies it."""
    if "weights" in (given or {}):
        made = replace(made, weights=Path(str(made.weights)).name)
    return options_of(made)
