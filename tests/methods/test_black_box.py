"""Common properties of the three iterative methods: published images, blur functions, diverging iterates."""

import numpy as np
import pytest
import torch
from scipy.ndimage import median_filter, uniform_filter

from refocal.methods.black_box import BlackBox, iterate, transposed
from refocal.methods.landweber_accelerated import LandweberAccelerated
from refocal.methods.levenberg_marquardt_modified import LevenbergMarquardtModified
from refocal.methods.richardson_lucy_modified import RichardsonLucyModified
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.kernels import disk
from refocal.types import InputError
from samples import asymmetric_kernel, natural, psnr

METHODS = [LandweberAccelerated, RichardsonLucyModified, LevenbergMarquardtModified]
BOX = Psf(np.full((5, 5), 1 / 25), boundary="periodic", encoding="srgb")
SLOPE = BlurMap(np.linspace(0, 6, 53) * np.ones((41, 1)), step_px=1.5)


class ApplyOnly:
    """A user's blur that has only an ``apply``."""

    def apply(self, sharp):
        return Psf(asymmetric_kernel(), "periodic").apply(sharp)


def _published(shared, name):
    from PIL import Image

    with Image.open(shared / f"data/test/mmsp2024_crops/MMSP_Comparisons/kodim19_{name}.png") as image:
        return np.asarray(image)


@pytest.mark.parametrize("blur", [BOX, BlackBox(BOX.apply, "periodic", "srgb")], ids=["psf", "function"])
@pytest.mark.parametrize(
    ("method", "file", "expected"),
    [
        (LandweberAccelerated(), "al", 31.310),
        (LevenbergMarquardtModified(), "mlm", 41.195),
        (LevenbergMarquardtModified(num_iter=250), None, 44.18),
        (RichardsonLucyModified(), None, 32.474),  # 40 % of the published mRL's pixels; its setting is unknown
    ],
)
def test_the_published_images_of_sharpness_loss(shared, method, file, expected, blur):
    sharp = _published(shared, "original")[None] / 255
    restored = method(BOX.apply(sharp), blur)
    assert psnr(restored, sharp) == pytest.approx(expected, abs=0.001 if expected < 44 else 0.005)
    if file is not None:
        np.testing.assert_array_equal((restored[0] * 255).astype(np.uint8), _published(shared, file))


def test_the_settings_are_the_papers():
    assert [method().num_iter for method in METHODS] == [250, 250, 100]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [(37, 29), (1, 1), (1, 2), (5, 64)])
def test_a_function_and_a_users_class_are_blurs(method, size):
    sharp = 0.2 + 0.6 * natural(2, *size)
    image = ApplyOnly().apply(sharp)
    restored = method(20)(image, ApplyOnly())
    np.testing.assert_array_equal(method(20)(image, BlackBox(ApplyOnly().apply)), restored)
    known = method(20)(image, Psf(asymmetric_kernel(), "periodic"))
    if method is LevenbergMarquardtModified:  # it depends on the boundary condition
        restored = method(20)(image, BlackBox(ApplyOnly().apply, "periodic"))
    np.testing.assert_allclose(restored, known, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("boundary", "num_iter"), [("periodic", 60), ("mirror", 8)])
def test_single_precision_and_torch_agree_on_a_function(method, boundary, num_iter):
    blur = BlackBox(Psf(disk(2.0), boundary).apply, boundary)
    image = blur.apply(natural(3, 37, 29))
    expected = method(num_iter)(image, blur)
    for kind, tolerance in ((np.float32, 1e-3), (torch.float64, 1e-9), (torch.float32, 1e-3)):
        given = image.astype(kind) if kind is np.float32 else torch.from_numpy(image).to(kind)
        restored = method(num_iter)(given, blur)
        assert restored.dtype == kind
        np.testing.assert_allclose(np.asarray(restored), expected, atol=tolerance)


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_agrees_with_its_images_also_when_one_of_them_diverges(method):
    blur = BlackBox(SLOPE.apply)
    first = SLOPE.apply(natural(2, 41, 53))
    batch = np.stack([first, np.clip(2 * first - 0.5, 0, 1), np.full_like(first, 0.4)])
    restored = method(40)(batch, blur)
    for i in range(3):
        np.testing.assert_allclose(restored[i], method(40)(batch[i], blur), atol=1e-9)
    np.testing.assert_allclose(restored[:, 1:], method(40)(batch[:, 1:], blur), atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("blur", [Psf(asymmetric_kernel(), "periodic"), Psf(disk(3.0)), SLOPE])
def test_an_image_that_the_blur_does_not_change_is_preserved(method, blur):
    """y = F(y) is a fixed point, whatever F does to other images."""
    flat = np.full((1, 41, 53), 0.3)
    for known in (blur, BlackBox(blur.apply, blur.boundary)):
        np.testing.assert_allclose(method(10)(flat, known), flat, atol=1e-12)
    identity = BlackBox(lambda image: image * 1.0)
    image = natural(1, 41, 53)
    np.testing.assert_allclose(method(10)(image, identity), image, atol=1e-12)


PSFS = [Psf(asymmetric_kernel(), "periodic"), Psf(disk(2.0))]


@pytest.mark.parametrize(
    ("method", "blur"),
    # mLM restores the levels of a map separately and blends them; it never applies the map itself.
    [(method, psf) for method in METHODS for psf in PSFS] + [(method, SLOPE) for method in METHODS[:2]],
)
def test_more_iterations_reduce_the_data_error(method, blur):
    image = blur.apply(0.3 + 0.4 * natural(1, 41, 53))
    errors = [np.mean((blur.apply(method(n)(image, blur)) - image) ** 2) for n in (1, 4, 16, 64)]
    assert np.all(np.diff(errors) < 0)
    assert errors[-1] < 0.1 * np.mean((blur.apply(image) - image) ** 2)


NONLINEAR = {
    "median": lambda image: median_filter(image, (1, 3, 3)),
    "film": lambda image: uniform_filter(np.clip(image, 0, None) ** 2.2, (1, 3, 3)) ** (1 / 2.2),
    "square": lambda image: image**2,
    "too bright": lambda image: 3 * image,
    "mirrored": lambda image: image[..., ::-1].copy(),
    "broken": lambda image: np.where(image > 0.9, np.nan, image**2),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", [*NONLINEAR, "slope"])
def test_results_do_not_diverge_under_any_function(method, name):
    """They are finite, and nearer to the data than the blurred image (apart from the final clipping)."""
    blur = BlackBox(SLOPE.apply if name == "slope" else NONLINEAR[name])
    image = np.clip(blur.apply(0.05 + 0.8 * natural(1, 41, 53)), 0, 0.89)
    restored = method(100)(image, blur)
    assert np.isfinite(restored).all()
    before, after = (np.mean((blur.apply(x) - image) ** 2) for x in (image, restored))
    assert after <= before


def test_a_nonlinear_blur_is_inverted():
    """A blur in linear light, applied to display values."""
    film = BlackBox(NONLINEAR["film"])
    sharp = 0.05 + 0.8 * natural(1, 64, 61)
    image = film.apply(sharp)
    for method in METHODS:
        assert psnr(method()(image, film), sharp) > psnr(image, sharp) + 3


def test_two_rotations_give_the_adjoint_without_edge_effects():
    image = np.random.default_rng(0).normal(size=(2, 15, 22))
    for boundary in ("periodic", "zero"):
        psf = Psf(asymmetric_kernel(), boundary)
        np.testing.assert_allclose(transposed(psf)(image), psf.adjoint(image), atol=1e-14)
    uniform = BlurMap(np.full((15, 22), 2.5), "polygon", boundary="periodic")  # a pentagon is not symmetric
    np.testing.assert_allclose(transposed(uniform)(image), uniform.adjoint(image), atol=1e-14)


def test_a_rotated_map_keeps_every_pixels_radius():
    """Disks are symmetric: rotated kernels under a rotated map are the map itself, and not its adjoint."""
    radii = np.random.default_rng(0).uniform(0, 4, (15, 22))
    image = np.random.default_rng(1).normal(size=(2, 15, 22))
    blur = BlurMap(radii, confidence=np.ones((15, 22)))
    np.testing.assert_allclose(transposed(blur)(image), blur.apply(image), atol=1e-14)
    assert np.abs(transposed(blur)(image) - blur.adjoint(image)).max() > 0.01


def test_diverging_iterates_are_reset_to_the_best_one():
    """x doubles its distance from the data in every step: the start is the best, and x stays small."""
    maxima = []

    def diverge(x, predicted, n):
        maxima.append(x.max())
        return 2 * x + 1

    observed = np.full((1, 4, 4), 0.5)
    np.testing.assert_array_equal(iterate(observed, lambda x: 0.9 * x, diverge, 2000), observed)
    assert len(maxima) == 2000
    assert max(maxima) < 10


@pytest.mark.parametrize("method", METHODS)
def test_an_invalid_blur_is_refused(method):
    image = np.full((1, 8, 9), 0.5)
    with pytest.raises(InputError, match="needs the blur"):
        method()(image)
    with pytest.raises(InputError, match="put a bare function into a BlackBox"):
        method()(image, uniform_filter)
    with pytest.raises(InputError, match=r"returned \(1, 4, 9\) for an image of shape \(1, 8, 9\)"):
        method()(image, BlackBox(lambda x: x[:, ::2]))
    with pytest.raises(ValueError, match="num_iter"):
        method(0)
