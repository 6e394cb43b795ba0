import numpy as np
import pytest
import skimage.restoration

from refocal.methods.richardson_lucy import RichardsonLucy
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.kernels import disk
from samples import asymmetric_kernel, kodim19_crop, natural, psnr

RADII = np.linspace(0, 3, 53) * np.ones((41, 1))
BLURS = [
    Psf(asymmetric_kernel()),
    Psf(disk(2.5), "periodic"),
    BlurMap(RADII),
    BlurMap(RADII, "gaussian", boundary="zero"),
]


def _observed(blur, light=500):
    """The blurred image under Poisson noise of at most ``light`` photons per pixel."""
    expected = np.maximum(blur.apply(natural(1, 41, 53)), 0)
    return np.minimum(np.random.default_rng(0).poisson(expected * light) / light, 1)


@pytest.mark.parametrize("blur", BLURS)
def test_the_likelihood_rises_with_every_iteration(blur):
    """sum y log(Hx) - Hx, the logarithm of Poisson's probability."""
    y = 0.1 + 0.5 * _observed(blur)  # away from 1, where the result is clipped
    likelihood = []
    for num_iter in range(1, 12):
        predicted = blur.apply(RichardsonLucy(num_iter)(y, blur))
        likelihood.append((y * np.log(predicted) - predicted).sum())
    assert np.all(np.diff(likelihood) > 0)


def test_under_a_periodic_boundary_every_step_keeps_the_light():
    psf = Psf(asymmetric_kernel(), "periodic")
    y = 0.2 + 0.4 * _observed(psf)
    for num_iter in (1, 2, 15):
        assert RichardsonLucy(num_iter)(y, psf).sum() == pytest.approx(y.sum(), rel=1e-12)


def test_the_residual_of_noiseless_data_converges_to_zero():
    """For y = H x the residual y - H x_n decreases."""
    blur = BlurMap(RADII)
    y = blur.apply(0.2 + 0.6 * natural(1, 41, 53))
    residuals = [np.abs(blur.apply(RichardsonLucy(n)(y, blur)) - y).max() for n in (3, 30, 200)]
    assert residuals[0] > 2 * residuals[1] > 4 * residuals[2]


@pytest.mark.parametrize("num_iter", [1, 5, 20])
def test_away_from_the_edge_it_agrees_with_scikit_image(num_iter):
    """Its boundary is zero, which affects two more half-widths in each iteration."""
    kernel = asymmetric_kernel()
    y = Psf(kernel).apply(0.1 + 0.6 * natural(1, 120, 130))
    oracle = skimage.restoration.richardson_lucy(y[0], kernel, num_iter=num_iter)
    restored = RichardsonLucy(num_iter)(y, Psf(kernel))
    inside = slice(45, -45)
    np.testing.assert_allclose(
        restored[0, inside, inside], oracle[inside, inside], atol=1e-9 if num_iter <= 5 else 2e-4
    )


def test_a_zero_boundary_differs_from_scikit_image_by_the_normalisation():
    """One step from a flat x: the division by H^T 1 is the only difference."""
    psf = Psf(asymmetric_kernel(), "zero")
    y = 0.5 * psf.apply(natural(1, 41, 53))
    oracle = skimage.restoration.richardson_lucy(y[0], psf.kernel, num_iter=1)
    light = psf.adjoint(np.ones((1, 41, 53)))
    np.testing.assert_allclose(RichardsonLucy(1)(y, psf), np.clip(oracle / light, 0, 1), atol=1e-9)


def test_the_golden_values(shared):
    sharp, psf = kodim19_crop(shared), Psf(disk(3.0), "periodic")
    blurred = psf.apply(sharp)
    assert psnr(blurred, sharp) == pytest.approx(24.02, abs=0.01)
    for num_iter, expected in ((10, 25.35), (30, 26.62), (100, 29.00)):
        assert psnr(RichardsonLucy(num_iter)(blurred, psf), sharp) == pytest.approx(expected, abs=0.02)


def test_black_next_to_white_is_preserved():
    image = np.zeros((1, 30, 30), np.float32)
    image[:, 10:20, 10:20] = 1
    psf = Psf(disk(2.0))
    restored = RichardsonLucy(30)(psf.apply(image), psf)
    assert np.isfinite(restored).all()
    assert restored[:, :5].max() < 1e-3


@pytest.mark.parametrize(
    "options", [{"num_iter": 0}, {"num_iter": -3}, {"floor": 0.0}, {"floor": -1.0}, {"floor": np.nan}]
)
def test_invalid_options_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        RichardsonLucy(**options)


@pytest.mark.parametrize("boundary", ["mirror", "zero"])
def test_a_map_is_used_as_one_operator(boundary):
    """Two steps against the formula with the map's own matrix H, its transpose and its column sums H^T 1."""
    shape = (11, 13)
    blur = BlurMap(np.linspace(0, 2, 13) * np.ones((11, 1)), boundary=boundary)
    matrix = blur.apply(np.eye(143).reshape(143, 1, *shape)).reshape(143, 143).T
    y = 0.6 * (matrix @ natural(1, *shape).ravel())
    x = np.full(143, 0.5)
    for _ in range(2):
        x = x / matrix.sum(0) * (matrix.T @ (y / (matrix @ x)))
    assert np.abs(matrix.sum(0) - 1).max() > 0.05  # a map's columns don't sum to 1: the normalisation matters
    np.testing.assert_allclose(RichardsonLucy(2)(y.reshape(1, *shape), blur).ravel(), np.clip(x, 0, 1), atol=1e-9)


def test_a_map_inverted_whole_scores_above_blended_levels(shared):
    sharp = kodim19_crop(shared)
    blur = BlurMap(np.linspace(0, 4, 128) * np.ones((128, 1)))
    y = blur.apply(sharp)
    composed = np.zeros_like(y)
    for kernel, weight, rows, columns in blur.levels(y):
        restored = y if kernel.shape == (1, 1) else RichardsonLucy()(y, Psf(kernel))
        composed[..., rows, columns] += weight * restored[..., rows, columns]
    whole = psnr(RichardsonLucy()(y, blur), sharp)
    assert whole > psnr(composed, sharp) + 0.08  # by 0.13 dB
    assert whole > psnr(y, sharp) + 2
