import re
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from refocal import provenance
from refocal.catalog import Entry
from refocal.datasets import Pair, Protocol
from refocal.estimators import ESTIMATORS
from refocal.estimators.ebdb import Ebdb
from refocal.estimators.focus import FocusMap
from refocal.estimators.views import stack_views
from refocal.evaluation import evaluate as module
from refocal.evaluation.evaluate import evaluate, evaluate_images
from refocal.evaluation.scoring import fit_gain_offset
from refocal.methods import METHODS, to_measure
from refocal.optics.blur import BlurMap, Psf
from refocal.restore import restore
from refocal.types import InputError
from samples import InMemory, psnr


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def image(rng, channels=3, size=(40, 52)):
    return rng.uniform(0.1, 0.9, (channels, *size)).astype(np.float32)


def noisy(rng, sharp, noise_std):
    return np.clip(sharp + rng.normal(0, noise_std, sharp.shape), 0, 1).astype(np.float32)


def data(pairs, **protocol):
    return InMemory(pairs, Protocol("memory", "", **protocol))


def test_value_is_the_mean_of_the_numbers_per_picture_not_of_the_pooled_error(rng):
    sharps = [image(rng), image(rng)]
    pairs = [Pair(noisy(rng, s, std), s, f"p{std}") for s, std in zip(sharps, (0.01, 0.2), strict=True)]
    result = evaluate_images("identity", data(pairs), ("psnr", "mae"))
    expected = [psnr(p.blurred, p.sharp) for p in pairs]
    np.testing.assert_allclose(result.values["psnr"], expected, rtol=1e-5)
    assert result.rows[0].value == pytest.approx(np.mean(expected), rel=1e-5)
    assert result.rows[1].value == pytest.approx(np.mean([abs(p.blurred - p.sharp).mean() for p in pairs]), rel=1e-5)
    assert result.names == ("p0.01", "p0.2")


def test_border_and_mask_leave_pixels_out(rng):
    sharp = image(rng)
    mask = (rng.uniform(size=(40, 52)) > 0.5).astype(np.float32)
    blurred = noisy(rng, sharp, 0.05)
    blurred[:, :4] = 0  # in the border
    blurred[:, 4:-4, 4:-4][:, mask[4:-4, 4:-4] == 0] = 0  # outside the mask
    (row,) = evaluate("identity", data([Pair(blurred, sharp, "a", {"mask": mask})], border_px=4), ("psnr",))
    kept = (blurred - sharp)[:, 4:-4, 4:-4][:, mask[4:-4, 4:-4] == 1]
    assert row.value == pytest.approx(psnr(kept, 0), rel=1e-5)
    assert row.value > 25


def test_luma_is_compared_where_the_protocol_says_so(rng):
    sharp = image(rng)
    blurred = sharp.copy()
    blurred[0] += 0.05  # of red only
    (row,) = evaluate("identity", data([Pair(blurred, sharp, "a")], channels="luma"), ("psnr",))
    assert row.value == pytest.approx(-20 * np.log10(0.05 * 0.299), rel=1e-4)


def test_the_fit_undoes_gain_and_offset_within_the_mask_and_the_border(rng):
    sharp = image(rng, 1)
    mask = np.ones((40, 52), dtype=np.float32)
    mask[:, 30:] = 0
    blurred = 0.5 * sharp + 0.2
    blurred[:, :, 30:] = 0.9
    blurred[:, :2] = 0.0
    pairs = [Pair(blurred, sharp, "a", {"mask": mask})]
    (row,) = evaluate("identity", data(pairs, fit="gain-offset", border_px=2), ("psnr",))
    assert row.value > 120


def test_the_fit_is_the_least_squares_solution(rng):
    """The optimality condition: the residual is orthogonal to the image and to a constant, under the weights."""
    restored, sharp, mask = image(rng), image(rng), rng.uniform(size=(40, 52))
    left = (fit_gain_offset(restored.astype(np.float64), sharp, mask) - sharp) * mask
    assert abs(left.sum()) < 1e-4 and abs((left * restored).sum()) < 1e-4
    flat = np.full_like(sharp, 0.3)
    np.testing.assert_allclose(fit_gain_offset(flat, sharp), sharp.mean(), rtol=1e-5)


def test_the_true_blur_is_given_on_request_only(rng):
    psf = Psf(np.ones((1, 1)))
    pairs = [Pair(sharp := image(rng), sharp, "a", {"blur": psf})]
    seen = []

    def method(picture, blur):
        seen.append(blur)
        return picture

    rows = [evaluate(method, data(pairs), blur=source)[0] for source in (None, "given")]
    assert seen[0] is None and seen[1] is psf
    assert [row.blur for row in rows] == ["none", "given"]
    assert rows[0].method == "method"
    with pytest.raises(InputError, match="true blur of 'b' in 'memory' isn't known"):
        evaluate(method, data([Pair(sharp, sharp, "b")]), blur="given")


def test_a_named_method_runs_through_restore_which_estimates_the_blur(monkeypatch, rng):
    calls = []

    def restore(picture, method, blur=None):
        calls.append((method, blur))
        return SimpleNamespace(image=picture)

    monkeypatch.setattr(module, "restore", restore)
    psf = Psf(np.ones((1, 1)))
    pairs = data([Pair(sharp := image(rng), sharp, "a", {"blur": psf})])
    for method, blur, source, given in (
        ("wiener", None, "estimated", FocusMap()),
        ("wiener", "given", "given", psf),
        ("wiener", "ebdb", "estimated:ebdb", Ebdb()),
        ("unsharp-mask", None, "none", None),
        ("unsharp-mask", "ebdb", "none", None),
        ("classical", None, "estimated", FocusMap()),
        ("default", None, "none", None),
    ):
        (row,) = evaluate(method, pairs, ("psnr",), blur=blur)
        assert (row.method, row.blur, calls.pop()) == (method, source, (to_measure(METHODS[method].make()), given))


@dataclass(frozen=True)
class Difference:
    """An estimator of two views: 10 times their mean absolute difference."""

    views = 2
    network = SimpleNamespace(weights_sha256="ab" * 32)

    def __call__(self, views):
        left, right = np.split(views, 2)
        return BlurMap(10 * np.abs(left - right).mean(0))


def test_an_estimator_of_two_views_gets_the_views_of_the_data_set(monkeypatch, rng):
    monkeypatch.setitem(ESTIMATORS, "apart", Entry(f"{__name__}:Difference", "of this test", "views"))
    pairs = [Pair(image(rng), image(rng), str(i), {"left": image(rng), "right": image(rng)}) for i in range(2)]
    wanted = [10 * np.abs(pair.extras["left"] - pair.extras["right"]).mean(0) for pair in pairs]
    seen = []

    def method(picture, blur):
        seen.append(blur.radius_px)
        return picture

    (row,) = evaluate(method, data(pairs), ("psnr",), blur="apart")
    np.testing.assert_allclose(seen, wanted, rtol=1e-6)
    assert row.blur == "estimated:apart:abababababab"
    result = evaluate_images("wiener", data(pairs), ("mae",), blur="apart")
    for pair, found in zip(pairs, result.values["mae"], strict=True):
        restored = restore(pair.blurred, "wiener", lambda _, pair=pair: Difference()(stack_views(**_views(pair)))).image
        assert found == pytest.approx(np.abs(restored - pair.sharp).mean(), rel=1e-5)
    with pytest.raises(InputError, match="apart takes two views of a photo, and 'memory' has one"):
        evaluate("wiener", data([Pair(image(rng), image(rng), "b")]), blur="apart")
    with pytest.raises(InputError, match="no estimator named 'aparta': did you mean 'apart'"):
        evaluate("wiener", data(pairs), blur="aparta")


def _views(pair):
    return {name: pair.extras[name] for name in ("left", "right")}


def test_options_of_an_object_and_time_per_megapixel_are_in_the_row(rng):
    @dataclass(frozen=True)
    class Scale:
        factor: float = 0.5

        def __call__(self, picture, _blur=None):
            return self.factor * picture

    sharp = image(rng, 1)
    done = []
    result = evaluate_images(
        Scale(), data([Pair(sharp, sharp, str(i)) for i in range(5)]), limit=3, progress=lambda *a: done.append(a)
    )
    row = result.rows[0]
    assert (row.method, row.options, row.n) == ("Scale", "factor=0.5", 3)
    assert row.value == pytest.approx(-10 * np.log10(np.mean((0.5 * sharp) ** 2)), rel=1e-5)
    assert row.seconds_per_megapixel == np.median(result.seconds_per_megapixel) > 0
    assert row.lowest <= row.value <= row.highest and row.ssim_window == row.lpips_net == ""
    assert result.rows[1].ssim_window == "uniform7"
    assert done == [(1, 3, "0"), (2, 3, "1"), (3, 3, "2")]


def test_a_metric_without_reference_needs_no_sharp_picture(rng):
    pairs = [Pair(image(rng, 1, (64, 64)), None, "a")]
    assert evaluate("identity", data(pairs), ("q",))[0].value > 0
    with pytest.raises(InputError, match="'psnr' needs a sharp image, and 'memory' has none"):
        evaluate("identity", data(pairs))


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ({"metrics": ("psmr",)}, "did you mean 'psnr'"),
        ({"metrics": ("map-mae",)}, "scores blur maps"),
        ({"metrics": ("q",)}, "'q' takes no mask"),
        ({"limit": 0}, "no image to measure on in 'memory'"),
        ({"method": "winer"}, "did you mean 'wiener'"),
        ({"method": lambda picture, _blur: picture[:, 1:]}, "returned .* for an image of"),
        ({"data": "kodak42"}, "did you mean 'kodak24'"),
    ],
)
def test_mistakes_are_one_sentence(kwargs, said, rng):
    sharp = image(rng)
    pairs = data([Pair(sharp, sharp, "a", {"mask": np.ones(sharp.shape[1:], np.float32)})])
    with pytest.raises(InputError, match=said):
        evaluate(**{"method": "identity", "data": pairs, **kwargs})


def test_commit_is_empty_outside_a_checkout(tmp_path, monkeypatch):
    assert re.fullmatch(r"([0-9a-f]{7,}(-dirty)?)?", provenance.commit())
    (tmp_path / "site-packages/refocal").mkdir(parents=True)
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "site-packages/refocal/provenance.py"))
    assert provenance.commit() == ""
