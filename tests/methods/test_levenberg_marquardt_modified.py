import numpy as np
import pytest
from scipy.signal import convolve2d

from refocal.methods.black_box import BlackBox
from refocal.methods.levenberg_marquardt_modified import LevenbergMarquardtModified, noise_to_signal
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.kernels import disk
from samples import asymmetric_kernel, natural, psnr


def test_the_noise_estimate_is_immerkaers():
    image = natural(2, 37, 29)
    mask = np.outer([1, -2, 1], [1, -2, 1])
    sums = [np.abs(convolve2d(channel, mask, mode="full")).sum() for channel in image]
    expected = (np.sqrt(np.pi / 2) * np.array(sums) / (6 * 27 * 35)) ** 2 / image.var(axis=(1, 2))
    np.testing.assert_allclose(noise_to_signal(image)[:, 0, 0], expected, rtol=1e-12)


def test_the_noise_estimate_agrees_with_the_added_noise():
    """The image has a mean near 0, so that its outline adds nothing."""
    noise = np.random.default_rng(0).normal(0, 0.02, (1, 400, 400))
    smooth = 0.2 * np.sin(np.arange(400) / 20) * np.ones((1, 400, 1))
    found = noise_to_signal(noise + smooth) * (noise + smooth).var()
    assert np.sqrt(found.item()) == pytest.approx(0.02, rel=0.03)


def test_one_iteration_agrees_with_the_formula():
    """X + conj(H) (Y - Fx) / (|H|^2 + a), H = Fx / X, for a function that has no kernel."""
    image = natural(1, 37, 30)

    def film(x):
        return np.abs(Psf(asymmetric_kernel(), "periodic").apply(x)) ** 1.3

    transfer = np.fft.fft2(film(image)) / np.fft.fft2(image)
    weight = 100 * noise_to_signal(image)
    change = transfer.conj() * np.fft.fft2(image - film(image)) / (np.abs(transfer) ** 2 + weight)
    expected = np.clip(image + np.fft.ifft2(change).real, 0, 1)
    restored = LevenbergMarquardtModified(1)(image, BlackBox(film, "periodic"))
    np.testing.assert_allclose(restored, expected, atol=1e-12)


@pytest.mark.parametrize("num_iter", [1, 3, 100])
@pytest.mark.parametrize("given", [None, 1e-5, 0.02])
def test_the_closed_form_for_a_kernel_agrees_with_the_iterations(num_iter, given):
    psf = Psf(asymmetric_kernel(), "periodic")
    image = psf.apply(natural(2, 37, 29)) + np.random.default_rng(0).normal(0, 0.003, (2, 37, 29))
    method = LevenbergMarquardtModified(num_iter, noise_to_signal=given)
    iterated = method(image, BlackBox(psf.apply, "periodic"))
    np.testing.assert_allclose(method(image, psf), iterated, atol=1e-8)


@pytest.mark.parametrize("size", [(97, 131), (96, 128)])
def test_images_that_are_not_periodic_are_made_periodic(size):
    """Given the function alone, the result is near that of the kernel; treated as periodic, it would not be."""
    sharp, psf = natural(1, *size), Psf(disk(2.0))
    image = psf.apply(sharp)
    blurred, known = psnr(image, sharp), psnr(LevenbergMarquardtModified()(image, psf), sharp)
    function_alone, as_periodic = (
        psnr(LevenbergMarquardtModified()(image, BlackBox(psf.apply, boundary)), sharp)
        for boundary in ("mirror", "periodic")
    )
    assert known > blurred + 6
    assert function_alone > blurred + 4
    assert function_alone > as_periodic + 2


def test_a_map_is_restored_level_by_level():
    """The iteration itself, with one transfer function for all pixels, would lower the score."""
    blur = BlurMap(np.linspace(0, 3, 131) * np.ones((97, 1)))
    sharp = natural(1, 97, 131)
    image = blur.apply(sharp)
    assert psnr(LevenbergMarquardtModified()(image, blur), sharp) > psnr(image, sharp) + 2


def test_less_noise_allows_more_restoration():
    sharp, psf = natural(1, 64, 64), Psf(disk(2.0), "periodic")
    image = psf.apply(sharp)
    scores = [psnr(LevenbergMarquardtModified(noise_to_signal=n)(image, psf), sharp) for n in (1e-2, 1e-4, 1e-6)]
    assert scores[0] + 3 < scores[1] < scores[2] - 3
    same = LevenbergMarquardtModified(damping=1.0, noise_to_signal=1e-2)(image, psf)
    np.testing.assert_array_equal(same, LevenbergMarquardtModified(noise_to_signal=1e-4)(image, psf))


def test_the_context_depends_on_the_given_noise():
    rows = np.arange(600)
    image = 0.5 + 0.4 * np.sign(np.sin(rows**1.5 / 40)) * np.ones((1, 40, 1))
    psf = Psf(disk(3.0))
    image = psf.apply(image)
    method = LevenbergMarquardtModified(noise_to_signal=1e-3)
    context = method.tiling(psf.half_px).context_px
    assert 50 < context < 200
    part = slice(300 - context, 300 + context + 20)
    tile = method(image[..., part], psf)[..., context:-context]
    assert np.abs(tile - method(image, psf)[..., 300:320]).max() < 1e-3
    assert LevenbergMarquardtModified().tiling(psf.half_px).context_px == 528
    assert LevenbergMarquardtModified().tiling(0).context_px == 16


@pytest.mark.parametrize("options", [{"damping": 0.0}, {"noise_to_signal": 0.0}, {"noise_to_signal": np.nan}])
def test_invalid_options_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        LevenbergMarquardtModified(**options)
