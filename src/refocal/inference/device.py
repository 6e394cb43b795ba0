"""The device of networks: the CPU, or an NVIDIA GPU through the GPU build of ONNX Runtime."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from refocal.types import InputError

DEVICES = ("cpu", "cuda")
VARIABLE = "REFOCAL_DEVICE"
"""The environment variable that holds the device, so that child processes inherit it."""

_OVERRIDE: ContextVar[str | None] = ContextVar("device", default=None)

PROVIDER = "CUDAExecutionProvider"
CUDA_OPTIONS = {
    # TensorFloat-32, on by default since Ampere, rounds every factor to 10 bits, a relative error of up to 5e-4. The GPU
    # has to agree with the CPU within 2e-3.
    "use_tf32": "0",
    # The default tries every algorithm on every new size of picture, and takes another one the next time.
    "cudnn_conv_algo_search": "HEURISTIC",
}
"""Options from ONNX Runtime's documentation of its CUDA provider."""

_INSTALL = "pip install 'refocal[gpu]' and then pip install --force-reinstall --no-deps onnxruntime-gpu"


def current_device() -> str:
    """The device that was chosen for this thread or this process; ``"cpu"`` by default.

    Raises:
        InputError: If the environment variable names no device.
    """
    return check_device(_OVERRIDE.get() or os.environ.get(VARIABLE) or "cpu")


@contextlib.contextmanager
def device_override(device: str) -> Iterator[None]:
    """Choose the device for this thread, inside a ``with`` block."""
    token = _OVERRIDE.set(device)
    try:
        yield
    finally:
        _OVERRIDE.reset(token)


def check_device(name: str) -> str:
    """Return the name of a device.

    Raises:
        InputError: If there is no such device.
    """
    if name not in DEVICES:
        raise InputError(f"There is no device named {name!r}: choose {' or '.join(DEVICES)}.")
    return name


def start_session(runtime: Any, path: Path, options: Any, device: str) -> Any:
    """Start a session of ONNX Runtime that runs on this device and never falls back to another.

    Args:
        runtime: The module ``onnxruntime``.
        path: An .onnx file.
        options: ``SessionOptions``.
        device: One of ``DEVICES``.

    Raises:
        InputError: If the device can't be used.
        Exception: If the file can't be read: one of ONNX Runtime's errors, which have no class in common.
    """
    if device == "cpu":
        return runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    if PROVIDER not in runtime.get_available_providers():  # also where the CPU build was written over the GPU build
        raise InputError(f"The device {device} needs the GPU build of ONNX Runtime: {_INSTALL}.")
    runtime.set_default_logger_severity(4)  # a missing library is reported by our own sentence, not on stderr
    with contextlib.redirect_stdout(io.StringIO()) as output:  # libraries that can't be loaded are listed on stdout
        if hasattr(runtime, "preload_dlls"):  # from 1.21 on: finds the libraries that the extra installs
            runtime.preload_dlls()
    try:
        session = runtime.InferenceSession(path, options, providers=[(PROVIDER, CUDA_OPTIONS)], enable_fallback=0)
    except Exception as error:
        runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])  # raises if it is the file's fault
        raise InputError(broken(device, str(error))) from None
    if session.get_providers()[0] != PROVIDER:  # it fell back, and reports that only in its log
        raise InputError(broken(device, output.getvalue()))
    return session


def broken(device: str, message: str) -> str:
    """The sentence about a device that doesn't work, with the first line of the runtime's ``message``."""
    first, *_ = message.strip().splitlines() or ["no GPU was found"]
    remedy = "choose cpu, or see to the GPU's driver and refocal[gpu]"
    return f"The device {device} can't be used ({first.rstrip('.')}): {remedy}."
