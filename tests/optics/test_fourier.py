import numpy as np
import pytest
import torch

from refocal.optics.fourier import irfft2, kernel_spectrum, rfft2, rfft2_small, slope_energy


def _rolled(kernel, shape):
    """Kernel centred on pixel (0, 0) of a periodic image, tap by tap."""
    image = np.zeros(shape)
    for (i, j), tap in np.ndenumerate(kernel):
        image[(i - kernel.shape[0] // 2) % shape[0], (j - kernel.shape[1] // 2) % shape[1]] += tap
    return image


@pytest.mark.parametrize("shape", [(12, 16), (13, 15), (12, 15), (3, 4), (2, 1), (1, 1)])
@pytest.mark.parametrize("kernel_shape", [(1, 1), (5, 7), (3, 9), (4, 6)])
def test_kernel_spectrum_is_the_transform_of_the_rolled_kernel(shape, kernel_shape):
    kernel = np.random.default_rng(0).random(kernel_shape)
    oracle = np.fft.rfft2(_rolled(kernel, shape))
    np.testing.assert_allclose(kernel_spectrum(kernel, np.zeros(shape), shape), oracle, atol=1e-12)
    np.testing.assert_allclose(
        kernel_spectrum(kernel, torch.zeros(shape, dtype=torch.float64), shape), oracle, atol=1e-12
    )
    single = kernel_spectrum(kernel, np.zeros(shape, np.float32), shape)
    assert single.dtype == np.complex64
    np.testing.assert_allclose(single, oracle, atol=1e-4)


@pytest.mark.parametrize("shape", [(12, 16), (13, 15), (2, 1), (1, 1)])
def test_slope_energy_is_the_power_spectrum_of_first_differences(shape):
    down, right = np.zeros(shape), np.zeros(shape)
    for image, axis in ((down, 0), (right, 1)):
        image[0, 0] += 1
        image[np.eye(2, dtype=int)[axis][0] % shape[0], np.eye(2, dtype=int)[axis][1] % shape[1]] -= 1
    oracle = np.abs(np.fft.rfft2(down)) ** 2 + np.abs(np.fft.rfft2(right)) ** 2
    np.testing.assert_allclose(slope_energy(np.zeros(shape), shape), oracle, atol=1e-12)
    np.testing.assert_allclose(slope_energy(torch.zeros(shape, dtype=torch.float64), shape), oracle, atol=1e-12)


@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_transforms_equal_numpy_and_are_inverted(convert, dtype):
    image = np.random.default_rng(1).random((2, 3, 9, 11)).astype(dtype)
    oracle = np.fft.rfft2(image.astype(np.float64), s=(12, 14))
    tolerance = 1e-4 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(rfft2(convert(image), (12, 14)), oracle, atol=tolerance)
    np.testing.assert_allclose(rfft2_small(convert(image), (12, 14)), oracle, atol=tolerance)
    back = irfft2(rfft2(convert(image), (9, 11)), (9, 11))
    assert back.dtype == convert(image).dtype
    np.testing.assert_allclose(back, image, atol=tolerance)
