import numpy as np
import pytest

from refocal.methods.black_box import BlackBox
from refocal.methods.richardson_lucy import RichardsonLucy
from refocal.methods.richardson_lucy_modified import RichardsonLucyModified
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.kernels import disk
from samples import asymmetric_kernel, natural, psnr


@pytest.mark.parametrize("known", [True, False])
def test_it_divides_by_one_ratio_and_multiplies_by_the_other(known):
    """Against the formula, with Fourier transforms for F and its adjoint."""
    kernel = asymmetric_kernel()
    image = Psf(kernel, "periodic").apply(0.2 + 0.6 * natural(1, 37, 29))
    padded = np.zeros((37, 29))
    padded[:5, :7] = kernel
    transfer = np.fft.fft2(np.roll(padded, (-2, -3), (0, 1)))

    def through(x, transfer):
        return np.fft.ifft2(np.fft.fft2(x) * transfer).real

    x = image
    for _ in range(25):
        x = x / through(through(x, transfer) / image, transfer.conj())
        x = x * through(image / through(x, transfer), transfer.conj())
    psf = Psf(kernel, "periodic")
    restored = RichardsonLucyModified(25)(image, psf if known else BlackBox(psf.apply))
    np.testing.assert_allclose(restored, np.clip(x, 0, 1), atol=1e-11)


def test_one_iteration_equals_about_two_of_richardson_and_lucy():
    sharp, psf = natural(1, 64, 64), Psf(disk(2.0), "periodic")
    image = psf.apply(sharp)
    halves = psnr(RichardsonLucyModified(60)(image, psf), sharp)
    assert halves == pytest.approx(psnr(RichardsonLucy(120)(image, psf), sharp), abs=0.25)
    assert halves > psnr(RichardsonLucy(60)(image, psf), sharp) + 0.5


def test_no_iterate_is_negative_and_black_is_preserved():
    """Up to rounding errors of the Fourier transform that applies the larger kernel."""
    sharp = np.maximum(natural(1, 41, 53) - 0.3, 0)
    sharp[:, :20, :20] = 0
    for kernel in (np.full((3, 3), 1 / 9), disk(4.0)):
        psf, x = Psf(kernel), []

        def watched(image, psf=psf, x=x):
            x.append(image)
            return psf.apply(image)

        image = np.clip(psf.apply(sharp), 0, 1)
        restored = RichardsonLucyModified(40)(image, BlackBox(watched))
        assert min(each.min() for each in x[::2]) >= -1e-12  # every second argument of F is an x
        assert restored[:, :10, :10].max() < 1e-6
        assert psnr(restored, sharp) > psnr(image, sharp) + 1


def test_noise_around_black_does_not_become_specks():
    sharp = np.maximum(natural(1, 96, 96) - 0.4, 0)
    blur = BlurMap(np.linspace(0, 2, 96) * np.ones((96, 1)))
    noisy = np.clip(blur.apply(sharp) + np.random.default_rng(1).normal(0, 0.01, (1, 96, 96)), 0, 1)
    by_floor, by_epsilon = (psnr(RichardsonLucyModified(15, floor)(noisy, blur), sharp) for floor in (1e-3, 1e-16))
    assert by_floor > by_epsilon + 1


def test_noise_is_amplified_after_the_first_iterations():
    sharp, psf = natural(1, 96, 96), Psf(disk(2.0))
    noisy = np.clip(psf.apply(sharp) + np.random.default_rng(1).normal(0, 0.01, (1, 96, 96)), 0, 1)
    gains = [psnr(RichardsonLucyModified(n)(noisy, psf), sharp) - psnr(noisy, sharp) for n in (15, 250)]
    assert gains[0] > 1.5 > 0 > gains[1]


def test_an_invalid_floor_is_refused():
    for floor in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="floor"):
            RichardsonLucyModified(floor=floor)
