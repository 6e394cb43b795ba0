import numpy as np
import pytest
import scipy.signal
import torch

from refocal.optics.convolution import DIRECT_TAPS, convolve_valid, correlate_full

# On both sides of the change from shifted sums to FFT, odd, even and one-sided
KERNELS = [(1, 1), (1, 7), (5, 1), (3, 5), (4, 6), (5, 5), (5, 7), (2, 13), (27, 3), (9, 8)]


def _pair(kernel_shape, dtype=np.float64):
    rng = np.random.default_rng(kernel_shape)
    height, width = 17 + kernel_shape[0] - 1, 22 + kernel_shape[1] - 1
    return rng.random((2, 3, height, width)).astype(dtype), rng.random(kernel_shape).astype(dtype)


def test_kernels_cover_direct_summation_and_fft():
    taps = [rows * columns for rows, columns in KERNELS]
    assert DIRECT_TAPS in taps
    assert min(count for count in taps if count > DIRECT_TAPS) == DIRECT_TAPS + 1


@pytest.mark.parametrize("kernel_shape", KERNELS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_convolve_valid_equals_scipy(kernel_shape, dtype, tolerance):
    padded, kernel = _pair(kernel_shape, dtype)
    oracle = scipy.signal.convolve(padded.astype(np.float64), kernel[None, None].astype(np.float64), mode="valid")
    for given in (kernel, kernel.astype(np.float64), torch.from_numpy(kernel)):
        result = convolve_valid(padded, given)
        assert result.dtype == dtype
        np.testing.assert_allclose(result, oracle, atol=tolerance * kernel.size)
    tensor = convolve_valid(torch.from_numpy(padded), kernel)
    assert tensor.dtype == torch.from_numpy(padded).dtype
    np.testing.assert_allclose(tensor.numpy(), oracle, atol=tolerance * kernel.size)


@pytest.mark.parametrize("kernel_shape", KERNELS)
def test_correlate_full_equals_scipy_and_is_the_adjoint(kernel_shape):
    padded, kernel = _pair(kernel_shape)
    image = np.random.default_rng(3).random((2, 3, 17, 22))
    full = correlate_full(image, kernel)
    np.testing.assert_allclose(full, scipy.signal.convolve(image, kernel[None, None, ::-1, ::-1]), atol=1e-11)
    np.testing.assert_allclose(correlate_full(torch.from_numpy(image), kernel).numpy(), full, atol=1e-11)
    assert (convolve_valid(padded, kernel) * image).sum() == pytest.approx((padded * full).sum(), rel=1e-12)


def test_cached_spectra_depend_on_the_kernels_values():
    """A kernel changed in place, another of the same size, and another dtype each get their own spectrum."""
    padded, kernel = _pair((5, 7))
    convolve_valid(padded, kernel)
    kernel[0, 0] += 1
    for taps in (kernel, kernel[::-1], np.asfortranarray(kernel)):
        oracle = scipy.signal.convolve(padded, taps[None, None], mode="valid")
        np.testing.assert_allclose(convolve_valid(padded, taps), oracle, atol=1e-11)
    assert convolve_valid(padded.astype(np.float32), kernel).dtype == np.float32
