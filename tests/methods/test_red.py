import numpy as np
import pytest
from scipy.ndimage import median_filter

from refocal.inference.network_file import open_network, weights_sha256
from refocal.methods import make_method, red
from refocal.methods.denoisers import median
from refocal.methods.red import RED
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.kernels import disk
from refocal.types import InputError
from samples import asymmetric_kernel, kodim19_crop, natural, psnr


def fixed_point(num_iter=200, **options):
    return RED(num_iter, **options)


def steepest_descent(num_iter=1500, **options):
    return RED(num_iter, solver="steepest-descent", **options)


BOTH = [fixed_point, steepest_descent]
COUPLING = 0.04  # weight s^2 by default


def _kernel():
    """5x5 without symmetry; larger kernels use Fourier transforms, which are slow over thousands of iterations."""
    kernel = asymmetric_kernel()[:, 1:6]
    return kernel / kernel.sum()


def _transfer(kernel, shape):
    """Transfer function of a kernel centred on the origin, in NumPy."""
    placed = np.zeros(shape)
    placed[: kernel.shape[0], : kernel.shape[1]] = kernel
    return np.fft.fft2(np.roll(placed, (-(kernel.shape[0] // 2), -(kernel.shape[1] // 2)), (0, 1)))


def _sample(boundary="periodic", shape=(31, 36)):
    """A blurred image without clipping, far from black and white; its blur, and the blur's transfer function."""
    psf = Psf(_kernel(), boundary)
    return psf.apply(0.3 + 0.4 * natural(1, *shape)), psf, _transfer(psf.kernel, shape)


def _smooth(image, noise_std):
    """A linear, symmetric, periodic denoiser: weights 1 2 1 along both axes."""
    for axis in (-2, -1):
        image = (np.roll(image, 1, axis) + 2 * image + np.roll(image, -1, axis)) / 4
    return image


def _contrasty():
    """A blurred image with much black and white: its restoration is clipped at both ends."""
    psf = Psf(_kernel(), "periodic")
    return psf.apply(np.clip(6 * natural(1, 31, 36) - 2.4, 0, 1)), psf, _transfer(psf.kernel, (31, 36))


def _gradient(x, y, blur, denoise):
    return blur.adjoint(blur.apply(x) - y) + COUPLING * (x - denoise(x, 0.0))


def _map(height, width):
    return BlurMap(np.linspace(1.0, 2.0, width) * np.ones((height, 1)), step_px=1.0)


def _dense(blur, height, width):
    """H as a matrix."""
    points = np.eye(height * width).reshape(-1, 1, height, width)
    return np.stack([blur.apply(point).ravel() for point in points], axis=1)


@pytest.mark.parametrize("denoise", [median, _smooth])
def test_the_fixed_point_agrees_with_the_papers_iteration_in_grey_levels(denoise):
    """x <- clip(Re IFFT((conj(H) Y/s^2 + lambda FFT(f(x))) / (|H|^2/s^2 + lambda))), images in 0..255."""
    y, psf, h = _contrasty()
    x, s = 255 * y, 2**0.5
    for _ in range(12):
        f = denoise(x / 255, 0) * 255
        spectrum = np.conj(h) * np.fft.fft2(255 * y) / s**2 + 0.02 * np.fft.fft2(f)
        x = np.clip(np.fft.ifft2(spectrum / (abs(h) ** 2 / s**2 + 0.02)).real, 0, 255)
    assert (x.min(), x.max()) == (0, 255)
    found = fixed_point(num_iter=12, denoiser=denoise, inertia=0.0)(y, psf)
    np.testing.assert_allclose(found, x / 255, atol=1e-10)


def test_steepest_descent_agrees_with_the_papers_iteration_in_grey_levels():
    """x <- clip(x - mu (H^T (H x - y)/s^2 + lambda (x - f(x)))), mu = 2/(1/s^2 + lambda), images in 0..255."""
    y, psf, h = _contrasty()
    x, s = 255 * y, 2**0.5
    for _ in range(40):
        back = np.fft.ifft2(np.conj(h) * (h * np.fft.fft2(x) - np.fft.fft2(255 * y))).real
        prior = x - median_filter(x, (1, 3, 3), mode="mirror")
        x = np.clip(x - 2 / (1 / s**2 + 0.02) * (back / s**2 + 0.02 * prior), 0, 255)
    assert (x.min(), x.max()) == (0, 255)
    np.testing.assert_allclose(steepest_descent(num_iter=40, inertia=0.0)(y, psf), x / 255, atol=1e-10)


@pytest.mark.parametrize("inertia", [0.0, 0.25, 2.0])
def test_without_a_denoiser_it_converges_to_least_squares_at_the_known_rate(inertia):
    """f(x) = x: each iteration multiplies the distance from Y/H by a/(|H|^2 + a), a = (1 + inertia) weight s^2."""
    y, psf, h = _sample()
    exact = np.fft.fft2(y) / h
    left = ((1 + inertia) * COUPLING / (abs(h) ** 2 + (1 + inertia) * COUPLING)) ** 9
    expected = np.fft.ifft2(exact + left * (np.fft.fft2(y) - exact)).real
    found = fixed_point(num_iter=9, inertia=inertia, denoiser=lambda x, _: x)(y, psf)
    assert 0 < expected.min() < expected.max() < 1
    np.testing.assert_allclose(found, expected, atol=1e-10)


@pytest.mark.parametrize(
    "method",
    [
        fixed_point(400, denoiser=_smooth),
        fixed_point(400, denoiser=_smooth, inertia=0.0),
        steepest_descent(denoiser=_smooth),
        steepest_descent(denoiser=_smooth, inertia=0.0),
    ],
)
def test_with_a_linear_denoiser_both_converge_to_the_minimum(method):
    """(H^T H/s^2 + lambda (I - W)) x = H^T y/s^2, solved directly."""
    y, psf, h = _sample()
    w = np.fft.fft2(_smooth(np.eye(1, 31 * 36).reshape(31, 36), 0.0)).real
    x = np.fft.ifft2(np.conj(h) * np.fft.fft2(y) / (abs(h) ** 2 + COUPLING * (1 - w))).real
    assert 0 < x.min() < x.max() < 1
    np.testing.assert_allclose(method(y, psf), x, atol=1e-6)


@pytest.mark.parametrize("kind", ["mirror", "replicate", "zero", "map"])
def test_both_converge_to_a_zero_gradient_under_any_blur(kind):
    """The minimum by a dense solve; with every boundary condition, and a radius per pixel."""
    height, width = 15, 18
    blur = _map(height, width) if kind == "map" else Psf(_kernel(), kind)
    y = blur.apply(0.3 + 0.4 * natural(1, height, width))
    h = _dense(blur, height, width)
    w = np.stack([_smooth(p.reshape(1, height, width), 0.0).ravel() for p in np.eye(height * width)], axis=1)
    x = np.linalg.solve(h.T @ h + COUPLING * (np.eye(height * width) - w), h.T @ y.ravel()).reshape(y.shape)
    assert 0 < x.min() < x.max() < 1
    for method in (fixed_point(300, denoiser=_smooth), steepest_descent(denoiser=_smooth)):
        np.testing.assert_allclose(method(y, blur), x, atol=1e-5)


@pytest.mark.parametrize("method", BOTH)
@pytest.mark.parametrize("blur", [Psf(_kernel(), "periodic"), Psf(_kernel()), _map(33, 42)])
def test_the_gradient_decreases_with_a_median_too(method, blur):
    y = blur.apply(0.3 + 0.4 * natural(1, 33, 42))
    norms = [np.linalg.norm(_gradient(method(n, denoiser=median)(y, blur), y, blur, median)) for n in (1, 10, 100, 300)]
    assert norms[1] < 0.6 * norms[0]
    assert norms[2] < 0.2 * norms[1]
    assert norms[3] < 0.3 * norms[2]


def test_inertia_stops_the_oscillation_of_the_median():
    psf = Psf(np.full((5, 5), 1 / 25), "periodic")
    y = psf.apply(natural(1, 64, 64))

    def change(inertia):
        last, next_to_last = (fixed_point(n, inertia=inertia)(y, psf) for n in (300, 299))
        return np.abs(last - next_to_last).max()

    assert change(0.0) > 1e-3
    assert change(1.0) < 2e-4


def test_inertia_keeps_steepest_descent_from_diverging_on_a_sharp_image():
    """Alternating columns, which the median inverts, under the identity as blur."""
    stripes = 0.5 + 0.01 * (-1.0) ** np.arange(24) * np.ones((1, 20, 1))
    sharp = Psf(np.pad(np.ones((1, 1)), 1))
    assert np.ptp(steepest_descent(inertia=0.0)(stripes, sharp)) > 0.9
    np.testing.assert_allclose(
        steepest_descent()(stripes, sharp), 0.5 + (stripes - 0.5) / (1 + 2 * COUPLING), atol=1e-3
    )


@pytest.mark.parametrize("kind", ["mirror", "zero", "map"])
def test_row_sums_bound_the_blur(kind):
    """D - H^T H has no negative eigenvalue; a mirror boundary takes D above 1, where the paper's step is too long."""
    blur = _map(11, 13) if kind == "map" else Psf(_kernel(), kind)
    h = _dense(blur, 11, 13)
    sums = red.row_sums(np.ones((1, 11, 13)), blur).ravel()
    np.testing.assert_allclose(sums, (h.T @ h).sum(axis=1), atol=1e-12)
    assert np.linalg.eigvalsh(np.diag(sums) - h.T @ h).min() > -1e-12
    assert sums.max() > 1.2 or kind != "mirror"


@pytest.mark.parametrize(
    ("kind", "inexactness"), [("periodic", 0.3), ("periodic", 1e-6), ("zero", 1e-6), ("mirror", 0.3), ("map", 0.3)]
)
@pytest.mark.parametrize("shift", [0.0012, 0.05, 2.0])
def test_the_chebyshev_steps_reach_the_stated_accuracy(monkeypatch, kind, shift, inexactness):
    """In the norm of the polynomial's bound; where D is above 1 the bound is a little too small."""
    monkeypatch.setattr(red, "INEXACTNESS", inexactness)
    blur = _map(11, 13) if kind == "map" else Psf(_kernel(), kind)
    h = _dense(blur, 11, 13)
    operator = h.T @ h + shift * np.eye(11 * 13)
    right = np.random.default_rng(3).normal(size=(1, 11, 13))
    exact = np.linalg.solve(operator, right.ravel())
    found = red._chebyshev_inverse(right, blur, shift)(right).ravel()

    def size(error):
        return np.sqrt(error @ operator @ error)

    assert size(found - exact) < 1.05 * inexactness * size(exact)
    if kind == "periodic":
        by_fourier = red._fourier_inverse(right, blur, shift)(right)
        np.testing.assert_allclose(by_fourier.ravel(), exact, atol=1e-9 * np.abs(exact).max())


@pytest.mark.parametrize("method", BOTH)
def test_a_function_as_denoiser_is_called_with_the_noise_once_per_iteration(method):
    y, psf, _ = _sample("mirror")
    calls = []

    def denoise(image, noise_std):
        calls.append((image.shape, noise_std))
        return image

    method(num_iter=7, denoiser_std_levels=4.1, denoiser=denoise)(np.stack([y, y]), psf)
    assert calls == [((2, 1, 31, 36), 4.1 / 255)] * 7


@pytest.mark.parametrize("method", BOTH)
@pytest.mark.parametrize("boundary", ["periodic", "mirror"])
def test_float32_is_float64_after_200_iterations(method, boundary):
    psf = Psf(disk(2.5), boundary)
    y = np.clip(psf.apply(natural(1, 45, 38)) + np.random.default_rng(0).normal(0, 0.005, (1, 45, 38)), 0, 1)
    restored = method(200)(y.astype(np.float32), psf)
    assert restored.dtype == np.float32
    np.testing.assert_allclose(restored, method(200)(y, psf), atol=1e-4)


@pytest.mark.parametrize("method", BOTH)
@pytest.mark.parametrize(("boundary", "expected"), [("periodic", 29.23), ("mirror", 29.06)])
def test_the_score_of_the_median_on_kodim19(shared, method, boundary, expected):
    """Measured here, equal for both methods; the paper's stronger denoiser (TNRD) reaches 32.47 and 32.32 dB."""
    sharp, psf = kodim19_crop(shared), Psf(np.full((5, 5), 1 / 25), boundary)
    y = psf.apply(sharp) if boundary == "periodic" else np.rint(255 * psf.apply(sharp)) / 255
    assert psnr(method()(y, psf), sharp) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("method", BOTH)
def test_a_kernel_of_one_pixel_is_inverted_by_a_division(method):
    image = natural(1, 9, 8)
    half = Psf(np.ones((1, 1)))
    object.__setattr__(half, "kernel", np.full((1, 1), 0.5))  # no blur, so Psf itself refuses it
    np.testing.assert_allclose(method(3)(0.5 * image, half), image, atol=1e-12)


@pytest.mark.parametrize("method", BOTH)
def test_a_blur_without_adjoint_is_refused(method):
    with pytest.raises(InputError, match="needs a blur with apply and adjoint"):
        method()(natural(1, 8, 8), "disk")


@pytest.mark.parametrize("method", BOTH)
@pytest.mark.parametrize(
    "options", [{"num_iter": 0}, {"weight": 0.0}, {"noise_std_levels": np.nan}, {"denoiser_std_levels": -1}]
)
def test_invalid_options_are_refused(method, options):
    with pytest.raises(ValueError, match=next(iter(options))):
        method(**options)


def test_the_name_of_the_method_decides_the_solver():
    assert make_method("red-steepest-descent").solver == "steepest-descent"
    with pytest.raises(InputError, match="no option 'solver'"):
        make_method("red-steepest-descent", {"solver": "fixed-point"})


def test_an_option_of_another_type_gets_one_sentence():
    with pytest.raises(InputError, match="red-fixed-point refuses the type of an option: weight='x'"):
        make_method("red-fixed-point", {"weight": "x"})


def test_the_network_is_the_denoisers():
    assert RED().network is None
    assert weights_sha256(RED(denoiser="network")) == open_network("denoiser-small").weights_sha256
