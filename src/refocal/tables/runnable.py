"""From a line of a table to the method that is run: ours, the user's own weights, or the reason why there is none."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refocal.catalog import Entry
from refocal.estimators import ESTIMATORS
from refocal.evaluation.workers import Runs
from refocal.images.map_files import PNG_STEPS
from refocal.inference.network_file import open_network
from refocal.methods import METHODS
from refocal.methods.denoisers import SHIPPED as DENOISER
from refocal.restore import restore
from refocal.tables.published import Line
from refocal.types import Array, Blur, BlurEstimator, Deblurrer, Image, InputError
from refocal.weights import locate

MAX_RADIUS_PX = (
    6.0  # where the table from Gaussians to disks of D'Andres et al. ends, by which the papers convert estimates
)
_OWN_WEIGHTS: Entry[Deblurrer] = Entry("refocal.methods.network:Network", "a network from a file")


@dataclass(frozen=True)
class Estimator:
    """An estimator that can be run.

    Attributes:
        name: In ``ESTIMATORS``.
        estimate: The object.
        options: Its fields as text, and the SHA-256 of its weights if it has any.
        most_px: Larger radii are cut to this.
    """

    name: str
    estimate: BlurEstimator
    options: str
    most_px: float = MAX_RADIUS_PX

    def __call__(self, image: Image, _blur: Any = None) -> Array:
        """Radius (H, W), whole 256ths of a pixel, at most ``most_px``; called as a method is, to share the cores."""
        radius_px = np.minimum(self.estimate(image).radius_px, self.most_px)
        return (np.rint(radius_px * PNG_STEPS) / PNG_STEPS).astype(np.float32)


@dataclass(frozen=True)
class Ready:
    """A method that can be run.

    Attributes:
        method: The object.
        options: Its fields as text.
        weights_sha256: Of its file of weights; empty where it has none.
        uses_blur: It is told the blur.
        estimator: Whose map it is told; None for the data set's own blur.
    """

    method: Runs
    options: str
    weights_sha256: str
    uses_blur: bool
    estimator: Estimator | None = None


@dataclass(frozen=True)
class Blind:
    """A method that is told nothing: what it needs to know of the blur is estimated, as in ``refocal deblur``.

    Attributes:
        method: The method.
    """

    method: Deblurrer

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:  # noqa: ARG002 (the contract's second word)
        """Restore (C, H, W)."""
        return restore(image, self.method).image


def prepare(line: Line, weights_dir: Path | None = None) -> Ready | str:
    """Make the method of a line, or say in a few words why there is none.

    ``weights_dir/METHOD.onnx``, where it exists, is run instead of the shipped weights.

    Raises:
        InputError: If that file isn't a network of refocal's.
    """
    if not line.method:
        return line.absent
    file = None if weights_dir is None else weights_dir / f"{line.method}.onnx"
    own = file is not None and file.is_file()
    if not own and line.method not in METHODS:
        return line.absent
    estimator = None if line.blur in ("given", "none") else prepare_estimator(line.blur)
    if isinstance(estimator, str):
        return f"no map: {estimator}"
    entry = METHODS.get(line.method, _OWN_WEIGHTS)
    given = {**line.options, "weights": str(file)} if own else line.options
    method = entry.make(given)
    try:
        sha256 = weights_sha256(method)
    except InputError:
        if own:  # the user's file is at fault
            raise
        return "weights not shipped"
    options = options_of(method, given) + (f"; map: {estimator.options}" if estimator else "")
    if line.blur == "none" and entry.needs in (
        "blur",
        "map",
    ):  # restore asks the default estimator: its weights count, too
        asked = ESTIMATORS["default"].make()
        options += f"; map: {options_of(asked)}, weights={weights_sha256(asked)[:12]}"
    runs = Blind(method) if line.blur == "none" else method
    return Ready(runs, options, sha256, entry.needs in ("blur", "psf", "map"), estimator)


def prepare_estimator(name: str) -> Estimator | str:
    """Make an estimator, or say in a few words why there is none."""
    if name not in ESTIMATORS:
        return "not in refocal"
    estimate = ESTIMATORS[name].make()
    try:
        sha256 = weights_sha256(estimate)
    except InputError:
        return "weights not shipped"
    return Estimator(name, estimate, options_of(estimate) + (f", weights={sha256[:12]}" if sha256 else ""))


def weights_sha256(method: Any) -> str:
    """Of the network of a method or an estimator: what it tells itself, else of its denoiser, else of its file of
    weights.

    Raises:
        InputError: If there is no such file.
    """
    told = getattr(getattr(method, "network", None), "weights_sha256", None)
    if told is not None:
        return str(told)
    denoiser = getattr(method, "denoiser", "median")
    if isinstance(denoiser, str) and denoiser != "median":
        return open_network(DENOISER if denoiser == "network" else denoiser).weights_sha256
    file = getattr(method, "weights", "")
    if not file:
        return ""
    with locate(file).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def options_of(method: Any, given: Mapping[str, object] | None = None) -> str:
    """Every field of a method or an estimator; a file of the user's is told by its name alone, its hash tells the
    rest.
    """
    if not is_dataclass(method):
        return ""
    values = {field.name: getattr(method, field.name) for field in fields(method)}
    if "weights" in (given or {}):
        values["weights"] = Path(str(values["weights"])).name
    return ", ".join(f"{name}={value}" for name, value in values.items())
