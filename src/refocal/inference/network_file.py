"""A trained network as one ONNX file with its own metadata: open it once, run it on images of any size."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from refocal.inference.device import (
    VARIABLE,
    broken,
    check_device,
    current_device,
    device_override,
    start_session,
)
from refocal.optics.boundary import pad
from refocal.types import Array, Image, InputError, Tiling
from refocal.weights import locate

FORMAT = "1"
"""Version of the metadata, under the key ``refocal.format``."""

SMALLEST = "denoiser-small"
"""The smallest shipped network; a device is checked by running it."""

Stamp = tuple[int, int, int, int]

_LOCK = threading.Lock()
_FOUND: dict[str, tuple[Path, Stamp]] = {}


@dataclass(frozen=True, eq=False)
class NetworkFile:
    """An ONNX file that ``refocal export`` wrote, ready to run; several threads may run it at once.

    Attributes:
        session: ONNX Runtime's session.
        name: Name of the weights.
        network: Key of the network in ``refocal.learn.nets.NETWORKS``.
        config: Fields of its ``Config``, as JSON.
        inputs: Names of the inputs, in the order of ``run``.
        outputs: Names of the outputs; ``restored`` is the first.
        channels: Channels of the images: ``luma`` or ``rgb``.
        tiling: Receptive field, grid and memory per pixel.
        licence: SPDX expression.
        recipe: The training recipe, as JSON.
        steps: Number of training steps.
        weights_sha256: SHA-256 of the weights alone: their names and bytes as stored, in the order of the names.
    """

    session: Any
    name: str
    network: str
    config: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    channels: str
    tiling: Tiling
    licence: str
    recipe: str
    steps: int
    weights_sha256: str

    def run(self, *images: Array, margin_px: int = 0) -> tuple[Array, ...]:
        """Run the network; all padding and cropping is done here.

        The images are extended by reflection: by ``margin_px`` on each side, then below and to the right to a multiple
        of ``tiling.multiple``. So a tile that starts on a multiple lies on the grid of the whole photo.

        Args:
            images: One NumPy array (..., C, H, W) per input, all with the same leading axes, H and W.
            margin_px: Margin in pixels, a multiple of ``tiling.multiple``.

        Returns:
            One float32 array (..., C', H, W) per output, with the leading axes of the first input.
        """
        *leading, _, height, width = images[0].shape
        multiple = self.tiling.multiple
        rows, columns = -(height + 2 * margin_px) % multiple, -(width + 2 * margin_px) % multiple
        feed = {}
        for name, image in zip(self.inputs, images, strict=True):
            batch = image.reshape(-1, *image.shape[-3:]).astype(np.float32, copy=False)
            grown = pad(batch, (margin_px, margin_px), "mirror") if margin_px else batch
            grown = pad(grown, (rows, columns), "mirror")[..., rows:, columns:]
            feed[name] = np.ascontiguousarray(grown)
        inside = (..., slice(margin_px, margin_px + height), slice(margin_px, margin_px + width))
        outputs = (output[inside] for output in self.session.run(self.outputs, feed))
        return tuple(output.reshape(*leading, *output.shape[-3:]) for output in outputs)


def open_network(weights: str | Path, threads: int = 0) -> NetworkFile:
    """Open a network, or return the open one; a file that has changed is opened again.

    It runs on the device that ``use_device``, ``running_on`` or the environment variable ``REFOCAL_DEVICE`` names, by
    default the CPU.

    Args:
        weights: As for ``refocal.weights.locate``.
        threads: Number of CPU threads; 0 takes the cores that this process may use.

    Raises:
        InputError: If there is no such file, it isn't one of refocal's networks, or the device can't be used.
    """
    return _opened(weights, threads, current_device())


def use_device(device: str) -> None:
    """Run networks on this device from now on, in this process and in those that it starts.

    A GPU computes in float32 like the CPU, without TensorFloat-32. Methods without a network always run on the CPU.

    Args:
        device: ``"cpu"``, or ``"cuda"`` for an NVIDIA GPU, which is checked at once by running a small network.

    Raises:
        InputError: If there is no such device or it can't be used; then the previous one stays.
    """
    _try(device)
    if device != os.environ.get(VARIABLE, "cpu"):
        os.environ[VARIABLE] = device


@contextmanager
def running_on(device: str | None) -> Iterator[None]:
    """Run networks on this device inside a ``with`` block, in this thread alone; None changes nothing.

    Raises:
        InputError: As ``use_device``.
    """
    if device is None:
        yield
        return
    _try(device)
    with device_override(device):
        yield


def check_threads(threads: int) -> None:
    """Refuse a negative number of threads.

    Raises:
        ValueError: Naming the number.
    """
    if threads < 0:
        raise ValueError(f"Give a number of threads of at least 0, not {threads}.")


def check_channels(image: Image, network: str) -> None:
    """Refuse an image (..., C, H, W) whose C is neither 1 nor 3.

    Raises:
        InputError: Naming the ``network`` and the channels.
    """
    if image.shape[-3] not in (1, 3):
        raise InputError(f"Give {network} an image of 1 or 3 channels, not {image.shape[-3]}.")


def weights_sha256(made: object) -> str:
    """SHA-256 of the network behind a method or estimator, or of the file ``weights`` of one that runs it by itself.

    Args:
        made: With a property ``network``, a ``NetworkFile``, or a field ``weights``; without either, the hash is "".

    Raises:
        InputError: If there is no such file.
    """
    network, weights = getattr(made, "network", None), getattr(made, "weights", "")
    if network is not None or not weights:
        return str(getattr(network, "weights_sha256", ""))
    with locate(weights).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _try(device: str) -> None:
    if check_device(device) == "cuda":
        file = _opened(SMALLEST, 0, device)
        try:
            file.run(np.zeros((1, 1, 64, 64), np.float32))  # only a convolution loads the libraries for it
        except Exception as error:  # onnxruntime's errors have no class in common
            raise InputError(broken(device, str(error))) from None


def _opened(weights: str | Path, threads: int, device: str) -> NetworkFile:
    with _LOCK:  # or two threads would open the same file twice
        path, stamp = _find(str(weights))
        return _open(path, stamp, threads or _cores(), device, os.getpid())  # a fork has no threads


def _find(weights: str) -> tuple[Path, Stamp]:
    """``locate``, which hashes known files, only once while the file stays unchanged."""
    found = _FOUND.get(weights)
    if found is None or not found[0].is_file() or _stamp(found[0]) != found[1]:
        path = locate(weights)
        found = _FOUND[weights] = path, _stamp(path)
    return found


def _stamp(path: Path) -> Stamp:
    """Changes when a file is written or replaced, or when its relative path means another file."""
    stat = path.stat()
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


@lru_cache(maxsize=4)  # each keeps the working memory of the largest image that it has run on
def _open(path: Path, stamp: Stamp, threads: int, device: str, process: int) -> NetworkFile:  # noqa: ARG001
    if path.suffix != ".onnx":
        raise InputError(
            f"The weights file {path} is not .onnx: refocal export writes the file that a network runs from."
        )
    onnxruntime = runtime()

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    options.intra_op_num_threads = threads
    # Waiting threads sleep: no slower on idle cores (128 to 1024 px a side), twice as fast beside other processes.
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
    metadata = session.get_modelmeta().custom_metadata_map
    if metadata.get("refocal.format") != FORMAT:
        raise InputError(
            f"The weights file {path} lacks refocal's metadata (format {FORMAT}): refocal export writes it."
        )
    try:
        return NetworkFile(
            session=session,
            name=metadata["name"],
            network=metadata["network"],
            config=metadata["config"],
            inputs=tuple(json.loads(metadata["inputs"])),
            outputs=tuple(output.name for output in session.get_outputs()),
            channels=metadata["channels"],
            tiling=Tiling(
                context_px=int(metadata["context_px"]),
                multiple=int(metadata["multiple"]),
                bytes_per_pixel=int(metadata["working_bytes"]),
            ),
            licence=metadata["licence"],
            recipe=metadata["recipe"],
            steps=int(metadata["steps"]),
            weights_sha256=metadata["weights_sha256"],
        )
    except (KeyError, TypeError, ValueError):  # json's error is a ValueError
        raise InputError(
            f"The weights file {path} has metadata that can't be read: refocal export writes it again."
        ) from None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def runtime() -> Any:
    """Import ONNX Runtime with its telemetry off: from version 1.31 on it would report that it was started."""
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
