import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.stats import spearmanr

from refocal.metrics import affine_invariant_error, map_mae, spearman
from refocal.types import InputError


def maps():
    rng = np.random.default_rng(11)
    true = rng.random((12, 17)) * 6
    return 0.4 * true - 1 + 0.3 * rng.laplace(size=true.shape), true, rng.random(true.shape)


def least_absolute(x, y, weight):
    """Exact minimum of sum w |y - (a x + b)| / sum w by linear programming."""
    x, y, weight = x.ravel(), y.ravel(), weight.ravel() / weight.sum()
    equations = np.hstack([x[:, None], np.ones((x.size, 1)), np.eye(x.size), -np.eye(x.size)])
    bounds = [(None, None)] * 2 + [(0, None)] * (2 * x.size)
    return linprog([0, 0, *weight, *weight], A_eq=equations, b_eq=y, bounds=bounds).fun


def test_map_mae():
    estimated, true, weight = maps()
    assert map_mae(estimated, true) == pytest.approx(np.abs(estimated - true).mean())
    expected = (weight * np.abs(estimated - true)).sum() / weight.sum()
    assert map_mae(estimated, true, weight) == pytest.approx(expected)


@pytest.mark.parametrize("case", ["plain", "outliers", "steps", "constant"])
def test_ai1_equals_the_minimum_by_linear_programming(case):
    estimated, true, weight = maps()
    if case == "outliers":
        true[:2] += 40
    if case == "steps":
        estimated, true = np.round(estimated), np.round(true)
    if case == "constant":
        estimated = np.ones_like(estimated)
    assert affine_invariant_error(estimated, true, 1, weight) == pytest.approx(
        least_absolute(estimated, true, weight), rel=1e-5
    )


def test_ai2_equals_the_least_squares_fit():
    estimated, true, weight = maps()
    design = np.stack([estimated.ravel(), np.ones(true.size)], axis=1) * np.sqrt(weight.ravel())[:, None]
    residual = np.linalg.lstsq(design, true.ravel() * np.sqrt(weight.ravel()), rcond=None)[1][0]
    expected = np.sqrt(residual / weight.sum())
    assert affine_invariant_error(estimated, true, 2, weight) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("p", [1, 2])
def test_an_affine_map_has_no_affine_invariant_error(p):
    estimated, true, _ = maps()
    assert affine_invariant_error(7 - 3 * true, true, p) == pytest.approx(0, abs=1e-12)
    score = affine_invariant_error(estimated, true, p)
    assert affine_invariant_error(5 - 2 * estimated, true, p) == pytest.approx(score, rel=1e-5)
    assert affine_invariant_error(estimated, np.full_like(true, 3.0), p) == 0


def test_spearman_equals_scipy_also_with_ties():
    estimated, true, _ = maps()
    for x, y in ((estimated, true), (np.round(estimated), np.round(true)), (estimated, -true)):
        assert spearman(x, y) == pytest.approx(spearmanr(x.ravel(), y.ravel()).statistic, abs=1e-12)
    assert spearman(np.exp(true), true) == pytest.approx(1, abs=1e-12)
    assert np.isnan(spearman(np.ones_like(true), true))


@pytest.mark.parametrize("metric", [map_mae, affine_invariant_error, spearman])
def test_masked_pixels_are_ignored_and_a_batch_equals_its_maps(metric):
    estimated, true, _ = maps()
    mask = np.zeros(true.shape, bool)
    mask[3:9, 2:11] = True
    holes = np.where(mask, true, np.nan)
    score = metric(estimated, holes, mask=mask)
    assert score == pytest.approx(metric(estimated[3:9, 2:11], true[3:9, 2:11]), rel=1e-12)
    batch = metric(np.stack([estimated, true[:, ::-1]]), np.stack([true, estimated]), mask=mask)
    assert batch.shape == (2,)
    assert batch[0] == score
    assert batch[1] == metric(true[:, ::-1], estimated, mask=mask)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((np.ones((3, 4)), np.ones((4, 3))), r"estimated map is \(3, 4\) and the true one \(4, 3\)"),
        ((np.ones(4), np.ones(4)), r"both must be the same \(..., H, W\)"),
        ((np.ones((3, 4)), np.ones((3, 4)), 3), "p = 1 or 2, not 3"),
        ((np.ones((3, 4)), np.ones((3, 4)), 1, np.ones((4, 3))), r"mask is \(4, 3\)"),
        ((np.ones((2, 3, 4)), np.ones((2, 3, 4)), 1, np.ones((5, 3, 4))), r"mask is \(5, 3, 4\)"),
        ((np.ones((3, 4)), np.ones((3, 4)), 1, np.zeros((3, 4))), "zero everywhere"),
        ((np.ones((3, 4)), np.ones((3, 4)), 1, -np.ones((3, 4))), "at least 0"),
    ],
)
def test_invalid_arguments_are_refused_with_one_sentence(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        affine_invariant_error(*arguments)


def test_tensors_return_tensors():
    import torch

    estimated, true = torch.rand(2, 5, 6, requires_grad=True), torch.rand(2, 5, 6)
    found = map_mae(estimated, true)
    assert isinstance(found, torch.Tensor)
    np.testing.assert_allclose(found.numpy(), np.abs(estimated.detach().numpy() - true.numpy()).mean((1, 2)), atol=1e-7)
