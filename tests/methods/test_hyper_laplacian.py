import numpy as np
import pytest
import torch

from refocal.methods.hyper_laplacian import STEP, HyperLaplacian, _exact_table, _shrink, _shrink_table
from refocal.optics.blur import Psf
from refocal.optics.kernels import disk
from samples import asymmetric_kernel, kodim19_crop, natural, psnr

EXPONENTS = [0.5, 2 / 3, 0.8, 1, 1.5, 1.9]
BETAS = [1.0, 2.8284271, 22.627417, 181.01934]


def _objective(w, slope, beta, exponent):
    return np.abs(w) ** exponent + beta / 2 * (w - slope) ** 2


@pytest.mark.parametrize("exponent", EXPONENTS)
@pytest.mark.parametrize("beta", BETAS)
def test_the_table_contains_the_minima_over_a_fine_grid(beta, exponent):
    """No w on a grid of 1e-5 is better; w lies between 0 and the slope."""
    slopes = np.arange(8193) * STEP
    table = _exact_table(beta, exponent)
    for index in np.random.default_rng(0).integers(0, slopes.size, 40).tolist() + [0, 1, 8, 8192]:
        slope, w = slopes[index], table[index]
        grid = np.arange(0, abs(slope) + 1e-5, 1e-5) * np.sign(slope)
        best = _objective(grid, slope, beta, exponent).min()
        assert _objective(w, slope, beta, exponent) <= best + 1e-9
        assert abs(w) <= abs(slope) + 1e-12
        assert w * slope >= 0


@pytest.mark.parametrize("beta", BETAS)
def test_two_thirds_is_the_root_of_the_quartic(beta):
    """w^4 - 3 v w^3 + 3 v^2 w^2 - v^3 w + 8 / (27 beta^3), its real root between v/2 and v, else 0."""
    table = _exact_table(beta, 2 / 3)
    for index in range(1, 8193, 97):
        v = index * STEP
        roots = np.roots([1, -3 * v, 3 * v**2, -(v**3), 8 / (27 * beta**3)])
        real = roots.real[np.abs(roots.imag) < 1e-6 * v]
        fitting = real[(real > v / 2) & (real < v)]
        assert table[index] == pytest.approx(max(fitting, default=0.0), abs=1e-6)


@pytest.mark.parametrize("beta", BETAS)
def test_one_half_is_the_root_of_the_cubic(beta):
    """w^3 - 2 v w^2 + v^2 w - 1 / (4 beta^2), its real root between 2/3 v and v, else 0."""
    table = _exact_table(beta, 0.5)
    for index in range(1, 8193, 97):
        v = index * STEP
        roots = np.roots([1, -2 * v, v**2, -1 / (4 * beta**2)])
        real = roots.real[np.abs(roots.imag) < 1e-6 * v]
        fitting = real[(real > 2 * v / 3) & (real < v)]
        assert table[index] == pytest.approx(max(fitting, default=0.0), abs=1e-6)


@pytest.mark.parametrize("exponent", EXPONENTS)
@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy])
def test_interpolation_is_exact_away_from_the_threshold(exponent, convert):
    """Against bisection; slopes next to the jump of exponents below 1 are excluded."""
    slopes = np.random.default_rng(1).uniform(-1.99, 1.99, (3, 50, 40))
    beta = 8.0
    found = np.asarray(_shrink(convert(slopes), beta, exponent))
    # The derivative increases above its minimum: bisection between there and the slope.
    minimum = (exponent * (1 - exponent) / beta) ** (1 / (2 - exponent)) if exponent < 1 else 0.0
    low, high = np.full_like(slopes, minimum), np.maximum(np.abs(slopes), minimum)
    for _ in range(60):
        w = np.maximum((low + high) / 2, 1e-12)
        increasing = exponent * w ** (exponent - 1) + beta * (w - np.abs(slopes)) > 0
        low, high = np.where(increasing, low, w), np.where(increasing, w, high)
    w = np.where(_objective(w, np.abs(slopes), beta, exponent) < beta / 2 * slopes**2, w, 0) * np.sign(slopes)
    threshold = STEP * (np.argmax(_exact_table(beta, exponent) > 0) if exponent < 1 else 0)
    away = np.abs(np.abs(slopes) - threshold) > 2 * STEP
    np.testing.assert_allclose(found[away], w[away], atol=2e-5)


@pytest.mark.parametrize("exponent", EXPONENTS)
@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("softening", [0.0, 0.1, 0.3])
def test_the_jump_is_softened_and_everything_else_exact(beta, exponent, softening):
    table, exact = _shrink_table(beta, exponent, softening), _exact_table(beta, exponent)
    np.testing.assert_allclose(table, -table[::-1], atol=0)
    threshold = np.argmax(exact > 0)
    away = np.abs(np.arange(8193) - threshold) > softening * threshold + 1
    np.testing.assert_array_equal(table[8192:][away], exact[away])
    steepest = np.diff(table).max() / STEP
    assert np.diff(table).min() >= 0
    if softening and threshold < 6000:  # else the table ends in the jump
        assert steepest < 0.5 / softening + 1.6


def test_slopes_beyond_the_table_take_its_end():
    ends = _shrink_table(4.0, 2 / 3, 0.0)[[0, -1]]
    np.testing.assert_allclose(_shrink(np.array([-5.0, 5.0]), 4.0, 2 / 3), ends, atol=1e-3)


def test_every_step_in_x_solves_its_normal_equations():
    """One beta only: (K^T K + beta/weight D^T D) x = K^T y + beta/weight D^T w, w from the blurred image itself."""
    psf, weight = Psf(asymmetric_kernel(), "periodic"), 300.0
    y = psf.apply(0.25 + 0.5 * natural(1, 31, 36))
    betas = [2 ** (1.5 * k) for k in range(6)]
    x = y
    for beta in betas:
        prior = np.zeros_like(x)
        for axis in (-2, -1):
            w = _shrink(np.roll(x, -1, axis) - x, beta, 2 / 3, 0.1)
            prior += np.roll(w, 1, axis) - w
        x_next = _solved(psf, y, prior, beta / weight)
        slopes_back = sum(2 * x_next - np.roll(x_next, 1, a) - np.roll(x_next, -1, a) for a in (-2, -1))
        residual = psf.adjoint(psf.apply(x_next) - y) + beta / weight * (slopes_back - prior)
        np.testing.assert_allclose(residual, 0, atol=1e-9)
        x = x_next
    assert x.min() > 0
    assert x.max() < 1
    np.testing.assert_allclose(HyperLaplacian(weight)(y, psf), x, atol=1e-7)


def _solved(psf, y, prior, coupling):
    """The x-step by conjugate gradients on ``Psf``, without a closed form in Fourier space."""
    from scipy.sparse.linalg import LinearOperator, cg

    def normal(flat):
        x = flat.reshape(y.shape)
        slopes_back = sum(2 * x - np.roll(x, 1, a) - np.roll(x, -1, a) for a in (-2, -1))
        return (psf.adjoint(psf.apply(x)) + coupling * slopes_back).ravel()

    right = (psf.adjoint(y) + coupling * prior).ravel()
    x, failed = cg(LinearOperator((y.size, y.size), matvec=normal, dtype=y.dtype), right, rtol=1e-12, maxiter=3000)
    assert not failed
    return x.reshape(y.shape)


@pytest.mark.parametrize(
    ("exponent", "weight", "expected"),
    [
        (2 / 3, 500, 25.30),
        (2 / 3, 2000, 27.44),
        (2 / 3, 8000, 29.85),
        (1, 2000, 28.71),
        (1.5, 16.8, 24.52),
        (1.5, 420, 27.68),
    ],
)
def test_the_golden_values(shared, exponent, weight, expected):
    """With the exact jump at the threshold; softening adds less than 0.04 dB."""
    sharp, psf = kodim19_crop(shared), Psf(disk(3.0), "periodic")
    exact, softened = (
        psnr(HyperLaplacian(weight, exponent, softening)(psf.apply(sharp), psf), sharp) for softening in (0.0, 0.1)
    )
    assert exact == pytest.approx(expected, abs=0.015)
    assert exact - 1e-9 <= softened < exact + 0.04


def test_a_sparse_prior_keeps_edges_better_than_a_quadratic_one():
    sharp = np.kron(np.random.default_rng(0).random((1, 8, 8)), np.ones((12, 12)))
    psf = Psf(disk(2.0))
    image = psf.apply(sharp) + np.random.default_rng(1).normal(0, 0.01, sharp.shape)
    sparse = max(psnr(HyperLaplacian(weight)(image, psf), sharp) for weight in (500, 2000))
    smooth = max(psnr(HyperLaplacian(weight, 1.9)(image, psf), sharp) for weight in (20, 100, 500, 2000))
    assert sparse > smooth + 2


def test_the_weight_suppresses_noise():
    sharp, psf = natural(1, 96, 96), Psf(disk(2.0))
    image = psf.apply(sharp) + np.random.default_rng(0).normal(0, 0.02, sharp.shape)
    scores = [psnr(HyperLaplacian(weight)(image, psf), sharp) for weight in (30, 800, 1e6)]
    assert scores[1] > max(scores[0], scores[2]) + 1


@pytest.mark.parametrize(
    "options",
    [{"weight": 0.0}, {"weight": -1.0}, {"weight": np.nan}, {"exponent": 0.0}, {"exponent": 2.0}, {"exponent": -1.0}],
)
def test_invalid_options_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        HyperLaplacian(**options)
