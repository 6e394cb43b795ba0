import numpy as np
import pytest

from refocal.methods.levels import deconvolve_blur, wrapped
from refocal.methods.wiener import Wiener
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.fourier import fast_shape
from refocal.optics.kernels import disk
from refocal.types import InputError, Tiling
from samples import natural

IDENTITY = Psf(np.ones((1, 1)))


def _no_context(half_px):
    return Tiling(0)


def _brightened(image, kernel):
    """In place of a deconvolution: adds 0.01 times the kernel's side."""
    return image + 0.01 * kernel.shape[0]


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (37, 29), (64, 64)])
@pytest.mark.parametrize("half", [1, 4, 30])
def test_wrapped_stays_in_the_range_of_the_image(size, half):
    image = np.cumsum(np.random.default_rng(0).normal(0, 0.02, (2, *size)), -1) + 0.5
    periodic = wrapped(image, half)
    np.testing.assert_array_equal(periodic[..., : size[0], : size[1]], image)
    margin = min(40 * half, 512) + 16
    assert periodic.shape[-2:] == fast_shape(size[0] + margin, size[1] + margin)
    assert periodic.min() >= image.min() - 1e-12
    assert periodic.max() <= image.max() + 1e-12


def test_wrapped_has_no_jump_at_the_ends_of_a_ramp():
    """0 .. 1 from left to right; beyond the end first the mirror image, then a blend back to 0."""
    ramp = np.linspace(0, 1, 50) * np.ones((1, 50, 1))
    for axis in (-1, -2):
        periodic = wrapped(np.swapaxes(ramp, -1, axis), 6)
        two_periods = np.concatenate([periodic, periodic], axis=axis)
        assert np.abs(np.diff(two_periods, axis=axis)).max() < 0.1
        first_new = np.take(periodic, 50, axis=axis)
        assert np.abs(first_new[..., 5] - 48 / 49).max() < 0.05  # mirrored: the second to last again


def test_every_pixel_is_interpolated_between_its_two_levels():
    """The numbers added per kernel are interpolated; sharp pixels get none."""
    radii = np.linspace(0, 3.0, 61) * np.ones((7, 1))
    restored = deconvolve_blur(np.full((1, 7, 61), 0.5), BlurMap(radii), _brightened, _no_context)
    sides = np.array([0 if 0.5 * level <= 0.5 else disk(0.5 * level).shape[0] for level in range(7)])
    np.testing.assert_allclose(restored[0], 0.5 + 0.01 * np.interp(radii, 0.5 * np.arange(7), sides), atol=1e-12)


def test_a_level_is_restored_with_its_context_alone():
    calls = []

    def spy(image, kernel):
        calls.append((kernel.shape[0], image.shape[-2:]))
        return image

    radii = np.full((200, 200), 1.0)
    radii[90:100, 50:70] = 3.0
    deconvolve_blur(np.zeros((1, 200, 200)), BlurMap(radii), spy, lambda half_px: Tiling(5 * half_px))
    largest = [shape for side, shape in calls if side == 7]
    assert largest[0] == fast_shape(10 + 2 * 15 + 40 * 3 + 16, 20 + 2 * 15 + 40 * 3 + 16)


def test_periodic_images_get_no_margin():
    shapes = []

    def spy(image, kernel):
        shapes.append(image.shape)
        return image

    deconvolve_blur(np.zeros((1, 31, 37)), Psf(disk(2.0), "periodic"), spy, _no_context)
    deconvolve_blur(np.zeros((1, 31, 37)), Psf(disk(2.0)), spy, _no_context)
    assert shapes[0] == (1, 31, 37)
    assert shapes[1][-2:] == fast_shape(31 + 80 + 16, 37 + 80 + 16)


def test_the_result_is_clipped_and_the_input_not_modified():
    image = natural(1, 20, 22)
    before = image.copy()
    for blur in (IDENTITY, Psf(disk(1.0)), BlurMap(np.zeros((20, 22)))):
        restored = deconvolve_blur(image, blur, lambda x, _: 9 * x - 4, _no_context)
        assert not np.shares_memory(restored, image)
        assert restored.min() >= 0
        assert restored.max() <= 1
    np.testing.assert_array_equal(image, before)


def test_no_seam_where_the_radius_changes():
    """Under a map from 2 to 3 px, the error of the restored image has no larger steps at the levels than between."""
    sharp = natural(1, 80, 200, seed=2)
    radii = np.linspace(2, 3, 200) * np.ones((80, 1))
    blur = BlurMap(radii)
    restored = Wiener(0.003)(blur.apply(sharp), blur)
    jumps = np.abs(np.diff(restored - sharp, axis=-1)).mean((0, 1))
    on_level = np.abs((radii[0, 1:] * 2) % 1 - 0.5) > 0.49
    assert jumps[on_level].mean() < 1.5 * jumps[~on_level].mean()


@pytest.mark.parametrize("blur", [None, np.ones((3, 3)), 2.0])
def test_an_invalid_blur_is_refused(blur):
    with pytest.raises(InputError, match="needs the blur"):
        deconvolve_blur(np.zeros((1, 5, 5)), blur, _brightened, _no_context)
