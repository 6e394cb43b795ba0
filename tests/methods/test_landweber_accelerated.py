import numpy as np
import pytest

from refocal.methods.black_box import BlackBox
from refocal.methods.landweber_accelerated import LandweberAccelerated
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.kernels import disk
from samples import asymmetric_kernel, natural, psnr


def _landweber(image, apply, adjoint, num_iter):
    x = image
    for _ in range(num_iter):
        x = x + adjoint(image - apply(x))
    return x


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("boundary", ["periodic", "zero"])
def test_the_result_is_landwebers_without_an_adjoint(boundary, known):
    psf = Psf(asymmetric_kernel(), boundary)
    image = psf.apply(0.3 + 0.3 * natural(2, 37, 29))  # away from 0 and 1, where the result is clipped
    expected = _landweber(image, psf.apply, psf.adjoint, 40)
    restored = LandweberAccelerated(40)(image, psf if known else BlackBox(psf.apply))
    np.testing.assert_allclose(restored, np.clip(expected, 0, 1), atol=1e-12)


def test_under_a_varying_map_the_residual_is_gathered_with_each_pixels_disk():
    """Not the adjoint, which scatters with it: x += H (y - H x)."""
    blur = BlurMap(np.linspace(0, 4, 53) * np.ones((41, 1)))
    image = blur.apply(0.3 + 0.3 * natural(1, 41, 53))
    restored = LandweberAccelerated(30)(image, blur)
    np.testing.assert_allclose(restored, _landweber(image, blur.apply, blur.apply, 30), atol=1e-12)


def test_under_a_varying_map_it_does_as_well_as_with_the_adjoint():
    blur = BlurMap(np.linspace(0, 4, 103) * np.ones((81, 1)))
    sharp = natural(1, 81, 103)
    image = blur.apply(sharp)
    with_adjoint = np.clip(_landweber(image, blur.apply, blur.adjoint, 250), 0, 1)
    restored = LandweberAccelerated()(image, blur)
    assert psnr(restored, sharp) > psnr(image, sharp) + 3
    assert psnr(restored, sharp) > psnr(with_adjoint, sharp) - 0.3


def test_the_step_shrinks_with_the_decay():
    """Under F(x) = x / 2 pixels are independent: x <- x + n^-p (y - x / 2) / 2."""
    image = np.array([[[0.1, 0.3, 0.45]]])
    for decay in (0.0, 0.5, 2.0):
        x = image
        for n in range(1, 8):
            x = x + n**-decay * (image - x / 2) / 2
        restored = LandweberAccelerated(7, step_decay=decay)(image, BlackBox(lambda x: x / 2))
        np.testing.assert_allclose(restored, x, atol=1e-12)


def test_a_nonlinear_function_is_linearised_by_its_derivative():
    """(F(x + r) - F(x - r)) / 2 of F(x) = x^2 is 2 x r: with the half turns, x <- x + 2 rot(x) (y - x^2)."""
    image = np.random.default_rng(0).uniform(0.3, 0.6, (1, 5, 8))
    x = image
    for _ in range(3):
        x = x + 2 * x[:, ::-1, ::-1] * (image - x**2)
    np.testing.assert_allclose(LandweberAccelerated(3)(image, BlackBox(np.square)), x, atol=1e-12)


def test_noise_is_amplified_after_the_first_iterations():
    sharp, psf = natural(1, 96, 96), Psf(disk(2.0))
    noisy = psf.apply(sharp) + np.random.default_rng(1).normal(0, 0.01, (1, 96, 96))
    gains = [psnr(LandweberAccelerated(n)(noisy, psf), sharp) - psnr(noisy, sharp) for n in (30, 250)]
    assert gains[0] > 1.5 > 0 > gains[1]


def test_an_invalid_decay_is_refused():
    for decay in (-0.5, np.nan, np.inf):
        with pytest.raises(ValueError, match="step_decay"):
            LandweberAccelerated(step_decay=decay)
