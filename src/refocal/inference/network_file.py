"""A trained network as one ONNX file with its own metadata: open it once, run it on pictures of any size."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from refocal.inference.device import VARIABLE, broken, check_device, current_device, start_session
from refocal.optics.boundary import pad
from refocal.types import Array, InputError
from refocal.weights import locate

FORMAT = "1"
"""Of the metadata, under the key ``refocal.format``."""

SMALLEST = "denoiser-small"
"""Of the shipped networks; a device is tried with it."""

Stamp = tuple[int, int, int, int]

_LOCK = threading.Lock()
_FOUND: dict[str, tuple[Path, Stamp]] = {}


@dataclass(frozen=True, eq=False)
class NetworkFile:
    """An ONNX file that ``refocal export`` wrote, ready to run; several threads may run it at once.

    Attributes:
        session: Of ONNX Runtime.
        name: Of the weights.
        network: The table name of the network in ``refocal.learn.nets``.
        config: Fields of its ``Config``, as JSON.
        inputs: Names, in the order of ``run``.
        outputs: Names; ``restored`` is the first.
        channels: ``luma`` or ``rgb``: what the pictures are.
        multiple: The network lies on a grid of so many pixels; its sides are padded to multiples of it.
        context_px: How far away a pixel still matters.
        working_bytes: Memory it holds at once, per pixel of the picture.
        licence: SPDX expression.
        recipe: The training, as JSON.
        steps: Of the training.
        weights_sha256: Of the weights alone: their names and bytes as stored, in the names' order.
    """

    session: Any
    name: str
    network: str
    config: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    channels: str
    multiple: int
    context_px: int
    working_bytes: int
    licence: str
    recipe: str
    steps: int
    weights_sha256: str

    def run(self, *images: Array) -> tuple[Array, ...]:
        """Run on NumPy pictures (N, C, H, W) float32 of one size; gives one (N, C', H, W) float32 per output.

        The pictures are continued below and to the right by their mirror image, so a tile that begins at a multiple of
        ``multiple`` lies on the grid of the whole photo.
        """
        height, width = images[0].shape[-2:]
        rows, columns = -height % self.multiple, -width % self.multiple
        grown = (pad(image, (rows, columns), "mirror")[..., rows:, columns:] for image in images)
        feed = {name: np.ascontiguousarray(image) for name, image in zip(self.inputs, grown, strict=True)}
        return tuple(output[..., :height, :width] for output in self.session.run(self.outputs, feed))


def open_network(weights: str | Path, threads: int = 0) -> NetworkFile:
    """Open a network, or give back the one that is open; a file that has changed is opened anew.

    It runs on the device that ``use_device`` or the environment variable ``REFOCAL_DEVICE`` names, by default the CPU.

    Args:
        weights: As for ``refocal.weights.locate``.
        threads: To run it with on the CPU; 0 takes the cores that this process may use.

    Raises:
        InputError: If there is no such file, it isn't one of refocal's networks, or the device can't be used.
    """
    return _opened(weights, threads, current_device())


def use_device(device: str) -> None:
    """Run networks on this device from now on, in this process and in those that it starts.

    A GPU computes in float32 like the CPU, without TensorFloat-32. What has no network runs on the CPU as ever.

    Args:
        device: ``"cpu"``, or ``"cuda"`` for an NVIDIA GPU; this is tried at once, with a small network.

    Raises:
        InputError: If there is no such device or it can't be used; then the one before stays.
    """
    if check_device(device) == "cuda":
        file = _opened(SMALLEST, 0, device)
        try:
            file.run(np.zeros((1, 1, 64, 64), np.float32))  # only a convolution loads the libraries for it
        except Exception as error:  # onnxruntime's errors have no class in common
            raise InputError(broken(device, str(error))) from None
    if device != os.environ.get(VARIABLE, "cpu"):
        os.environ[VARIABLE] = device


def _opened(weights: str | Path, threads: int, device: str) -> NetworkFile:
    with _LOCK:  # or two threads would open the same file twice
        path, stamp = _find(str(weights))
        return _open(path, stamp, threads or _cores(), device, os.getpid())  # a fork has no threads


def _find(weights: str) -> tuple[Path, Stamp]:
    """``locate``, which reads known files whole for their SHA-256, only once while the file stays as it is."""
    found = _FOUND.get(weights)
    if found is None or not found[0].is_file() or _stamp(found[0]) != found[1]:
        path = locate(weights)
        found = _FOUND[weights] = path, _stamp(path)
    return found


def _stamp(path: Path) -> Stamp:
    """What changes when a file is written or replaced, or its relative path means another one."""
    told = path.stat()
    return told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns


@lru_cache(maxsize=4)  # each keeps the working memory of the largest picture it has seen
def _open(path: Path, stamp: Stamp, threads: int, device: str, process: int) -> NetworkFile:  # noqa: ARG001
    if path.suffix != ".onnx":
        raise InputError(
            f"The weights file {path} is not .onnx, which a network is run from: refocal export writes one."
        )
    onnxruntime = runtime()

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    options.intra_op_num_threads = threads
    # Waiting threads sleep: no slower on idle cores (128 to 1024 px a side tried), twice as fast beside other
    # processes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The arena stays, as fresh memory for every run costs as much as the arithmetic; a pattern per size would double
    # it.
    options.enable_mem_pattern = False
    try:
        session = start_session(onnxruntime, path, options, device)
    except InputError:
        raise
    except Exception as error:  # onnxruntime's errors have no class in common
        raise InputError(f"The weights file {path} can't be read as a network: {error}.") from None
    told = session.get_modelmeta().custom_metadata_map
    if told.get("refocal.format") != FORMAT:
        raise InputError(
            f"The weights file {path} lacks refocal's metadata (format {FORMAT}): refocal export writes it."
        )
    try:
        return NetworkFile(
            session=session,
            name=told["name"],
            network=told["network"],
            config=told["config"],
            inputs=tuple(json.loads(told["inputs"])),
            outputs=tuple(output.name for output in session.get_outputs()),
            channels=told["channels"],
            multiple=int(told["multiple"]),
            context_px=int(told["context_px"]),
            working_bytes=int(told["working_bytes"]),
            licence=told["licence"],
            recipe=told["recipe"],
            steps=int(told["steps"]),
            weights_sha256=told["weights_sha256"],
        )
    except (KeyError, TypeError, ValueError):  # json's error is a ValueError
        raise InputError(
            f"The weights file {path} has metadata that can't be read: refocal export writes it anew."
        ) from None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def runtime() -> Any:
    """Import ONNX Runtime with its telemetry off: from version 1.31 on it would note and report that it was started."""
    before = os.environ.get("ORT_DISABLE_TELEMETRY")
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read while it is imported
    try:
        import onnxruntime
    finally:
        if before is None:
            del os.environ["ORT_DISABLE_TELEMETRY"]
        else:
            os.environ["ORT_DISABLE_TELEMETRY"] = before
    onnxruntime.disable_telemetry_events()
    return onnxruntime
