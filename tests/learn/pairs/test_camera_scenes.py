"""Scenes of the camera pairs against the operators of the runtime: planes, ramps, occlusion, highlights."""

import pytest

torch = pytest.importorskip("torch")

from camera_samples import NOTHING, PERFECT, assert_same_levels, crops, db, fixed_lens, made, seeded, shown

from refocal.images.colour import srgb_to_linear
from refocal.learn.pairs import camera as camera_pairs
from refocal.learn.pairs.camera import CameraPairs
from refocal.learn.pairs.random_lenses import Lenses, draw
from refocal.learn.pairs.uniform import luma8
from refocal.optics.blur import BlurMap, Psf


@pytest.mark.parametrize("lens", [{}, {"rim": 0.2, "tilt": 0.4, "shift": 0.4, "toward": 0.5, "chromatic": 0.03}])
def test_a_plane_is_blurred_as_light_by_its_lens(lens, monkeypatch):
    kernel = fixed_lens(monkeypatch, **lens)
    pixels = crops()
    pairs = made(pixels, max_radius_px=5.0)
    assert torch.equal(pairs["sharp"], luma8(pixels)[..., 16:-16, 16:-16])
    light = srgb_to_linear(luma8(pixels))
    for i in range(4):
        radius_px = float(pairs["radius_px"][i, 0, 0, 0])
        assert (pairs["radius_px"][i] == radius_px).all() and 0 < radius_px < 5
        wanted = shown(Psf(kernel(radius_px)).apply(light[i]))[..., 16:-16, 16:-16]
        assert_same_levels(pairs["blurred"][i], wanted)


def test_the_radius_of_a_lens_is_that_of_the_disk_of_the_same_spread_about_its_centre():
    """The light of a point, in a crop that is black elsewhere: its centre stays, its spread is the radius's."""
    pixels = torch.zeros(12, 96, 96, 3, dtype=torch.uint8)
    pixels[:, 48, 48] = 255
    lens = {"tilt": 0.4, "rim": 0.25, "polygons": 0.5, "cat_eye": 0.5, "ellipse": 0.4, "ring": 0.5}
    pairs = CameraPairs(**{**NOTHING, "lens": {**PERFECT, **lens}, "border_px": 0})
    axis = torch.arange(96.0)
    for seed in range(3):
        random = seeded(seed)
        drawn = draw(Lenses(**{**PERFECT, **lens}), 12, random)
        light = srgb_to_linear(luma8(pixels))
        blurred = pairs._through(light, torch.full((12,), 7.0), drawn)[:, 0]
        total = blurred.sum((1, 2))
        centre = [(blurred * place).sum((1, 2)) / total for place in (axis[:, None], axis)]
        square = (blurred * (axis[:, None].square() + axis.square())).sum((1, 2)) / total
        spread = (2 * (square - centre[0].square() - centre[1].square())).sqrt()
        for place in centre:
            torch.testing.assert_close(place, torch.full((12,), 48.0), rtol=0, atol=0.05)
        assert (drawn.right.square() + drawn.below.square()).max() > 0.02
        torch.testing.assert_close(spread, torch.full((12,), 7.0), rtol=0.02, atol=0)
        assert drawn.spread.min() < 0.95


def test_the_background_behind_a_blurred_edge_is_partly_visible(monkeypatch):
    """The formula of occlusion, by the runtime's operator; the object in front is from the same crop or
    the one before."""
    kernel = fixed_lens(monkeypatch, rim=0.1, tilt=0.3, toward=1.0)
    mask = torch.zeros(6, 1, 64, 64)
    mask[..., 20:50, 24:41] = 1
    mask[..., 30:34, 41] = 0.5
    monkeypatch.setattr(camera_pairs, "masks", lambda like, random, host: mask[: len(like)])
    monkeypatch.setattr(camera_pairs, "OCCLUDERS", 1)
    pixels = crops(6)
    pairs = made(pixels, layers=1.0, max_radius_px=6.0)
    light, sharp = srgb_to_linear(luma8(pixels)), luma8(pixels)
    inner, kinds = (..., slice(16, -16), slice(16, -16)), set()
    for i in range(6):
        near, far = pairs["radius_px"][i, 0, 16, 16], pairs["radius_px"][i, 0, 0, 0]
        assert torch.equal(pairs["radius_px"][i], torch.where(mask[i] > 0.5, near, far)[inner])
        in_front, behind = Psf(kernel(near)), Psf(kernel(far)).apply(light[i])
        fits = []
        for other in (i, i - 1):
            seen = in_front.apply(mask[i] * light[other]) + (1 - in_front.apply(mask[i])) * behind
            whole = (mask[i] * sharp[other] + (1 - mask[i]) * sharp[i])[inner]
            if (pairs["blurred"][i] - shown(seen)[inner]).abs().max() < 1.5 / 255:
                assert_same_levels(pairs["blurred"][i], shown(seen)[inner])
                clear = ((mask[i] == 0) | (mask[i] == 1))[inner]
                torch.testing.assert_close(pairs["sharp"][i][clear], whole[clear], atol=1e-5, rtol=0)
                fits.append(other)
        assert len(fits) == 1
        kinds.add(fits[0] == i)
    assert kinds == {True, False}


def test_a_ramp_without_slope_is_a_plane():
    radii = {"max_radius_px": 4.0, "least_radius_px": 4.0}
    plane, ramp = made(crops(), **radii), made(crops(), ramps=1.0, **radii)
    assert (ramp["radius_px"] == 4).all()
    assert_same_levels(ramp["blurred"], plane["blurred"])


def test_ramps_are_nearly_what_gathering_with_each_pixels_disk_gives():
    """Few kernels mixed for many radii: 36 dB and more from a map in steps of a quarter pixel, the blur itself is
    20."""
    pixels = crops(6, 96)
    pairs = made(pixels, ramps=1.0, max_radius_px=6.0, border_px=0)
    light, inner = srgb_to_linear(luma8(pixels)), (..., slice(16, -16), slice(16, -16))
    for i in range(6):
        radius_px = pairs["radius_px"][i, 0]
        wanted = shown(BlurMap(radius_px, step_px=0.25).apply(light[i]))
        assert float(db(pairs["blurred"][i : i + 1][inner], wanted[None][inner])) > 36
        steps = torch.stack(torch.gradient(radius_px)).abs().max()
        assert 0 < steps < 6 * 4 / 96 and 0 <= radius_px.min() <= radius_px.max() <= 6


def test_no_light_is_lost_but_beyond_white():
    pixels = crops(4, most=150)
    pairs = made(pixels, layers=0.5, ramps=0.5, max_radius_px=5.0, border_px=0, lens={})
    plane = made(pixels, max_radius_px=5.0, border_px=0, lens={})
    before, after = (srgb_to_linear(part).mean((1, 2, 3)) for part in (plane["sharp"], plane["blurred"]))
    torch.testing.assert_close(before, after, atol=2e-4, rtol=0)  # what leaves on one side comes in on the other
    assert pairs["blurred"].min() >= plane["sharp"].min() - 1 / 255


def test_a_lamp_brighter_than_white_shines_further():
    pixels = torch.full((5, 64, 64, 3), 60, dtype=torch.uint8)
    pixels[:, 30:34, 30:34] = 255
    plain, lit = (made(pixels, max_radius_px=6.0, least_radius_px=3.0, highlights=share) for share in (0.0, 1.0))
    assert torch.equal(plain["radius_px"], lit["radius_px"]) and lit["blurred"].max() <= 1
    corner = (..., slice(0, 2), slice(0, 2))
    assert torch.equal(plain["blurred"][corner], lit["blurred"][corner])  # 60 is no highlight
    gained = srgb_to_linear(lit["blurred"]).sum((1, 2, 3)) / srgb_to_linear(plain["blurred"]).sum((1, 2, 3))
    assert (gained > 1.0).all() and gained.max() > 1.01
    lifts = srgb_to_linear(lit["blurred"]) - srgb_to_linear(plain["blurred"])
    extra = lifts.sum((1, 2, 3)) / 16 / (1 - srgb_to_linear(plain["blurred"])[:, 0, 0, 0])
    assert extra.max() < 3.2 and extra.min() >= 0  # at most four times as bright


def test_resizing_and_compressing_are_shares():
    sides = [made(crops(1), seed, in_focus=1.0, resized=0.5, border_px=0)["blurred"].shape[-1] for seed in range(40)]
    assert 8 <= sum(side < 64 for side in sides) <= 32  # four deviations
    pixels = crops(40)
    plain, files = made(pixels, in_focus=1.0), made(pixels, in_focus=1.0, compressed=0.5)
    changed = (plain["blurred"] != files["blurred"]).flatten(1).any(1)
    assert 8 <= changed.sum() <= 32
    assert db(files["blurred"], plain["blurred"])[changed].min() > 20


def test_scenes_are_drawn_in_their_shares(monkeypatch):
    monkeypatch.setattr(camera_pairs, "OCCLUDERS", 1)
    shares = {"in_focus": 0.25, "ramps": 0.25, "layers": 0.5}
    radius_px = made(crops(240, 32), max_radius_px=2.0, border_px=4, **shares)["radius_px"].flatten(1)
    values = torch.tensor([len(row.unique()) for row in radius_px])
    focus, plain = (values == 1) & (radius_px[:, 0] == 0), (values == 1) & (radius_px[:, 0] > 0)
    ramps = values > 2
    for kind in (focus, plain, ramps, values == 2):
        assert abs(kind.float().mean() - 0.25) < 0.11  # four deviations
    assert radius_px.max() < 2


def test_radii_have_the_given_distribution():
    pairs = made(crops(300, 16), max_radius_px=3.0, least_radius_px=1.0, skew=1.5, border_px=0)
    place = (pairs["radius_px"][:, 0, 0, 0] - 1) / 2  # the share below x is x^(2/3)
    for quantile in (0.25, 0.5, 0.75):
        assert float((place ** (2 / 3)).quantile(quantile)) == pytest.approx(quantile, abs=0.1)
    assert place.min() >= 0 and place.max() <= 1


def test_a_second_object_occludes_the_first(monkeypatch):
    """Two objects at different depths over the same place: the last one occludes the other."""
    masks = [torch.zeros(8, 1, 64, 64) for _ in range(2)]
    masks[0][..., 20:50, 20:40], masks[1][..., 30:60, 30:50] = 1, 1
    given = iter(masks)
    monkeypatch.setattr(camera_pairs, "masks", lambda like, random, host: next(given)[: len(like)])
    pairs = made(crops(8), layers=1.0, max_radius_px=3.0, border_px=0)
    radius_px = pairs["radius_px"][:, 0]
    behind, first, second = radius_px[:, 2, 2], radius_px[:, 22, 22], radius_px[:, 40, 35]
    for i in range(8):
        both = len({float(behind[i]), float(first[i]), float(second[i])}) == 3
        assert (
            torch.equal(radius_px[i][30:50, 30:40].unique(), second[i][None])
            if both
            else len(radius_px[i].unique()) <= 2
        )
        assert radius_px[i, 55, 45] == second[i] or not both
