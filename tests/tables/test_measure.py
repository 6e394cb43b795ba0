import json
import shutil
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.ndimage import convolve

from refocal.catalog import Entry
from refocal.datasets import Pair, Protocol
from refocal.datasets.files import read_luma8
from refocal.evaluation.evaluate import evaluate
from refocal.evaluation.workers import restore_each
from refocal.images.io import Photo, write
from refocal.methods import METHODS
from refocal.metrics import psnr, q
from refocal.metrics.structural import ssim_gaussian11
from refocal.optics.blur import Psf
from refocal.tables import TABLES
from refocal.tables import measure as module
from refocal.tables.cells import cells, pooled_psnr
from refocal.tables.measure import as_given, measure, spread, to_scored
from refocal.tables.published import Column, Line, PublishedTable, Settings
from refocal.types import InputError
from samples import InMemory

calls = []


@dataclass(frozen=True)
class Scale:
    """A method that counts its calls.

    Attributes:
        factor: Factor of the brightness.
        interrupt: Number of the call that stops the whole run.
    """

    factor: float = 0.5
    interrupt: int = -1

    def __call__(self, image, _blur=None):
        if len(calls) == self.interrupt:
            raise KeyboardInterrupt
        calls.append(image)
        return self.factor * image


@dataclass(frozen=True)
class Trained:
    """A method with weights."""

    weights: str = "nowhere.onnx"

    def __call__(self, image, _blur=None):
        return image


@pytest.fixture
def rng():
    return np.random.default_rng(23)


@pytest.fixture
def fake_methods(monkeypatch):
    """The methods ``scale`` and ``trained``, of this test."""
    calls.clear()
    monkeypatch.setitem(METHODS, "scale", Entry(f"{__name__}:Scale", "of this test"))
    monkeypatch.setitem(METHODS, "trained", Entry(f"{__name__}:Trained", "of this test"))


@pytest.fixture
def root(tmp_path, rng):
    """A data root with four small photos."""
    folder = tmp_path / "data/kodak24"
    folder.mkdir(parents=True)
    for number in range(1, 5):
        pixels = np.kron(rng.integers(0, 256, (18, 20, 3)), np.ones((8, 8, 1))).astype(np.uint8)
        write(folder / f"kodim{number:02}.png", Photo(pixels))
    return tmp_path / "data"


def table(*lines):
    columns = (Column("psnr", "PSNR", "psnr"), Column("seconds", "s"))
    return PublishedTable("t:1", "", "", "method", columns, lines, ("kodak24",), True, (), ())


def run(root, *lines, show=lambda *_: None, **settings):
    return measure(table(*lines), Settings(data_root=root, **settings), show)[0]


def test_truncation_keeps_levels_and_rounds_down_between_them():
    for dtype in (np.float32, np.float64):
        levels = np.arange(256).astype(dtype) / 255
        np.testing.assert_array_equal(np.rint(to_scored(levels, True) * 255), np.arange(256))
    np.testing.assert_allclose(to_scored(np.array([0.9999, -0.2, 1.5, 0.5]), True) * 255, [254, 0, 255, 127], rtol=1e-6)
    np.testing.assert_allclose(to_scored(np.array([0.9999, -0.2]), False), [0.9999, 0], rtol=1e-6)


def test_circular_input_wraps_around_and_is_not_rounded(rng):
    kernel = np.array([[0.1, 0.4, 0.0], [0.0, 0.2, 0.3], [0.0, 0.0, 0.0]])
    levels = rng.integers(0, 256, (1, 19, 24))
    pair = Pair(levels / 255, (levels / 255).astype(np.float32), "a", {"blur": Psf(kernel, encoding="srgb")})
    blurred, blur = as_given(pair, "circular")
    expected = convolve(levels[0] / 255, kernel, mode="wrap")[None]
    np.testing.assert_allclose(blurred, expected, atol=1e-14)
    np.testing.assert_allclose(blur.apply(levels / 255), expected, atol=1e-14)
    assert blur.boundary == "periodic" and blur.encoding == "srgb"
    again, known = as_given(pair, "circular-psf")
    np.testing.assert_array_equal(again, blurred)
    assert isinstance(known, Psf) and known.boundary == "periodic"
    assert as_given(pair, "file") == (pair.blurred, pair.extras["blur"])
    with pytest.raises(InputError, match="The kernel that blurred 'b' isn't known"):
        as_given(Pair(levels / 255, levels / 255, "b"), "circular")


def test_a_subset_is_spread_evenly():
    assert spread(range(524), 4) == [0, 131, 262, 393]
    assert spread(range(5), 9) == spread(range(5), 5) == [0, 1, 2, 3, 4]


def test_there_is_a_figure_per_image_and_limits_are_kept(root, fake_methods):
    said = []
    lines = (Line("a", method="scale"), Line("b", method="scale", limit=2), Line("c", (1.0, 2.0), "none-such"))
    a, b, c = run(root, *lines, Line("d", method="none-such"), show=lambda *words: said.append(words))
    assert len(a.values["psnr"]) == a.of == b.of == 4 and c.runnable == "not trained" and c.values == {}
    assert b.values["psnr"] == a.values["psnr"][::2]
    sharp = read_luma8(root / "kodak24/kodim01.png")[8:136, 16:144]
    halved = np.floor(0.5 * convolve(sharp.astype(float), np.full((5, 5), 1 / 25), mode="mirror").round())
    assert a.values["psnr"][0] == pytest.approx(-10 * np.log10(np.mean(((halved - sharp) / 255) ** 2)), abs=1e-4)
    assert said[0] == ("a", 0, 4) and said[4] == ("a", 4, 4) and said[-1] == ("b", 2, 2)
    assert len(run(root, lines[1], limit=3)[0].values["psnr"]) == 3


def test_an_interrupted_run_resumes(root, fake_methods, tmp_path):
    cache = tmp_path / "cache.jsonl"
    whole = run(root, Line("a", method="scale"))[0].values["psnr"]
    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        run(root, Line("a", method="scale", options={"interrupt": 2}), cache=cache)
    assert len(calls) == 2
    with cache.open("a") as file:
        file.write('{"key": "cut sho')  # killed while writing
    again = [json.loads(line) for line in cache.read_text().splitlines()[:2]]
    said = []
    line = Line("a", method="scale", options={"interrupt": 2})
    with pytest.raises(KeyboardInterrupt):  # the same options: the two pictures done are known, the third is tried
        run(root, line, cache=cache, show=lambda *words: said.append(words))
    assert said == [("a", 2, 4)] and len(calls) == 2
    calls.clear()
    assert run(root, Line("a", method="scale"), cache=cache)[0].values["psnr"] == whole
    assert len(calls) == 4  # other options: nothing of the first run is used again
    assert [record["psnr"] for record in again] == list(whole[:2])
    calls.clear()
    assert run(root, Line("renamed", method="scale"), cache=cache)[0].values["psnr"] == whole and calls == []


@pytest.mark.parametrize("change", ["given", "truncated", "code", "photo", "column"])
def test_stale_figures_are_measured_again(root, fake_methods, tmp_path, monkeypatch, change):
    cache, line = tmp_path / "cache.jsonl", Line("a", method="scale")
    run(root, line, cache=cache)
    calls.clear()
    what = table(line)
    if change == "given":
        what = table(replace(line, given="circular"))
    elif change == "truncated":
        what = replace(what, truncated=False)
    elif change == "code":
        monkeypatch.setattr(module, "code_sha256", lambda *_: "another")
    elif change == "photo":
        shutil.copy(root / "kodak24/kodim02.png", root / "kodak24/kodim01.png")
    else:
        what = replace(what, columns=(*what.columns, Column("q", "Q", "q")))
    measured, _ = measure(what, Settings(data_root=root, cache=cache), lambda *_: None)
    # The copied photo's figures are known: they are those of its original.
    assert len(calls) == (0 if change == "photo" else 4)
    assert len(measured[0].values["psnr"]) == 4
    if change == "photo":
        assert measured[0].values["psnr"][0] == measured[0].values["psnr"][1]


def test_own_weights_are_run_and_identified_by_their_hash(root, fake_methods, tmp_path):
    """SHA-256 of the three letters abc is a published test vector (FIPS 180-2)."""
    line = Line("a", (1.0, 2.0), "trained")
    assert run(root, line)[0].runnable == "weights not shipped"
    (tmp_path / "own").mkdir()
    (tmp_path / "own/trained.onnx").write_bytes(b"abc")
    ready = run(root, line, weights_dir=tmp_path / "own")[0].runnable
    assert ready.method.weights == str(tmp_path / "own/trained.onnx")
    assert ready.options == "weights=trained.onnx"
    assert ready.weights_sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_own_networks_run_where_nothing_is_shipped(root, tmp_path):
    """Half the brightness, as a network file: the figures are those of the halved, truncated picture."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    line = Line("0.001", (1.0, 2.0), "sharpness-unet-beta-0.001", own_threads=True)
    assert line.method not in METHODS and run(root, line)[0].runnable == "not trained"
    info, sides = helper.make_tensor_value_info, ["n", 1, "h", "w"]
    shapes = [info(name, TensorProto.FLOAT, sides) for name in ("blurred", "restored")]
    half = helper.make_tensor("half", TensorProto.FLOAT, [], [0.5])
    halving = helper.make_node("Mul", ["blurred", "half"], ["restored"])
    graph = helper.make_graph([halving], "g", *([shape] for shape in shapes), [half])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    metadata = {"refocal.format": "1", "name": "half", "network": "none", "inputs": '["blurred"]', "channels": "luma"}
    metadata |= {"multiple": "1", "context_px": "0", "working_bytes": "64", "steps": "0"}
    metadata |= {"licence": "CC0-1.0", "recipe": "{}"}
    helper.set_model_props(model, metadata | {"config": "{}", "weights_sha256": "f" * 64})
    onnx.save(model, tmp_path / f"{line.method}.onnx")
    measured = run(root, line, weights_dir=tmp_path)[0]
    assert measured.runnable.weights_sha256 == "f" * 64
    sharp = read_luma8(root / "kodak24/kodim02.png")[8:136, 16:144]
    halved = np.floor(0.5 * convolve(sharp.astype(float), np.full((5, 5), 1 / 25), mode="mirror").round())
    assert measured.values["psnr"][1] == pytest.approx(-10 * np.log10(np.mean(((halved - sharp) / 255) ** 2)), abs=2e-3)

    (tmp_path / f"{line.method}.onnx").write_bytes(b"not a network")
    with pytest.raises(InputError, match=r"beta-0.001.onnx can't be read as a network"):
        run(root, line, weights_dir=tmp_path)


def test_several_processes_give_the_results_of_one(monkeypatch, rng):
    monkeypatch.setattr("refocal.evaluation.workers.MIN_PARALLEL_SECONDS", 0.0)
    wiener = METHODS["wiener"].make()
    blur = Psf(np.full((5, 5), 1 / 25), "periodic")
    inputs = [(rng.uniform(size=(1, 24, 31)), blur) for _ in range(5)]
    alone, pool = (list(restore_each(wiener, inputs, jobs)) for jobs in (1, 2))
    for (one, _), (other, seconds), (image, _) in zip(alone, pool, inputs, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)
        assert np.abs(one - image).max() > 0.01 and seconds > 0


def test_pooled_psnr_is_that_of_all_pixels_together(rng):
    pairs = rng.uniform(size=(2, 3, 1, 20, 20))
    pairs[1, 1] *= 0.9
    pairs[0, 1] = pairs[1, 1] + 0.01
    each = np.array([psnr(*pair) for pair in pairs.swapaxes(0, 1)])
    assert pooled_psnr(each) == pytest.approx(-10 * np.log10(np.mean((pairs[0] - pairs[1]) ** 2)))
    assert abs(pooled_psnr(each) - each.mean()) > 5


@pytest.mark.parametrize(("label", "decibel", "file"), [("aL", 31.310, "al"), ("mLM", 41.195, "mlm")])
def test_kodim19_gives_the_published_pictures(shared, tmp_path, label, decibel, file):
    """The public crop of kodim19 through the whole path of Table II: every figure is that of the published picture."""
    published = shared / "data/test/mmsp2024_crops/MMSP_Comparisons"
    (tmp_path / "kodak24").mkdir()
    shutil.copy(published / "kodim19_original.png", tmp_path / "kodak24/kodim19.png")
    real = TABLES["sharpness_loss:II"].make()
    line = next(line for line in real.lines if line.label == label)
    columns = tuple(column for column in real.columns if column.name != "lpips")
    one = replace(real, lines=(line,), columns=columns, data=("kodak24:mean5",))
    measured, _ = measure(one, Settings(data_root=tmp_path), lambda *_: None)
    ours = {cell.column: cell.ours for cell in cells(one, measured)}

    sharp, theirs = (
        (read_luma8(published / f"kodim19_{name}.png")[None] / 255).astype("f") for name in ("original", file)
    )
    assert ours["psnr"] == pytest.approx(float(psnr(theirs, sharp)), abs=1e-5)
    assert ours["ssim"] == pytest.approx(float(ssim_gaussian11(theirs, sharp)), abs=1e-6)
    assert ours["q"] == pytest.approx(float(q(theirs)), abs=1e-6)
    untruncated, _ = measure(replace(one, truncated=False), Settings(data_root=tmp_path), lambda *_: None)
    assert untruncated[0].values["psnr"][0] == pytest.approx(decibel, abs=6e-4)


def test_a_table_scores_under_the_protocol_of_its_data_set(monkeypatch, rng):
    """Border, fit, mask and luma count as in ``refocal evaluate``; tables once dropped luma and mask."""
    sharp = rng.uniform(0.1, 0.9, (3, 40, 52)).astype(np.float32)
    mask = (rng.random((40, 52)) > 0.4).astype(np.float32)
    blurred = np.clip(sharp + rng.normal(0, 0.05, sharp.shape), 0, 1).astype(np.float32)
    blurred[:, mask == 0] = 0
    lines = (Line("as given", method="identity", data="masked"),)
    figures = {}
    for protocol in (
        Protocol("masked", ""),
        Protocol("masked", "", channels="luma"),
        Protocol("masked", "", border_px=4, fit="gain-offset"),
    ):
        dataset = InMemory([Pair(blurred, sharp, "a", {"mask": mask})], protocol)
        monkeypatch.setattr(module, "open_dataset", lambda *_, dataset=dataset: dataset)
        one = PublishedTable("t:1", "", "", "", (Column("psnr", "", "psnr"),), lines, ("masked",), False, (), ())
        (measured,), _ = measure(one, Settings(), lambda *_: None)
        (row,) = evaluate("identity", dataset, ("psnr",))
        assert measured.values["psnr"] == (row.value,)
        figures[protocol] = row.value
    assert len(set(figures.values())) == 3
    kept = (blurred - sharp)[:, mask == 1]
    assert figures[Protocol("masked", "")] == pytest.approx(-10 * np.log10(np.mean(kept**2)), abs=1e-4)
