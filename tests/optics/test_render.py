import math
from functools import partial

import numpy as np
import pytest
import torch

from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.kernels import FAMILIES, disk
from refocal.optics.render import render_depth, render_layers, render_radius
from refocal.optics.thin_lens import ThinLens
from refocal.types import InputError
from samples import picture

_picture = partial(picture, dtype=np.float64)
LENS = ThinLens(focal_length_mm=50, f_number=1.8, focus_distance_m=2, pixel_pitch_um=20)


def _scene(background_px, foreground_px, background=0.0, foreground=1.0, dtype=np.float64):
    """A square object in front of a wall: image (3, 60, 64), signed radii, and mask of the object."""
    foreground_mask = np.zeros((60, 64), bool)
    foreground_mask[20:40, 22:44] = True
    sharp = np.where(foreground_mask, foreground, background).astype(dtype) * np.ones((3, 1, 1), dtype)
    return sharp, np.where(foreground_mask, foreground_px, background_px).astype(dtype), foreground_mask


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constants_are_preserved_at_any_depth(family, dtype):
    flat = np.full((3, 40, 37), 0.6, dtype)
    rng = np.random.default_rng(0)
    blocks = np.kron(rng.uniform(-4, 5, (8, 8)), np.ones((5, 5)))[:40, :37]
    for radii in (
        rng.uniform(-5, 5, (40, 37)),
        blocks,
        rng.normal(0, 0.3, (40, 37)),
        np.linspace(-3, 4, 37) * np.ones((40, 1)),
    ):
        rendered = render_radius(flat, radii.astype(dtype), family=family)
        assert rendered.dtype == dtype
        np.testing.assert_allclose(rendered, 0.6, atol=2e-4 if dtype == np.float32 else 1e-9)


@pytest.mark.parametrize("radius_px", [-3.0, 0.0, 2.5, 6.0])
@pytest.mark.parametrize("boundary", ["mirror", "replicate", "periodic"])
def test_a_constant_depth_is_a_psf_in_linear_light(radius_px, boundary):
    sharp, radii = _picture(3, 31, 27), np.full((31, 27), radius_px)
    oracle = Psf(disk(abs(radius_px)), boundary).apply(srgb_to_linear(sharp))
    np.testing.assert_allclose(render_radius(sharp, radii, boundary=boundary), linear_to_srgb(oracle), atol=1e-10)
    linear = render_radius(srgb_to_linear(sharp), radii, boundary=boundary, encoding="linear")
    np.testing.assert_allclose(linear, oracle, atol=1e-10)


def test_a_gentle_slope_is_approximately_the_gathered_blur():
    """Without occlusion both models of blur agree."""
    sharp = Psf(disk(2.0)).apply(_picture(3, 60, 60))
    radii = np.linspace(1, 3, 60) * np.ones((60, 1))
    gathered = BlurMap(radii).apply(sharp)
    rendered = render_radius(sharp, radii, encoding="linear")
    assert np.sqrt(np.mean((rendered - gathered) ** 2)) < 0.1 * gathered.std()


@pytest.mark.parametrize("background_px", [1.3, 5.0, 9.0])
def test_an_object_in_focus_exchanges_no_light_with_the_background(background_px):
    sharp, radii, foreground_mask = _scene(background_px, 0.0)
    rendered = render_radius(sharp, radii)
    np.testing.assert_allclose(rendered[:, foreground_mask], 1, atol=1e-9)
    np.testing.assert_allclose(rendered[:, ~foreground_mask], 0, atol=1e-9)


def test_an_object_in_focus_keeps_its_texture_in_front_of_a_blurred_wall():
    sharp, radii, foreground_mask = _scene(6.0, 0.0)
    sharp = _picture(*sharp.shape)
    rendered = render_radius(sharp, radii)
    np.testing.assert_allclose(rendered[:, foreground_mask], sharp[:, foreground_mask], atol=1e-9)
    # The wall far from the object is blurred as without it
    oracle = linear_to_srgb(Psf(disk(6.0)).apply(srgb_to_linear(sharp)))
    np.testing.assert_allclose(rendered[:, :13], oracle[:, :13], atol=1e-9)


@pytest.mark.parametrize("radius_px", [2.0, 4.0, 4.5])
def test_a_blurred_object_in_front_of_a_sharp_wall_has_the_disks_step_response(radius_px):
    """Its semi-transparent rim extends by the radius to both sides; the wall is attenuated by the disk's coverage."""
    sharp, radii, foreground_mask = _scene(0.0, -radius_px, background=0.25)
    rendered = render_radius(sharp, radii, encoding="linear")
    coverage = Psf(disk(radius_px)).apply(foreground_mask[None].astype(float))
    np.testing.assert_allclose(rendered, np.broadcast_to(0.25 + 0.75 * coverage, sharp.shape), atol=1e-9)
    # In the middle row the edge is straight: a running sum over the disk's columns
    columns = disk(radius_px).sum(0)
    half = columns.size // 2
    steps = [columns[half + distance :].sum() for distance in range(1, half + 1)]
    np.testing.assert_allclose((rendered[0, 30, 44 : 44 + half] - 0.25) / 0.75, steps, atol=1e-9)
    np.testing.assert_allclose(rendered[0, 30, 44 + half :], 0.25, atol=1e-9)


def test_a_textured_wall_stays_sharp_beside_a_blurred_object():
    """Through the semi-transparent rim the wall's own pixel is visible."""
    sharp, radii, foreground_mask = _scene(0.0, -4.0)
    wall = _picture(*sharp.shape)
    rendered = render_radius(np.where(foreground_mask, 1.0, wall), radii, encoding="linear")
    coverage = Psf(disk(4.0)).apply(foreground_mask[None].astype(float))
    np.testing.assert_allclose(
        rendered[:, ~foreground_mask], (wall * (1 - coverage) + coverage)[:, ~foreground_mask], atol=1e-9
    )


def test_the_larger_signed_radius_is_behind():
    """Same radii, foreground and background exchanged: only the near object spreads over the far one."""
    sharp, radii, foreground_mask = _scene(0.0, 4.0)  # a white background seen through a hole in a sharp black wall
    np.testing.assert_allclose(render_radius(sharp, radii)[:, ~foreground_mask], 0, atol=1e-9)
    sharp, radii, foreground_mask = _scene(0.0, -4.0)
    assert render_radius(sharp, radii)[0, 30, 44] > 0.3


@pytest.mark.parametrize("background_px", [3.0, 4.3, 7.0])
def test_no_dark_rim_where_a_blurred_object_covers_a_blurred_wall(background_px):
    """A uniform wall seen through a few gaps: behind the rim it is filled with its own colour, not with black."""
    rng = np.random.default_rng(1)
    gaps = rng.random((60, 64)) < 0.01
    radii = np.where(gaps, background_px, -9.0)
    for value in (0.2, 1.0):
        flat = np.full((3, 60, 64), value)
        np.testing.assert_allclose(render_radius(flat, radii, encoding="linear"), value, atol=1e-9)


def test_a_depth_map_is_rendered_with_the_radii_of_the_lens():
    sharp, depth = _picture(3, 24, 30), np.random.default_rng(2).uniform(0.8, 9, (24, 30))
    depth[:4] = np.inf
    rendered = render_depth(sharp, depth, LENS)
    np.testing.assert_array_equal(rendered, render_radius(sharp, LENS.signed_radius_px(depth)))
    np.testing.assert_allclose(render_depth(sharp, np.full((24, 30), 2.0), LENS), sharp, atol=1e-12)


def test_light_is_conserved_without_occlusion():
    """Behind the focus and without edges, the mean of linear light is conserved up to layer interpolation."""
    sharp = _picture(3, 48, 48)
    rendered = render_radius(sharp, np.full((48, 48), 3.2), boundary="periodic", encoding="linear")
    np.testing.assert_allclose(rendered.mean((1, 2)), sharp.mean((1, 2)), atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_torch_equals_numpy_and_a_batch_its_single_images(dtype):
    sharp = _picture(2, 3, 26, 22, dtype=dtype)
    radii = np.random.default_rng(3).uniform(-3, 4, (2, 26, 22)).astype(dtype)
    expected = np.stack([render_radius(sharp[i], radii[i]) for i in range(2)])
    tolerance = 1e-4 if dtype == np.float32 else 1e-10
    np.testing.assert_allclose(render_radius(sharp, radii), expected, atol=tolerance)
    tensor = render_radius(torch.from_numpy(sharp), torch.from_numpy(radii))
    assert tensor.dtype == torch.from_numpy(sharp).dtype
    np.testing.assert_allclose(tensor.numpy(), expected, atol=tolerance)
    np.testing.assert_allclose(render_radius(torch.from_numpy(sharp), radii).numpy(), expected, atol=tolerance)


LOPSIDED = np.random.default_rng(5).random((7, 5))
LOPSIDED /= LOPSIDED.sum()


def test_any_kernel_of_the_signed_radius():
    sharp = _picture(3, 30, 26)
    for radius_px, kernel in ((2.0, LOPSIDED), (-2.0, disk(3.0)), (0.0, np.ones((1, 1)))):
        rendered = render_layers(
            sharp, np.full((30, 26), radius_px), {radius_px: kernel}.__getitem__, encoding="linear"
        )
        np.testing.assert_allclose(rendered, Psf(kernel).apply(sharp), atol=1e-10)


def test_kernels_are_requested_for_non_empty_layers_only_farthest_first():
    requested = []
    radii = np.where(np.arange(20) < 8, -6.0, 2.25) * np.ones((16, 1))
    render_layers(_picture(1, 16, 20), radii, lambda radius: requested.append(radius) or disk(abs(radius)))
    assert requested == [2.5, 2.0, -6.0]


@pytest.mark.parametrize("largest_px", [2.0, 6.0])  # direct summation, and FFT
@pytest.mark.parametrize("as_kind", [np.asarray, torch.from_numpy])
@pytest.mark.parametrize("maps", [(2, 30, 26), (30, 26)])
def test_several_views_at_once_equal_each_view_alone(largest_px, as_kind, maps):
    sharp = _picture(2, 3, 30, 26)
    radii = np.random.default_rng(3).uniform(-largest_px, largest_px, maps)

    def views(radius_px):
        whole = disk(abs(radius_px))
        lopsided = whole * np.linspace(1, 2, whole.shape[1])
        return np.stack([whole, lopsided / lopsided.sum(), lopsided.T / lopsided.sum()])

    together = render_layers(as_kind(sharp), as_kind(radii), views)
    assert tuple(together.shape) == (3, 2, 3, 30, 26)
    for i in range(3):
        alone = render_layers(sharp, radii, lambda radius, i=i: views(radius)[i])
        np.testing.assert_allclose(np.asarray(together[i]), alone, atol=1e-10)
    assert np.abs(np.asarray(together[1] - together[2])).max() > 0.01


@pytest.mark.parametrize("encoding", ["srgb", "linear"])
def test_gradients_in_the_image_and_in_the_radii(encoding):
    sharp = torch.from_numpy(0.2 + 0.6 * _picture(1, 5, 4)).requires_grad_()
    inside = np.random.default_rng(3).uniform(0.1, 0.9, (5, 4)) + np.random.default_rng(4).integers(-3, 3, (5, 4))
    radii = torch.from_numpy(inside * 0.5)
    assert torch.autograd.gradcheck(lambda x: render_radius(x, radii, encoding=encoding), sharp)
    radii.requires_grad_()
    assert torch.autograd.gradcheck(lambda r: render_radius(sharp.detach(), r, encoding=encoding), radii)


def test_inputs_are_not_modified():
    sharp, radii = _picture(3, 12, 13), np.random.default_rng(3).uniform(-3, 4, (12, 13))
    before = sharp.copy(), radii.copy()
    render_radius(sharp, radii)
    np.testing.assert_array_equal(sharp, before[0])
    np.testing.assert_array_equal(radii, before[1])


def test_invalid_depths_are_refused():
    sharp = _picture(3, 5, 4)
    for bad in (0.0, -1.0, math.nan):
        depth = np.ones((5, 4))
        depth[1, 2] = bad
        with pytest.raises(InputError, match="positive everywhere"):
            render_depth(sharp, depth, LENS)
    with pytest.raises(InputError, match="same height and width"):
        render_depth(sharp, np.ones((4, 5)), LENS)
    with pytest.raises(InputError, match="not finite"):
        render_radius(sharp, np.full((5, 4), np.nan))
