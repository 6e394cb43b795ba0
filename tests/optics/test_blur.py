from functools import partial

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import torch

from refocal.optics.blur import BlurMap, Psf
from refocal.optics.boundary import BOUNDARIES
from refocal.optics.kernels import FAMILIES, disk, family_kernel
from refocal.types import InputError
from samples import asymmetric_kernel, picture

_picture = partial(picture, dtype=np.float64)
SCIPYS = {"mirror": "mirror", "replicate": "nearest", "periodic": "grid-wrap", "zero": "constant"}
NUMPYS = {"mirror": "reflect", "replicate": "edge", "periodic": "wrap", "zero": "constant"}


def _radii(height, width, seed=5):
    """Random radii of 0 to 3.2 px per pixel, and a step."""
    radii = np.random.default_rng(seed).uniform(0, 3.2, (height, width))
    radii[:, width // 2 :] = 1.25
    return radii


def _dot(a, b):
    return float((a * b).sum())


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("kernel_shape", [(3, 5), (5, 7), (7, 5), (1, 9)])
def test_psf_equals_scipys_convolution(boundary, kernel_shape):
    sharp, kernel = _picture(2, 3, 19, 23), asymmetric_kernel(*kernel_shape)
    blurred = Psf(kernel, boundary).apply(sharp)
    for index in np.ndindex(2, 3):
        oracle = scipy.ndimage.convolve(sharp[index], kernel, mode=SCIPYS[boundary])
        np.testing.assert_allclose(blurred[index], oracle, atol=1e-13)


def test_a_point_becomes_theasymmetric_kernel():
    sharp = np.zeros((1, 15, 17))
    sharp[0, 7, 8] = 1
    np.testing.assert_allclose(Psf(asymmetric_kernel()).apply(sharp)[0, 5:10, 5:12], asymmetric_kernel(), atol=1e-15)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("size", [(19, 23), (3, 2), (1, 1)])
def test_the_adjoint_of_psf_is_exact_for_kernels_smaller_or_larger_than_the_image(boundary, size):
    x, y = _picture(2, 3, *size), _picture(2, 3, *size, seed=1)
    for kernel in (asymmetric_kernel(), asymmetric_kernel(3, 5), asymmetric_kernel(9, 11)):
        blur = Psf(kernel, boundary)
        assert _dot(blur.apply(x), y) == pytest.approx(_dot(x, blur.adjoint(y)), rel=1e-12)
        padded = np.pad(x, [(0, 0), (0, 0), (kernel.shape[0] // 2,) * 2, (kernel.shape[1] // 2,) * 2], NUMPYS[boundary])
        oracle = scipy.signal.convolve(padded, kernel[None, None], mode="valid")
        np.testing.assert_allclose(blur.apply(x), oracle, atol=1e-13)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_blur_map_gathers_with_the_kernel_of_each_pixel(family, boundary):
    """Per pixel: linear interpolation of the two neighbouring levels, each a direct sum over the padded image."""
    sharp, radii = _picture(2, 11, 13), _radii(11, 13)
    half = 12
    padded = np.pad(sharp, [(0, 0), (half, half), (half, half)], mode=NUMPYS[boundary])
    oracle = np.zeros_like(sharp)
    for i, j in np.ndindex(11, 13):
        level = int(radii[i, j] / 0.5)
        share = radii[i, j] / 0.5 - level
        for radius_px, weight in ((level * 0.5, 1 - share), ((level + 1) * 0.5, share)):
            kernel = FAMILIES[family](radius_px)
            reach = kernel.shape[0] // 2
            rows, columns = slice(i + half - reach, i + half + reach + 1), slice(j + half - reach, j + half + reach + 1)
            oracle[:, i, j] += weight * (padded[:, rows, columns] * kernel[::-1, ::-1]).sum((1, 2))
    np.testing.assert_allclose(BlurMap(radii, family, boundary=boundary).apply(sharp), oracle, atol=1e-13)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("size", [(19, 23), (2, 3), (1, 1)])
def test_the_adjoint_of_blur_map_is_exact(family, boundary, size):
    x, y = _picture(2, *size), _picture(2, *size, seed=1)
    blur = BlurMap(_radii(*size), family, boundary=boundary)
    assert _dot(blur.apply(x), y) == pytest.approx(_dot(x, blur.adjoint(y)), rel=1e-12)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_blur_map_on_a_level_is_the_psf_of_that_level(boundary):
    sharp = _picture(3, 19, 23)
    blur_map, psf = BlurMap(np.full((19, 23), 2.5), boundary=boundary), Psf(disk(2.5), boundary)
    np.testing.assert_array_equal(blur_map.apply(sharp), psf.apply(sharp))
    np.testing.assert_allclose(blur_map.adjoint(sharp), psf.adjoint(sharp), atol=1e-14)


@pytest.mark.parametrize("step_px", [0.5, 0.25, 1.0])
def test_blur_map_between_two_levels_is_their_interpolation(step_px):
    sharp = _picture(3, 19, 23)
    low, share = 3 * step_px, 0.3
    mixed = BlurMap(np.full((19, 23), low + share * step_px), step_px=step_px).apply(sharp)
    oracle = (1 - share) * Psf(disk(low)).apply(sharp) + share * Psf(disk(low + step_px)).apply(sharp)
    np.testing.assert_allclose(mixed, oracle, atol=1e-14)


@pytest.mark.parametrize("boundary", ["mirror", "replicate", "periodic"])
def test_constants_are_preserved(boundary):
    flat = np.full((3, 19, 23), 0.37, np.float32)
    for blur in (Psf(asymmetric_kernel(), boundary), BlurMap(_radii(19, 23), boundary=boundary)):
        np.testing.assert_allclose(blur.apply(flat), flat, atol=1e-6)


@pytest.mark.parametrize("radius_px", [0.0, 0.5])
def test_radius_zero_is_the_identity(radius_px):
    sharp = _picture(3, 9, 7, dtype=np.float32)
    blur = BlurMap(np.full((9, 7), radius_px, np.float32))
    np.testing.assert_array_equal(blur.apply(sharp), sharp)
    np.testing.assert_array_equal(blur.adjoint(sharp), sharp)


def test_a_batch_of_maps_equals_its_single_maps():
    images, maps = _picture(3, 2, 13, 11), np.stack([_radii(13, 11, seed) for seed in range(3)])
    maps[1] = 0.8  # other levels than those of the other maps
    whole = BlurMap(maps)
    for i in range(3):
        np.testing.assert_allclose(whole.apply(images)[i], BlurMap(maps[i]).apply(images[i]), atol=1e-14)
        np.testing.assert_allclose(whole.adjoint(images)[i], BlurMap(maps[i]).adjoint(images[i]), atol=1e-14)
    one_for_all = BlurMap(maps[0]).apply(images)
    np.testing.assert_allclose(one_for_all[2], BlurMap(maps[0]).apply(images[2]), atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_torch_equals_numpy_for_kernels_and_maps_of_either_kind(dtype, boundary):
    sharp = _picture(2, 3, 13, 17, dtype=dtype)
    tensor = torch.from_numpy(sharp)
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    kernel, radii = asymmetric_kernel(), _radii(13, 17).astype(np.float32)
    for ours, theirs in (
        (Psf(kernel, boundary), Psf(torch.from_numpy(kernel), boundary)),
        (Psf(asymmetric_kernel(3, 5), boundary), Psf(torch.from_numpy(asymmetric_kernel(3, 5)), boundary)),
        (BlurMap(radii, boundary=boundary), BlurMap(torch.from_numpy(radii), boundary=boundary)),
    ):
        for name in ("apply", "adjoint"):
            expected = getattr(ours, name)(sharp)
            assert expected.dtype == dtype
            for blur in (ours, theirs):
                result = getattr(blur, name)(tensor)
                assert result.dtype == tensor.dtype
                np.testing.assert_allclose(result.numpy(), expected, atol=tolerance)
                np.testing.assert_allclose(getattr(theirs, name)(sharp), expected, atol=tolerance)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("kernel_shape", [(3, 5), (5, 7)])
def test_gradients_of_psf(boundary, kernel_shape):
    sharp = torch.from_numpy(_picture(1, 4, 5)).requires_grad_()
    kernel = torch.from_numpy(asymmetric_kernel(*kernel_shape)).requires_grad_()
    for name in ("apply", "adjoint"):
        assert torch.autograd.gradcheck(
            lambda x, k, name=name: getattr(Psf(k, boundary), name)(x), (sharp, kernel), fast_mode=True
        )


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_gradients_of_blur_map(boundary):
    """In the image and in the radii, away from the levels, where the interpolation isn't differentiable."""
    sharp = torch.from_numpy(_picture(2, 1, 5, 4)).requires_grad_()
    inside = np.random.default_rng(3).uniform(0.1, 0.9, (2, 5, 4)) + np.random.default_rng(4).integers(1, 6, (2, 5, 4))
    radii = torch.from_numpy(inside * 0.5).requires_grad_()
    for name in ("apply", "adjoint"):
        assert torch.autograd.gradcheck(
            lambda x, r, name=name: getattr(BlurMap(r, boundary=boundary), name)(x), (sharp, radii), fast_mode=True
        )


def test_inputs_are_not_modified():
    sharp, kernel, radii = _picture(3, 9, 8), asymmetric_kernel(), _radii(9, 8)
    before = sharp.copy(), kernel.copy(), radii.copy()
    for blur in (Psf(kernel), Psf(np.ones((1, 1))), BlurMap(radii), BlurMap(np.zeros((9, 8)))):
        for result in (blur.apply(sharp), blur.adjoint(sharp)):
            assert not np.shares_memory(result, sharp)
            result[:] = -1
    for array, copy in zip((sharp, kernel, radii), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_crop_keeps_all_fields_but_the_size():
    confidence = _picture(9, 8)
    whole = BlurMap(_radii(9, 8), "gaussian", 0.25, "periodic", "srgb", confidence)
    part = whole.crop(slice(2, 7), slice(3, 8))
    np.testing.assert_array_equal(part.radius_px, whole.radius_px[2:7, 3:8])
    np.testing.assert_array_equal(part.confidence, confidence[2:7, 3:8])
    assert (part.family, part.step_px, part.boundary, part.encoding) == ("gaussian", 0.25, "periodic", "srgb")
    assert BlurMap(whole.radius_px).crop(slice(0, 3), slice(0, 3)).confidence is None


def test_a_cropped_map_blurs_like_the_whole_away_from_its_edges():
    sharp, blur = _picture(3, 40, 30), BlurMap(_radii(40, 30))
    part = blur.crop(slice(8, 36), slice(5, 30)).apply(sharp[:, 8:36, 5:30])
    reach = blur.half_px
    np.testing.assert_allclose(
        part[:, reach:-reach, reach:], blur.apply(sharp)[:, 8 + reach : 36 - reach, 5 + reach :], atol=1e-14
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_half_px_is_the_extent_of_a_blurred_point(family):
    """Radius 2.6 needs the levels 2.5 and 3."""
    point = np.zeros((1, 41, 41))
    point[0, 20, 20] = 1
    blur = BlurMap(np.full((41, 41), 2.6), family)
    assert blur.half_px == family_kernel(family, 3.0).shape[0] // 2
    outside = np.pad(np.zeros((2 * blur.half_px + 1,) * 2, bool), 20 - blur.half_px, constant_values=True)
    np.testing.assert_allclose(blur.apply(point)[0][outside], 0, atol=1e-15)
    assert Psf(asymmetric_kernel(5, 9)).half_px == 4


@pytest.mark.parametrize("bad", [-0.1, np.nan, np.inf])
@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy])
def test_impossible_radii_are_refused(bad, convert):
    radii = np.ones((4, 5))
    radii[2, 3] = bad
    with pytest.raises(InputError, match="finite and at least 0"):
        BlurMap(convert(radii))


def test_a_map_of_another_size_is_refused():
    with pytest.raises(InputError, match="map is 5x4, the image 4x5"):
        BlurMap(np.ones((4, 5))).apply(np.ones((3, 5, 4)))
    with pytest.raises(InputError, match="map is 5x4, the image 4x5"):
        BlurMap(np.ones((4, 5))).adjoint(np.ones((3, 5, 4)))
    with pytest.raises(InputError, match="height and a width"):
        BlurMap(np.ones(5))


def test_invalid_kernels_and_options_are_refused():
    for shape in ((4, 5), (5, 4), (1, 3, 3)):
        with pytest.raises(ValueError, match="odd sides"):
            Psf(np.ones(shape))
    with pytest.raises(ValueError, match="no boundary 'edge'"):
        Psf(np.full((3, 3), 1 / 9), "edge")
    for kernel, said in (
        (np.zeros((3, 3)), "sum to 1, not 0:"),
        (np.ones((3, 3)), "sum to 1, not 9: divide it by its sum"),
        (np.full((3, 3), np.nan), "finite numbers of at least 0"),
        (np.array([[-0.1, 1.2, -0.1]]), "finite numbers of at least 0"),
        (np.full((3, 3), 0.1123), r"not 1.011"),
        ([[0.0, 1.0, 0.0]], r"not shape \(\)"),
        (np.full((1, 1), 1 + 0j), "real numbers"),
    ):
        with pytest.raises(InputError, match=said):
            Psf(kernel)
    Psf(np.full((3, 3), 0.1112))  # rounded to four digits
    for options in ({"family": "star"}, {"boundary": "edge"}, {"step_px": 0.0}):
        with pytest.raises(ValueError, match="No such blur"):
            BlurMap(np.ones((3, 3)), **options)
