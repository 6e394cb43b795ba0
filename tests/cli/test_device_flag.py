import numpy as np
import onnxruntime
import pytest

from refocal.cli import main
from refocal.images.io import Photo, read, write
from refocal.inference import network_file

PHOTO = np.random.default_rng(3).integers(0, 256, (40, 48, 3), np.uint8)
VERBS = {
    "deblur": ["photo.png", "-o", "out", "--method", "sharpness-unet"],
    "map": ["photo.png", "-o", "map.npy"],
    "evaluate": ["--method", "sharpness-unet", "--data", "pairs", "--csv", "rows.csv"],
    "reproduce": ["sharpness_loss:I", "-o", "out"],
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REFOCAL_DEVICE", "")
    write("photo.png", Photo(PHOTO))
    (tmp_path / "pairs/blurred").mkdir(parents=True)
    network_file._open.cache_clear()
    yield tmp_path
    network_file._open.cache_clear()


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("build", ["CPU build", "GPU build"])
def test_without_a_gpu_the_flag_fails_in_one_sentence_before_any_output(verb, build, here, monkeypatch, capfd):
    before = sorted(here.rglob("*"))
    providers = ["CUDAExecutionProvider"] * (build == "GPU build") + ["CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)
    monkeypatch.setattr(onnxruntime, "InferenceSession", CpuFallback)
    monkeypatch.setattr(onnxruntime, "set_default_logger_severity", lambda _: None)
    assert main([verb, *VERBS[verb], "--device", "cuda"]) == 2
    out, error = capfd.readouterr()
    assert out == "" and error.count("\n") == 1
    assert error.startswith(
        "refocal: The device cuda " + ("needs the GPU" if build == "CPU build" else "can't be used")
    )
    assert sorted(here.rglob("*")) == before


class CpuFallback:
    """The session that ONNX Runtime starts when the requested GPU is missing."""

    def __init__(self, *_, **__): ...

    def get_providers(self):
        return ["CPUExecutionProvider"]


def test_the_flag_opens_the_networks_on_the_gpu(monkeypatch):
    cpu_session, started = onnxruntime.InferenceSession, []

    class Gpu(cpu_session):
        def __init__(self, path, options, *, providers, **_):
            started.append(providers[0][0])
            super().__init__(path, options, providers=["CPUExecutionProvider"])

        def get_providers(self):
            return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    assert main(["deblur", *VERBS["deblur"]]) == 0
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: Gpu.get_providers(None))
    monkeypatch.setattr(onnxruntime, "InferenceSession", Gpu)
    monkeypatch.setattr(onnxruntime, "set_default_logger_severity", lambda _: None)
    assert main(["deblur", *VERBS["deblur"], "--overwrite", "--device", "cpu"]) == 0
    assert started == []
    expected = read("out/photo.png").pixels
    assert main(["deblur", *VERBS["deblur"], "--overwrite", "--device", "cuda"]) == 0
    assert started == ["CUDAExecutionProvider"] * 2  # the trial session and the method's
    np.testing.assert_array_equal(read("out/photo.png").pixels, expected)


def test_the_environment_names_the_device_and_the_flag_overrides_it(monkeypatch, capfd):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    monkeypatch.setenv("REFOCAL_DEVICE", "cuda")
    assert main(["deblur", *VERBS["deblur"]]) == 2
    assert "needs the GPU build" in capfd.readouterr().err
    assert main(["deblur", *VERBS["deblur"], "--device", "cpu"]) == 0
    assert main(["deblur", *VERBS["deblur"], "--device", "gpu"]) == 2
    assert "There is no device named 'gpu': choose cpu or cuda." in capfd.readouterr().err
