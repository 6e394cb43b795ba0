import os
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import onnxruntime
import pytest

from refocal.inference import network_file
from refocal.inference.device import current_device
from refocal.inference.network_file import open_network, use_device
from refocal.types import InputError
from refocal.weights import WEIGHTS, locate

NAME = "denoiser-small"
SHIPPED = [name for name, weight in WEIGHTS.items() if weight.url is None and weight.file.endswith(".onnx")]
IMAGE = np.random.default_rng(5).uniform(0, 1, (1, 1, 31, 45)).astype(np.float32)
CPU_SESSION = onnxruntime.InferenceSession
ADVICE = r"choose cpu, or see to the GPU's driver and refocal\[gpu\]\.$"


@pytest.fixture(autouse=True)
def reset(monkeypatch):
    """No device is chosen and no network is open, as the sessions below are simulated."""
    monkeypatch.setenv("REFOCAL_DEVICE", "")
    network_file._open.cache_clear()
    yield
    network_file._open.cache_clear()


class Gpu:
    """A simulated GPU session: reports a GPU and computes on the CPU, or fails."""

    started: list[dict]
    providers = ("CUDAExecutionProvider", "CPUExecutionProvider")
    fails_to_start = fails_to_run = ""

    def __init__(self, path, options, **given):
        self.on_gpu = given["providers"] != ["CPUExecutionProvider"]
        self.started.append(given)
        if self.on_gpu and self.fails_to_start:
            raise RuntimeError(self.fails_to_start)
        self.session = CPU_SESSION(path, options, providers=["CPUExecutionProvider"])

    def __getattr__(self, name):
        return getattr(self.session, name)

    def get_providers(self):
        return list(self.providers if self.on_gpu else self.providers[-1:])

    def run(self, names, feed):
        if self.on_gpu and self.fails_to_run:
            raise RuntimeError(self.fails_to_run)
        return self.session.run(names, feed)


@pytest.fixture
def gpu(monkeypatch):
    """A simulated GPU build of ONNX Runtime with a GPU; the class records the sessions' arguments."""

    class Here(Gpu):
        pass

    Here.started = []
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["TensorrtExecutionProvider", *Gpu.providers])
    monkeypatch.setattr(onnxruntime, "set_default_logger_severity", lambda _: None)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
    monkeypatch.setattr(onnxruntime, "InferenceSession", Here)
    return Here


def test_the_cpu_is_the_default():
    file = open_network(NAME)
    assert current_device() == "cpu" and file.session.get_providers() == ["CPUExecutionProvider"]
    even = np.pad(IMAGE, ((0, 0), (0, 0), (0, 1), (0, 1)), "reflect")
    (expected,) = CPU_SESSION(locate(NAME), providers=["CPUExecutionProvider"]).run(["restored"], {"blurred": even})
    np.testing.assert_array_equal(file.run(IMAGE)[0], expected[..., :31, :45])
    use_device("cpu")
    assert (
        os.environ["REFOCAL_DEVICE"] in ("", "cpu")
        and open_network(NAME).session.get_providers() == file.session.get_providers()
    )


def test_without_the_gpu_build_the_error_names_the_package_to_install(monkeypatch):
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["AzureExecutionProvider", "CPUExecutionProvider"]
    )
    with pytest.raises(
        InputError, match=r"needs the GPU build of ONNX Runtime: pip install 'refocal\[gpu\]' and then pip "
    ):
        use_device("cuda")
    assert current_device() == "cpu"
    monkeypatch.setenv("REFOCAL_DEVICE", "cuda")
    with pytest.raises(InputError, match="needs the GPU build"):
        open_network(NAME)


def test_a_session_that_falls_back_to_the_cpu_is_refused(gpu, monkeypatch, capfd):
    gpu.providers = ("CPUExecutionProvider",)
    with pytest.raises(InputError, match=rf"^The device cuda can't be used \(no GPU was found\): {ADVICE}"):
        use_device("cuda")
    monkeypatch.setattr(
        onnxruntime, "preload_dlls", lambda: sys.stdout.write("Failed to load libcublas: none\nSee it.")
    )
    with pytest.raises(InputError, match=rf"\(Failed to load libcublas: none\): {ADVICE}"):
        use_device("cuda")
    assert current_device() == "cpu" and capfd.readouterr() == ("", "")


def test_a_failing_device_and_a_broken_file_have_different_errors(gpu, monkeypatch, tmp_path):
    gpu.fails_to_start = "CUDA failure 35: the driver is too old.\nat line 7"
    with pytest.raises(InputError, match=rf"\(CUDA failure 35: the driver is too old\): {ADVICE}"):
        use_device("cuda")
    monkeypatch.setenv("REFOCAL_DEVICE", "cuda")
    (tmp_path / "a.onnx").write_bytes(b"no network")
    with pytest.raises(InputError, match=r"a\.onnx can't be read as a network"):
        open_network(tmp_path / "a.onnx")


def test_a_device_is_tested_before_it_is_used(gpu):
    gpu.fails_to_run = "no kernel image is available"
    with pytest.raises(InputError, match=rf"\(no kernel image is available\): {ADVICE}"):
        use_device("cuda")
    assert current_device() == "cpu"


def test_a_gpu_computes_in_full_precision_without_a_fallback_to_the_cpu(gpu):
    (expected,) = open_network(NAME).run(IMAGE)
    use_device("cuda")
    file = open_network(NAME)
    np.testing.assert_array_equal(file.run(IMAGE)[0], expected)
    assert file.session.on_gpu and open_network(NAME) is file
    ((provider, options),) = gpu.started[-1].pop("providers")
    assert (provider, options["use_tf32"], gpu.started[-1]) == ("CUDAExecutionProvider", "0", {"enable_fallback": 0})
    use_device("cpu")
    assert not open_network(NAME).session.on_gpu


def test_threads_and_processes_inherit_the_device(gpu):
    use_device("cuda")
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: open_network(NAME).session.on_gpu).result()
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        assert pool.submit(current_device).result() == "cuda"


def test_other_devices_are_refused(monkeypatch):
    with pytest.raises(InputError, match="There is no device named 'gpu': choose cpu or cuda"):
        use_device("gpu")
    monkeypatch.setenv("REFOCAL_DEVICE", "tpu")
    with pytest.raises(InputError, match="no device named 'tpu'"):
        open_network(NAME)
    use_device("cpu")
    assert current_device() == "cpu"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_gpu_agrees_with_the_cpu(name):
    """Within 2e-3: half an 8-bit grey level."""
    try:
        use_device("cuda")
    except InputError as error:
        pytest.skip(f"needs an NVIDIA GPU and onnxruntime-gpu: {error}")
    random = np.random.default_rng(7)
    coarse = random.uniform(0, 1, (2, 3, 20, 28))
    images = np.kron(coarse, np.ones((8, 8))) + random.normal(0, 0.02, (2, 3, 160, 224))
    file = open_network(name)
    shapes = [given.shape[1] for given in file.session.get_inputs()]
    feed = [images[:, :channels].clip(0, 1).astype(np.float32) for channels in shapes]
    feed = [6 * image if role == "radius_px" else image for role, image in zip(file.inputs, feed, strict=True)]
    on_gpu = file.run(*feed)
    use_device("cpu")
    for given, expected in zip(on_gpu, open_network(name).run(*feed), strict=True):
        np.testing.assert_allclose(given, expected, rtol=0, atol=2e-3)
