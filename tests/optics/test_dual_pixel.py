from functools import partial

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.optics.blur import Psf
from refocal.optics.dual_pixel import RING_SETS, RingSet, render_views
from refocal.optics.kernels import disk
from refocal.types import InputError
from samples import picture

_picture = partial(picture, dtype=np.float64)
VIEWS = ("left", "right", "combined")
linear_views = partial(render_views, encoding="linear")


def _blocks(low, high, height=40, width=37, seed=1):
    coarse = np.random.default_rng(seed).uniform(low, high, (height // 8 + 1, width // 8 + 1))
    return np.kron(coarse, np.ones((8, 8)))[:height, :width]


def _half_kernels(radius_px, lens=RING_SETS[0]):
    """Left and right kernel, with the ramps written out."""
    whole = lens(abs(radius_px))
    columns = np.arange(whole.shape[1]) / max(whole.shape[1] - 1, 1)
    rising, falling = whole * columns, whole * columns[::-1]
    if radius_px == 0 or whole.size == 1:
        return whole, whole
    halves = rising / rising.sum(), falling / falling.sum()
    return halves if radius_px < 0 else halves[::-1]


def test_the_simulators_twelve_lenses():
    expected = {(n, c, b) for n in (3, 6, 9) for c in (2.5, 2.0) for b in (0.1, 0.2)}
    assert {(lens.order, lens.cutoff, lens.floor) for lens in RING_SETS} == expected
    assert len(RING_SETS) == 12
    assert RING_SETS[0] == RingSet(order=3, cutoff=2.5, floor=0.1)


@pytest.mark.parametrize("lens", RING_SETS)
def test_each_lens_has_the_profile_of_its_parameters(lens):
    """Radius 24, from the centre to the right except near the rim; the formula is smoothed by scipy."""
    rho = np.hypot(*np.mgrid[-24:25, -24:25])
    profile = 1 / (1 + (48 / lens.cutoff / np.maximum(rho, 1e-9)) ** (2 * lens.order))
    profile = lens.floor + (1 - lens.floor) * profile / profile.max()
    smooth = gaussian_filter(profile, 1.7, radius=4)[24, 24:44]
    row = lens(24.0)[28, 28:48]
    np.testing.assert_allclose(row / row.sum(), smooth / smooth.sum(), atol=1e-12)


def test_kernels_of_a_lens_are_cached_and_read_only():
    kernel = RING_SETS[3](4.0)
    assert RING_SETS[3](4.0) is kernel
    assert RingSet(3, 2.0, 0.2)(4.0) is kernel
    assert not np.array_equal(RING_SETS[2](4.0), kernel)
    with pytest.raises(ValueError, match="read-only"):
        kernel[0, 0] = 1


@pytest.mark.parametrize("radii", [_blocks(-9, 9), _blocks(-4, 12), np.linspace(-6, 6, 37) * np.ones((40, 1))])
@pytest.mark.parametrize("lens", [RING_SETS[0], RING_SETS[-1], disk])
def test_the_mean_of_both_views_is_the_photo_in_linear_light(radii, lens):
    sharp = _picture(3, 40, 37)
    views = linear_views(sharp, radii, lens)
    np.testing.assert_array_equal((views.left + views.right) / 2, views.combined)
    shown = render_views(linear_to_srgb(sharp), radii, lens)
    light = [srgb_to_linear(getattr(shown, name)) for name in VIEWS]
    np.testing.assert_allclose((light[0] + light[1]) / 2, light[2], atol=1e-12)
    for name in VIEWS:
        np.testing.assert_allclose(getattr(shown, name), linear_to_srgb(getattr(views, name)), atol=1e-9)
    assert np.abs(views.left - views.right).max() > 0.02


@pytest.mark.parametrize("radius_px", [-12.0, -5.0, -2.0, -1.0, 1.0, 2.0, 7.0])
@pytest.mark.parametrize("lens", [RING_SETS[0], RING_SETS[7]])
def test_a_constant_depth_gives_one_kernel_per_view(radius_px, lens):
    sharp = _picture(3, 34, 29)
    views = linear_views(sharp, np.full((34, 29), radius_px), lens)
    for name, kernel in zip(VIEWS, (*_half_kernels(radius_px, lens), lens(abs(radius_px))), strict=True):
        np.testing.assert_allclose(getattr(views, name), Psf(kernel).apply(sharp), atol=1e-10, err_msg=name)


@pytest.mark.parametrize("boundary", ["replicate", "periodic"])
def test_the_boundary_applies_to_both_views(boundary):
    sharp = _picture(1, 20, 22)
    views = linear_views(sharp, np.full((20, 22), -4.0), boundary=boundary)
    for view, kernel in zip((views.left, views.right), _half_kernels(-4.0), strict=True):
        np.testing.assert_allclose(view, Psf(kernel, boundary).apply(sharp), atol=1e-10)


@pytest.mark.parametrize("radius_px", [-6.3, 0.4, 3.75])
def test_light_is_interpolated_linearly_between_two_layers(radius_px):
    sharp, low = _picture(3, 30, 30), np.floor(radius_px)
    views = linear_views(sharp, np.full((30, 30), radius_px))
    below, above = (linear_views(sharp, np.full((30, 30), low + i)) for i in range(2))
    for name in VIEWS:
        mixed = (low + 1 - radius_px) * getattr(below, name) + (radius_px - low) * getattr(above, name)
        np.testing.assert_allclose(getattr(views, name), mixed, atol=1e-10)
    exact = linear_views(sharp, np.full((30, 30), radius_px), step_px=abs(radius_px))
    np.testing.assert_allclose(exact.left, Psf(_half_kernels(radius_px)[0]).apply(sharp), atol=1e-10)


@pytest.mark.parametrize("radius_px", [0.0, 1.0, 3.5, 10.0])
def test_the_sign_swaps_the_views(radius_px):
    sharp, radii = _picture(3, 32, 30), np.full((32, 30), radius_px)
    front, back = render_views(sharp, -radii), render_views(sharp, radii)
    tolerance = {
        "rtol": 0,
        "atol": 0 if radius_px == int(radius_px) else 1e-12,
    }  # rounding depends on the order of the layers
    np.testing.assert_allclose(front.left, back.right, **tolerance)
    np.testing.assert_allclose(front.right, back.left, **tolerance)
    np.testing.assert_allclose(front.combined, back.combined, **tolerance)


def test_the_sign_reverses_the_order_of_occlusion():
    """A white object blurred by 5 px spreads over a sharp black wall behind it, but not through a hole in the wall."""
    foreground = np.zeros((40, 44), bool)
    foreground[12:28, 14:30] = True
    sharp, radii = np.where(foreground, 1.0, 0.0)[None], np.where(foreground, 5.0, 0.0)
    behind, before = linear_views(sharp, radii), linear_views(sharp, -radii)
    for name in VIEWS:
        np.testing.assert_allclose(getattr(behind, name)[0][~foreground], 0, atol=1e-10)
        assert getattr(before, name)[0][~foreground].max() > 0.3


@pytest.mark.parametrize(("low", "high"), [(-8, 8), (1, 11), (-3, 0)])
def test_a_mirrored_scene_swaps_and_mirrors_the_views(low, high):
    """Sides are powers of two, so that push-pull filling is mirror-symmetric."""
    sharp, radii = _picture(3, 32, 64), _blocks(low, high, 32, 64)
    views = linear_views(sharp, radii)
    mirrored = linear_views(sharp[..., ::-1], radii[:, ::-1])
    for one, other in ((mirrored.left, views.right), (mirrored.right, views.left), (mirrored.combined, views.combined)):
        np.testing.assert_allclose(one[..., ::-1], other, atol=1e-10)
    upside_down = linear_views(sharp[:, ::-1], radii[::-1])
    for name in VIEWS:
        np.testing.assert_allclose(getattr(upside_down, name)[:, ::-1], getattr(views, name), atol=1e-10)


@pytest.mark.parametrize("encoding", ["srgb", "linear"])
def test_a_scene_in_focus_is_unchanged(encoding):
    sharp = _picture(3, 21, 24)
    views = render_views(sharp, np.zeros((21, 24)), encoding=encoding)
    for name in VIEWS:
        np.testing.assert_allclose(getattr(views, name), sharp, atol=1e-12)


def test_a_kernel_of_one_pixel_is_the_same_in_both_views():
    sharp, radii = _picture(3, 20, 20), _blocks(-0.5, 0.5, 20, 20)
    views = linear_views(sharp, radii, disk, step_px=0.25)
    np.testing.assert_array_equal(views.left, views.right)
    np.testing.assert_allclose(views.left, sharp, atol=1e-12)


def _shift_px(left, right):
    """Shift of the left view to the right of the right one: the peak of their cross-correlation, by a parabola."""
    spectra = [np.fft.rfft2(view[0] - view.mean()) for view in (left, right)]
    row = np.fft.fftshift(np.fft.irfft2(spectra[0] * spectra[1].conj())[0])
    peak = row.argmax()
    before, peak_value, after = row[peak - 1 : peak + 2]
    return peak - len(row) // 2 + 0.5 * (before - after) / (before - 2 * peak_value + after)


def test_the_disparity_grows_with_the_blur_and_changes_sign_at_the_focus():
    """On texture coarser than the kernel, the disparity is the distance between the half kernels' centres of mass."""
    waves = np.arange(512) * 2 * np.pi / 512 * np.array([[1], [2], [3]])
    coarse = np.broadcast_to(0.5 + 0.15 * np.cos(waves + [[0], [1], [4]]).sum(0), (1, 4, 512))
    shifts = []
    for radius_px in range(-12, 13, 3):
        views = linear_views(coarse, np.full((4, 512), float(radius_px)), boundary="periodic")
        halves = _half_kernels(radius_px)
        left, right = (half.sum(0) @ (np.arange(half.shape[1]) - half.shape[1] // 2) for half in halves)
        shifts.append(_shift_px(views.left, views.right))
        assert shifts[-1] == pytest.approx(left - right, rel=0.02, abs=1e-6)
    assert np.all(np.diff(shifts) < -0.5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constants_are_preserved_in_both_views(dtype):
    flat = np.full((3, 40, 37), 0.6, dtype)
    for radii in (_blocks(-9, 9), np.linspace(-5, 8, 37) * np.ones((40, 1))):
        views = render_views(flat, radii.astype(dtype))
        for name in VIEWS:
            assert getattr(views, name).dtype == dtype
            np.testing.assert_allclose(getattr(views, name), 0.6, atol=5e-4 if dtype == np.float32 else 1e-9)


@pytest.mark.parametrize("background_px", [1.0, 4.6, 9.0])
def test_a_foreground_in_focus_is_unchanged_in_both_views(background_px):
    foreground = np.zeros((44, 48), bool)
    foreground[14:30, 16:34] = True
    sharp, radii = _picture(3, 44, 48), np.where(foreground, 0.0, background_px)
    views, black = linear_views(sharp, radii), linear_views(np.where(foreground, 1.0, 0.0)[None], radii)
    for name in VIEWS:
        np.testing.assert_allclose(getattr(views, name)[:, foreground], sharp[:, foreground], atol=1e-9)
        np.testing.assert_allclose(
            getattr(black, name)[0], foreground, atol=1e-9
        )  # and the wall behind gets no light from it


def test_the_rim_of_a_foreground_object_is_its_half_kernels_step_response():
    """In front of a sharp wall, each view blends object and wall by the fraction of its half kernel on the object."""
    foreground = np.zeros((44, 48), bool)
    foreground[14:30, 16:34] = True
    wall = _picture(1, 44, 48)
    views = linear_views(np.where(foreground, 1.0, wall), np.where(foreground, -5.0, 0.0))
    for view, kernel in zip((views.left, views.right), _half_kernels(-5.0), strict=True):
        coverage = Psf(kernel).apply(foreground[None].astype(float))
        np.testing.assert_allclose(view[:, ~foreground], (wall * (1 - coverage) + coverage)[:, ~foreground], atol=1e-9)
    assert (
        views.left[0, 22, 34:37].mean() > views.right[0, 22, 34:37].mean()
    )  # the rim extends to the right in the left view


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("one_map", [False, True])
def test_torch_equals_numpy_and_a_batch_its_single_images(dtype, one_map):
    sharp = _picture(2, 3, 30, 26, dtype=dtype)
    radii = np.stack([_blocks(-7, 6, 30, 26, seed) for seed in (2, 2 if one_map else 3)]).astype(dtype)
    singles = [render_views(sharp[i], radii[i]) for i in range(2)]
    batch = radii[0] if one_map else radii
    tolerance = 5e-4 if dtype == np.float32 else 1e-10
    tensors = render_views(torch.from_numpy(sharp), torch.from_numpy(batch))
    for name in VIEWS:
        expected = np.stack([getattr(single, name) for single in singles])
        np.testing.assert_allclose(getattr(render_views(sharp, batch), name), expected, atol=tolerance)
        assert getattr(tensors, name).dtype == torch.from_numpy(sharp).dtype
        np.testing.assert_allclose(getattr(tensors, name).numpy(), expected, atol=tolerance)


def test_gradients_in_the_image_and_in_the_radii():
    sharp = torch.from_numpy(0.2 + 0.6 * _picture(1, 5, 6)).requires_grad_()
    inside = np.random.default_rng(3).uniform(0.1, 0.9, (5, 6)) + np.random.default_rng(4).integers(-4, 4, (5, 6))
    radii = torch.from_numpy(inside)
    assert torch.autograd.gradcheck(lambda x: render_views(x, radii).left, sharp)
    radii.requires_grad_()
    assert torch.autograd.gradcheck(lambda r: render_views(sharp.detach(), r).right, radii)


def test_inputs_are_not_modified():
    sharp, radii = _picture(3, 16, 18), _blocks(-6, 6, 16, 18)
    before = sharp.copy(), radii.copy()
    render_views(sharp, radii)
    np.testing.assert_array_equal(sharp, before[0])
    np.testing.assert_array_equal(radii, before[1])


def test_invalid_scenes_are_refused():
    sharp = _picture(3, 6, 5)
    with pytest.raises(InputError, match="same height and width"):
        render_views(sharp, np.ones((5, 6)))
    with pytest.raises(InputError, match="not finite"):
        render_views(sharp, np.full((6, 5), np.nan))
    with pytest.raises(ValueError, match="at least 0"):
        RING_SETS[0](-1.0)
