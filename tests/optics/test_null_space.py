import numpy as np
import pytest
from scipy.fft import next_fast_len

from refocal.optics.blur import Psf
from refocal.optics.kernels import disk
from refocal.optics.null_space import deconvolve, filter_pixels, project
from samples import asymmetric_kernel

EPSILON = 1e-2


KERNELS = [asymmetric_kernel(), np.full((5, 5), 1 / 25), disk(40.0)]


def faded(image, kernel):
    """Image minus its mean, padded and faded; the mean; and the width of the margin."""
    margin = max(64, kernel.shape[0] // 2 * 2)
    mean = image.mean((-2, -1), keepdims=True)
    grown = np.pad(image - mean, ((0, 0), (margin, margin), (margin, margin)), "edge")
    for axis in (1, 2):
        distance = np.minimum(np.arange(grown.shape[axis]), np.arange(grown.shape[axis])[::-1])
        shape = [1, 1, 1]
        shape[axis] = -1
        grown *= np.minimum(distance / margin, 1).reshape(shape)
    return grown, mean, margin


def filtered(grown, kernel, gain):
    """Filter with ``gain`` of H by full complex transforms."""
    height, width = grown.shape[-2:]
    shape = next_fast_len(height, real=True), next_fast_len(width, real=True)
    psf = np.zeros(shape)
    psf[: kernel.shape[0], : kernel.shape[1]] = kernel
    transfer = np.fft.fft2(np.roll(psf, (-(kernel.shape[0] // 2), -(kernel.shape[1] // 2)), (0, 1)))
    return np.fft.ifft2(np.fft.fft2(grown, shape) * gain(transfer)).real[:, :height, :width]


def by_the_book(image, kernel, gain):
    grown, mean, margin = faded(image, kernel)
    return mean + filtered(grown, kernel, gain)[:, margin:-margin, margin:-margin]


def wiener(transfer):
    return transfer.conj() / (abs(transfer) ** 2 + EPSILON)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", [(40, 51), (1, 1)])
def test_deconvolve_and_project_follow_the_formulas(kernel, size):
    y, f = np.random.default_rng(1).random((2, 2, *size))
    inverse = by_the_book(y, kernel, wiener)
    known = by_the_book(f, kernel, lambda transfer: transfer * wiener(transfer))
    np.testing.assert_allclose(deconvolve(y, kernel), inverse, atol=1e-12)
    np.testing.assert_allclose(project(f, inverse, kernel), f - known + inverse, atol=1e-12)


def test_an_estimate_consistent_with_the_blurred_image_is_unchanged():
    """Exact on a background of the mean brightness, where the edges of the image have no influence."""
    texture = np.random.default_rng(0).random((25, 30))
    sharp = np.full((1, 60, 71), 0.3)
    sharp[:, 20:45, 20:50] += texture - texture.mean()
    y = Psf(asymmetric_kernel()).apply(sharp)
    np.testing.assert_allclose(
        project(sharp, deconvolve(y, asymmetric_kernel()), asymmetric_kernel()), sharp, atol=1e-12
    )


def test_the_influence_of_edges_is_bounded_by_the_inverse():
    """The margin of y isn't the blurred margin of x; a difference d changes x by |A+ d| <= |d| / (2 sqrt(epsilon))."""
    kernel = asymmetric_kernel()
    sharp = np.cumsum(np.random.default_rng(0).normal(size=(1, 200, 211)), axis=2) / 30 + 0.5
    y = Psf(kernel).apply(sharp)
    change = project(sharp, deconvolve(y, kernel), kernel) - sharp
    (of_y, y_mean, _), (of_x, x_mean, _) = faded(y, kernel), faded(sharp, kernel)
    difference = of_y - filtered(of_x, kernel, lambda transfer: transfer)
    bound = np.linalg.norm(difference) / (2 * EPSILON**0.5) + abs(y_mean - x_mean).item() * change.size**0.5
    assert 0.01 * bound < np.linalg.norm(change) <= bound
    assert abs(change[:, 70:-70, 70:-70]).max() < 1e-3


@pytest.mark.parametrize("cycles_per_px", [0.0625, 0.15, 0.2, 0.4])
def test_an_error_is_reduced_except_in_the_null_space_of_the_blur(cycles_per_px):
    """A wave in f is multiplied by epsilon / (|H|^2 + epsilon); 0.2 and 0.4 are zeros of the mean of 5 pixels."""
    kernel = np.full((1, 5), 0.2)
    column = np.arange(1000) - 499.5
    wave = np.cos(2 * np.pi * cycles_per_px * column) * np.exp(-((column / 160) ** 2)) * np.ones((1, 9, 1))
    f, inverse = np.random.default_rng(3).random((2, 1, 9, 1000))
    change = project(f + wave, inverse, kernel) - project(f, inverse, kernel)
    transfer = np.mean(np.exp(2j * np.pi * cycles_per_px * np.arange(-2, 3))).real
    expected = EPSILON / (transfer**2 + EPSILON)
    np.testing.assert_allclose(change, expected * wave, atol=8e-3)


def test_constants_are_preserved():
    flat = np.full((1, 20, 30), 0.7)
    np.testing.assert_allclose(deconvolve(flat, disk(3.0)), 0.7, atol=1e-14)
    np.testing.assert_allclose(project(flat, flat, disk(3.0)), 0.7, atol=1e-14)


def test_the_identity_kernel_returns_the_image_up_to_epsilon():
    y, f = np.random.default_rng(2).random((2, 1, 12, 13))
    kernel = np.ones((1, 1))
    mean = y.mean()
    inverse = deconvolve(y, kernel)
    np.testing.assert_allclose(inverse, mean + (y - mean) / (1 + EPSILON), atol=1e-12)
    np.testing.assert_allclose(
        project(f, inverse, kernel) - inverse, (f - f.mean()) * EPSILON / (1 + EPSILON), atol=1e-12
    )


def test_filters_for_identity_and_shift():
    image = np.random.default_rng(4).random((2, 3, 8, 9))
    filters = np.zeros((2, 25, 8, 9))
    filters[0, 12] = 1
    filters[1, 8] = 1  # second row, fourth column: one up, one right
    out = filter_pixels(image, filters)
    np.testing.assert_array_equal(out[0], image[0])
    np.testing.assert_array_equal(out[1], np.pad(image[1], ((0, 0), (1, 0), (0, 1)), "edge")[:, :-1, 1:])


def test_filters_of_a_wrong_size_are_refused():
    for taps in (16, 24):
        with pytest.raises(ValueError, match=f"not {taps} of them"):
            filter_pixels(np.ones((1, 4, 4)), np.ones((taps, 4, 4)))


def test_torch_equals_numpy():
    torch = pytest.importorskip("torch")
    y, f = np.random.default_rng(5).random((2, 2, 1, 20, 23))
    filters = np.random.default_rng(6).normal(size=(2, 9, 20, 23))
    kernel = asymmetric_kernel()
    expected = filter_pixels(project(f, deconvolve(y, kernel), kernel), filters)
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        first, second, third = (torch.tensor(array, dtype=dtype) for array in (y, f, filters))
        given = filter_pixels(project(second, deconvolve(first, kernel), kernel), third)
        assert given.dtype == dtype
        np.testing.assert_allclose(given.numpy(), expected, atol=tolerance)


def test_filtering_equals_torchs_unfold():
    torch = pytest.importorskip("torch")
    image, filters = torch.rand(2, 3, 10, 11), torch.randn(2, 25, 10, 11)
    unfolded = torch.nn.functional.unfold(torch.nn.functional.pad(image, (2, 2, 2, 2), "replicate"), 5)
    expected = (unfolded.reshape(2, 3, 25, 10, 11) * filters[:, None]).sum(2)
    torch.testing.assert_close(filter_pixels(image, filters), expected)


def test_gradients_in_images_kernel_and_filters():
    torch = pytest.importorskip("torch")
    generator = torch.Generator().manual_seed(0)
    shapes = ((1, 1, 6, 5), (1, 1, 6, 5), (3, 3), (1, 9, 6, 5))
    y, f, kernel, filters = (
        torch.rand(shape, generator=generator, dtype=torch.float64, requires_grad=True) for shape in shapes
    )

    def restored(y, f, kernel, filters):
        return filter_pixels(project(f, deconvolve(y, kernel), kernel), filters)

    assert torch.autograd.gradcheck(restored, (y, f, kernel, filters), fast_mode=True)
