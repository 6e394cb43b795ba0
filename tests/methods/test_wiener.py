import numpy as np
import pytest
import torch

from refocal.methods.wiener import Wiener
from refocal.optics.blur import Psf
from refocal.optics.kernels import disk
from samples import asymmetric_kernel, natural, psnr


def _slopes_back(x):
    """D^T D x of periodic first differences."""
    return sum(2 * x - np.roll(x, 1, axis) - np.roll(x, -1, axis) for axis in (-2, -1))


@pytest.mark.parametrize("kernel", [asymmetric_kernel(), disk(3.3)])
@pytest.mark.parametrize("size", [(40, 50), (37, 29), (4, 5)])
def test_the_objectives_gradient_is_zero(kernel, size):
    """K^T (K x - y) + noise_to_signal D^T D x = 0; the image is chosen so that the solution is not clipped."""
    psf, method = Psf(kernel, "periodic"), Wiener(0.02)
    y = 0.5 + 0.02 * np.random.default_rng(0).normal(size=(2, *size))
    x = method(y, psf)
    assert x.min() > 0
    assert x.max() < 1
    gradient = psf.adjoint(psf.apply(x) - y) + 0.02 * _slopes_back(x)
    np.testing.assert_allclose(gradient, 0, atol=1e-12)


@pytest.mark.parametrize("boundary", ["mirror", "replicate", "periodic"])
def test_an_asymmetric_kernel_is_inverted(boundary):
    sharp, psf = natural(1, 96, 97), Psf(asymmetric_kernel(), boundary)
    image, flipped = psf.apply(sharp), Psf(psf.kernel[::-1, ::-1], boundary)
    inside = (..., slice(16, -16), slice(16, -16))
    assert psnr(Wiener(1e-4)(image, psf)[inside], sharp[inside]) > 33
    assert psnr(Wiener(1e-4)(image, flipped)[inside], sharp[inside]) < 22


def test_brightness_is_kept():
    sharp, psf = natural(3, 50, 60), Psf(disk(2.0), "periodic")
    image = 0.25 + 0.5 * psf.apply(sharp)
    restored = Wiener(0.01)(image, psf)
    assert restored.min() > 0
    np.testing.assert_allclose(restored.mean((1, 2)), image.mean((1, 2)), atol=1e-12)


def test_the_noise_to_signal_ratio_suppresses_noise():
    sharp, psf = natural(1, 96, 96), Psf(disk(2.0))
    image = psf.apply(sharp) + np.random.default_rng(0).normal(0, 0.02, sharp.shape)
    scores = [psnr(Wiener(noise_to_signal)(image, psf), sharp) for noise_to_signal in (1e-5, 0.02, 10.0)]
    assert scores[1] > scores[0] + 3
    assert scores[1] > scores[2] + 1


def test_gradients_flow_to_the_image_and_the_kernel():
    image = torch.from_numpy(0.5 + 0.01 * np.random.default_rng(0).random((1, 6, 5))).requires_grad_()
    kernel = torch.from_numpy(asymmetric_kernel()[1:4, 2:5].copy()).requires_grad_()
    assert torch.autograd.gradcheck(lambda y, k: Wiener(0.1)(y, Psf(k)), (image, kernel / kernel.sum()), fast_mode=True)


def test_the_context_grows_with_the_kernel_and_with_less_noise():
    assert Wiener(0.001).tiling(4).context_px > Wiener(0.01).tiling(4).context_px > Wiener(0.01).tiling(2).context_px


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_invalid_options_are_refused(value):
    with pytest.raises(ValueError, match="noise_to_signal"):
        Wiener(value)
