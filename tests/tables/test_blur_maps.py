"""Lines that get an estimated map, or nothing, instead of the data set's own blur."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image

from refocal.catalog import Entry
from refocal.datasets import Pair, Protocol
from refocal.estimators import ESTIMATORS
from refocal.inference.network_file import open_network
from refocal.methods import METHODS
from refocal.optics.blur import BlurMap
from refocal.tables import measure as module
from refocal.tables.blur_maps import Maps
from refocal.tables.cells import cells
from refocal.tables.measure import measure
from refocal.tables.published import Column, Line, PublishedTable, Settings
from refocal.tables.runnable import make_estimator_runnable, make_runnable
from refocal.types import InputError
from samples import InMemory

SHARP = (np.random.default_rng(31).integers(0, 256, (3, 20, 24)) / 255).astype(np.float32)
TRUE = BlurMap(
    np.random.default_rng(32).integers(0, 25, (20, 24)) / 4, step_px=0.25, boundary="replicate", encoding="srgb"
)


PAIRS = {
    "known": [Pair(0.5 * SHARP, SHARP, "a", {"blur": TRUE}), Pair(0.25 * SHARP, SHARP, "b", {"blur": TRUE})],
    "real": [Pair(0.75 * SHARP, None, "c")],
}
calls = []


@dataclass(frozen=True)
class Brightness:
    """An estimator: ten times the mean of the channels, in no step of a 256th."""

    gain: float = 10.0

    def __call__(self, image):
        calls.append(image.shape)
        return BlurMap((self.gain * image.mean(0)).astype(np.float32))


@dataclass(frozen=True)
class Unshipped:
    """An estimator whose network file is missing."""

    weights: str = "nowhere.onnx"

    def __call__(self, image):
        raise AssertionError


@dataclass(frozen=True)
class Shown:
    """A method that returns the given radius as an image."""

    needs = "map"

    def __call__(self, image, blur=None):
        assert (blur.boundary, blur.encoding, blur.step_px) == ("replicate", "srgb", 0.25)
        return np.broadcast_to(blur.radius_px / 10, image.shape).astype(np.float32)


@pytest.fixture(autouse=True)
def fakes(monkeypatch):
    calls.clear()
    monkeypatch.setitem(ESTIMATORS, "brightness", Entry(f"{__name__}:Brightness", "of this test"))
    monkeypatch.setitem(ESTIMATORS, "unshipped", Entry(f"{__name__}:Unshipped", "of this test"))
    monkeypatch.setitem(METHODS, "shown", Entry(f"{__name__}:Shown", "of this test", "map"))

    def open_in_memory(name, _root=None):
        if name not in PAIRS:
            raise InputError(f"There is no {name}.")
        return InMemory(tuple(PAIRS[name]), Protocol(name, ""))

    monkeypatch.setattr(module, "open_dataset", open_in_memory)


def run(*lines, cache=None, more=("real",), show=lambda *_: None):
    columns = (Column("psnr", "PSNR", "psnr"), Column("q", "Q", "q"), Column("map_mae", "MAE", "map-mae"))
    table = PublishedTable("t:1", "", "", "method", columns, lines, ("known",), True, (), (), more_data=more)
    measured, missing = measure(table, Settings(cache=cache), show)
    return measured, missing, cells(table, measured)


def expected_radius(pair):
    return np.rint(np.minimum(10 * pair.blurred.mean(0), 6) * 256) / 256


def test_methods_get_the_estimated_map():
    restored = ("psnr", "q")
    lines = (
        Line("truth", method="shown", data="known", columns=restored),
        Line("estimate", (9.0, None), "shown", data="known", blur="brightness", columns=restored),
        Line("error", (0.5,), "identity", data="known", blur="brightness", columns=("map_mae",)),
    )
    (truth, estimate, error), _, found = run(*lines)
    for place, pair in enumerate(PAIRS["known"]):
        for line, radius in ((truth, TRUE.radius_px), (estimate, expected_radius(pair))):
            restored = np.floor(np.broadcast_to(radius / 10, SHARP.shape).astype(np.float32) * 255) / 255
            assert line.values["psnr"][place] == pytest.approx(
                -10 * np.log10(np.mean((restored - SHARP) ** 2)), abs=1e-4
            )
        assert error.values["map_mae"][place] == pytest.approx(
            np.abs(expected_radius(pair) - TRUE.radius_px).mean(), abs=1e-6
        )
    assert len(calls) == 2  # each picture once, for both lines
    assert [(cell.line.label, cell.column, cell.published, cell.blur, cell.data) for cell in found[2:]] == [
        ("estimate", "psnr", 9.0, "brightness", "known"),
        ("estimate", "q", None, "brightness", "known"),
        ("error", "map_mae", 0.5, "brightness", "known"),
    ]
    assert found[2].options == "; map: gain=10.0" and found[0].blur == "given"


def test_images_without_ground_truth_get_the_figures_that_need_none():
    (estimate,), missing, found = run(
        Line("estimate", method="shown", data="real", blur="brightness"), more=("real", "gone")
    )
    assert estimate.values["psnr"] == estimate.values["map_mae"] == () and len(estimate.values["q"]) == 1
    assert [cell.status for cell in found] == ["left out", "measured", "left out"]
    assert missing == ["Nothing was measured on gone. There is no gone."]
    assert run(Line("truth", (1.0,), "shown", data="real"))[0] == []  # the true map is unknown


def test_estimators_that_aren_t_there_are_named():
    lines = [Line(name, (1.0, 2.0, 3.0), "shown", blur=name, data="known") for name in ("unshipped", "none-such")]
    assert [one.runnable for one in run(*lines)[0]] == ["no map: weights not shipped", "no map: not trained"]
    assert run(replace(lines[0], published=()))[0] == []


def test_maps_are_kept_as_files_until_the_picture_or_the_options_change(tmp_path, monkeypatch):
    cache, line = tmp_path / "t.jsonl", Line("estimate", method="shown", data="known", blur="brightness")
    first = run(line, cache=cache)[0][0].values
    names = sorted(path.name.rpartition("-")[0] for path in (tmp_path / "maps").iterdir())
    assert names == ["known-a-brightness", "known-b-brightness"]
    with Image.open(next((tmp_path / "maps").glob("known-a-*"))) as kept:
        np.testing.assert_allclose(np.asarray(kept) / 256, expected_radius(PAIRS["known"][0]))
    calls.clear()
    cache.unlink()  # the figures, not the maps
    assert run(line, cache=cache)[0][0].values == first and calls == []

    monkeypatch.setitem(
        ESTIMATORS, "brightness", Entry(f"{__name__}:Brightness", "of this test", "", "", {"gain": 5.0})
    )
    assert run(line, cache=cache)[0][0].values != first and len(calls) == 2
    assert len(list((tmp_path / "maps").iterdir())) == 2
    assert len(cache.read_text().splitlines()) == 4


def test_figures_with_another_map_are_not_reused(tmp_path):
    cache = tmp_path / "t.jsonl"
    lines = [Line(blur, method="shown", data="known", blur=blur) for blur in ("given", "brightness")]
    run(*lines, cache=cache)
    keys = [json.loads(line)["key"] for line in cache.read_text().splitlines()]
    assert len(set(keys)) == 4


def test_blind_lines_restore_as_refocal_deblur_does(monkeypatch):
    from refocal.restore import restore

    method = METHODS["hyper-laplacian"].make()
    (blind,), _, found = run(
        Line("blind", method="hyper-laplacian", data="known", blur="none", run="restore", columns=("psnr",))
    )
    for place, pair in enumerate(PAIRS["known"]):
        image = np.floor(restore(pair.blurred, method).image * 255) / 255
        assert blind.values["psnr"][place] == pytest.approx(-10 * np.log10(np.mean((image - SHARP) ** 2)), abs=1e-3)
    assert found[0].blur == "estimated"


def test_two_processes_estimate_the_maps_of_one(monkeypatch):
    monkeypatch.setattr("refocal.evaluation.workers.MIN_PARALLEL_SECONDS", 0.0)
    estimator = make_estimator_runnable("zhuo-sim", 6.0)
    rng = np.random.default_rng(33)
    pairs = [Pair(rng.random((3, 30, 34), np.float32), None, str(number)) for number in range(3)]
    one, two = (Maps(Settings(jobs=jobs), lambda *_: None).of(estimator, "data", pairs) for jobs in (1, 2))
    for first, second in zip(one, two, strict=True):
        np.testing.assert_array_equal(first.radius_px, second.radius_px)
        assert first.encoding == "srgb"


def test_red_is_identified_by_its_denoiser_s_weights():
    network, median = (
        make_runnable(Line("RED", method="red-fixed-point", options={"denoiser": denoiser}), 6.0)
        for denoiser in ("network", "median")
    )
    assert network.weights_sha256 == open_network("denoiser-small").weights_sha256
    assert median.weights_sha256 == ""
