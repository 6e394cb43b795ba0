"""Where networks run: on the CPU, or on an NVIDIA GPU by way of the GPU build of ONNX Runtime."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import Any

from refocal.types import InputError

DEVICES = ("cpu", "cuda")
VARIABLE = "REFOCAL_DEVICE"
"""The environment variable that holds the device: so the processes that this one starts have it, too."""

PROVIDER = "CUDAExecutionProvider"
CUDA_OPTIONS = {
    # TensorFloat-32, on by default since Ampere, rounds every factor to 10 bits, by up to 5e-4 of it. A GPU is to give
    # what the CPU gives, within 2e-3.
    "use_tf32": "0",
    # The default tries every algorithm on every new size of picture, and takes another one the next time.
    "cudnn_conv_algo_search": "HEURISTIC",
}
"""Of ONNX Runtime's page on its CUDA provider."""

_INSTALL = "pip install 'refocal[gpu]' and then pip install --force-reinstall --no-deps onnxruntime-gpu"


def current_device() -> str:
    """``"cpu"``, unless another was chosen.

    Raises:
        InputError: If the environment variable names no device.
    """
    return check_device(os.environ.get(VARIABLE) or "cpu")


def check_device(name: str) -> str:
    """Give a device's name back.

    Raises:
        InputError: If there is no such device.
    """
    if name not in DEVICES:
        raise InputError(f"There is no device named {name!r}: choose {' or '.join(DEVICES)}.")
    return name


def start_session(runtime: Any, path: Path, options: Any, device: str) -> Any:
    """A session of ONNX Runtime that runs a network on this device and, whatever happens, on no other.

    Args:
        runtime: The module ``onnxruntime``.
        path: An .onnx file.
        options: ``SessionOptions``.
        device: One of ``DEVICES``.

    Raises:
        InputError: If the device can't be used.
        Exception: If the file can't be read: ONNX Runtime's own, which have no class in common.
    """
    if device == "cpu":
        return runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    if PROVIDER not in runtime.get_available_providers():  # also where the CPU build was written over the GPU build
        raise InputError(f"The device {device} needs the GPU build of ONNX Runtime: {_INSTALL}.")
    runtime.set_default_logger_severity(4)  # it would tell a missing library on stderr: here a sentence does
    with contextlib.redirect_stdout(io.StringIO()) as told:  # and what it can't load, on stdout
        if hasattr(runtime, "preload_dlls"):  # from 1.21 on: finds the libraries that the extra installs
            runtime.preload_dlls()
    try:
        session = runtime.InferenceSession(path, options, providers=[(PROVIDER, CUDA_OPTIONS)], enable_fallback=0)
    except Exception as error:
        runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])  # raises if it is the file's fault
        raise InputError(broken(device, str(error))) from None
    if session.get_providers()[0] != PROVIDER:  # it had to do without, and says so only in its log
        raise InputError(broken(device, told.getvalue()))
    return session


def broken(device: str, told: str) -> str:
    """The sentence about a device that doesn't work, with the first line of what was told."""
    first, *_ = told.strip().splitlines() or ["no GPU was found"]
    remedy = "choose cpu, or see to the GPU's driver and refocal[gpu]"
    return f"The device {device} can't be used ({first.rstrip('.')}): {remedy}."
