"""From a line of a table to the method that is run: ours, the user's own weights, or the reason why there is none."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from refocal.catalog import Entry
from refocal.methods import METHODS
from refocal.methods.denoisers import SHIPPED as DENOISER
from refocal.tables.published import Line
from refocal.types import Deblurrer, InputError
from refocal.weights import locate

_OWN_WEIGHTS = Entry("refocal.methods.network:Network", "a network from a file")


@dataclass(frozen=True)
class Ready:
    """A method that can be run.

    Attributes:
        method: The object.
        options: Its fields as text.
        weights_sha256: Of its file of weights; empty where it has none.
        uses_blur: It is told the blur.
    """

    method: Deblurrer
    options: str
    weights_sha256: str
    uses_blur: bool


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
    entry = METHODS.get(line.method, _OWN_WEIGHTS)
    given = {**line.options, "weights": str(file)} if own else line.options
    method = entry.make(given)
    try:
        sha256 = _weights_sha256(method)
    except InputError:
        if own:  # the user's file is at fault
            raise
        return "weights not shipped"
    return Ready(method, _options(method, given), sha256, entry.needs in ("blur", "psf"))


def _weights_sha256(method: Any) -> str:
    """Of the method's network: what it tells itself, or the SHA-256 of the file that its weights or its denoiser lie in.

    Raises:
        InputError: If there is no such file.
    """
    told = getattr(method, "weights_sha256", None)
    denoiser = getattr(method, "denoiser", "")
    file = getattr(method, "weights", "") or {"network": DENOISER, "median": ""}.get(denoiser, denoiser)
    if told is not None or not file:
        return str(told or "")
    with locate(file).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _options(method: Any, given: Mapping[str, object]) -> str:
    """Every field of the method; a file of the user's is told by its name alone, its hash tells the rest."""
    if not is_dataclass(method):
        return ""
    values = {field.name: getattr(method, field.name) for field in fields(method)}
    if "weights" in given:
        values["weights"] = Path(str(values["weights"])).name
    return ", ".join(f"{name}={value}" for name, value in values.items())
