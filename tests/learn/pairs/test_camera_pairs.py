"""Pairs like real photos against the operators of the runtime, one part of the pipeline at a time."""

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

torch = pytest.importorskip("torch")

from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.learn.pairs import camera as camera_pairs
from refocal.learn.pairs.camera import CameraPairs
from refocal.learn.pairs.isp import s_curve, sharpened
from refocal.learn.pairs.random_lenses import Lenses, draw, luma_kernels
from refocal.learn.pairs.uniform import luma8, rounded
from refocal.optics.blur import BlurMap, Psf

PERFECT = dict.fromkeys(vars(Lenses()), 0.0)
NOTHING = {
    "lens": PERFECT,
    **dict.fromkeys(
        ("in_focus", "ramps", "layers", "highlights", "noisy", "tone", "sharpening", "resized", "compressed"), 0.0
    ),
}
IN_FOCUS = {"max_radius_px": 1e-6}
"""A radius so small that the kernel is one pixel, but every crop is rendered."""


def seeded(seed=1):
    return torch.Generator().manual_seed(seed)


def crops(count=4, side=64, seed=0, least=20, most=230):
    """Colour with edges and soft places, no value near black or white."""
    random = np.random.default_rng(seed)
    blocks = np.kron(random.random((count, side // 8, side // 8, 3)), np.ones((1, 8, 8, 1)))
    soft = gaussian_filter(random.random((count, side, side, 3)), (0, 4, 4, 0), mode="wrap") * 3 - 1
    pixels = np.clip(0.7 * blocks + 0.3 * soft, 0, 1)
    return torch.from_numpy((least + (most - least) * pixels).astype(np.uint8))


def made(pixels, seed=1, **changed):
    return CameraPairs(**{**NOTHING, **changed})(pixels, seeded(seed))


def fixed_lens(monkeypatch, **values):
    """All lenses are this one."""

    def drawn(lenses, count, random):
        some = draw(lenses, count, random)
        return type(some)(**{n: torch.full((count,), values.get(n, 0.0)) for n in vars(some)})

    monkeypatch.setattr(camera_pairs, "draw", drawn)
    return lambda radius_px: luma_kernels(
        torch.tensor([float(radius_px)]), drawn(Lenses(), 1, seeded()), int(1.5 * radius_px) + 2
    )[0]


def shown(light):
    """As a camera without faults shows it."""
    return rounded(linear_to_srgb(light.clamp(0, 1)))


def db(one, other):
    return -10 * (one - other).square().mean((1, 2, 3)).clamp(min=1e-10).log10()


def assert_same_levels(ours, theirs):
    """Rounding may fall to either side where the last bit of the sums differs."""
    off = (255 * (ours - theirs)).abs().round()
    assert off.max() <= 1 and (off > 0).float().mean() < 0.002


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


def test_the_background_behind_a_blurred_edge_is_partly_visible(monkeypatch):
    """The formula of occlusion, by the runtime's operator; the object in front is from the same crop or
    the one before."""
    kernel = fixed_lens(monkeypatch, rim=0.1, tilt=0.3, toward=1.0)
    mask = torch.zeros(6, 1, 64, 64)
    mask[..., 20:50, 24:41] = 1
    mask[..., 30:34, 41] = 0.5
    monkeypatch.setattr(camera_pairs, "_shapes", lambda like, random: mask[: len(like)])
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


@pytest.mark.parametrize("part", ["tone", "layers", "ramps", "in_focus"])
def test_in_focus_nothing_changes(part):
    pairs = made(crops(8), **IN_FOCUS, **{part: 1.0})
    off = (255 * (pairs["blurred"] - pairs["sharp"])).abs()
    if part == "layers":  # mixed as light in one, as levels in the other
        off = off[off <= torch.quantile(off, 0.93)]
    assert off.max() < 0.75  # half a level from rounding, the rest from a kernel of 0.998


def test_crops_in_focus_come_back_as_they_are():
    pairs = made(crops(8), in_focus=1.0, tone=0.5, ramps=0.0)
    assert not pairs["radius_px"].any()
    assert_same_levels(pairs["blurred"], pairs["sharp"])
    torch.testing.assert_close(pairs["blurred"], pairs["sharp"], atol=1e-5, rtol=0)


def test_highlights_in_focus_are_the_target():
    pairs = made(crops(8, least=180, most=255), in_focus=1.0, highlights=1.0)
    assert (pairs["blurred"] - pairs["sharp"]).abs().max() < 1 / 255


def test_an_object_in_front_has_the_tone_of_the_target():
    pairs = made(crops(12), layers=1.0, tone=0.5, **IN_FOCUS)
    off = (pairs["blurred"] - pairs["sharp"]).abs().flatten(1)
    assert off.quantile(0.9, dim=1).max() < 1 / 255  # but for the edges, where light is mixed


def test_sharpening_and_tone_come_in_their_order():
    """In focus and not blurred, the camera's part can be read off: the tone curve is undone, the sharpening isn't."""
    pixels = crops(6)
    pairs = made(pixels, in_focus=1.0, tone=0.7, sharpening=1.0, border_px=0)
    sharp = luma8(pixels)
    best = []
    for sigma_px in np.linspace(0.6, 1.4, 17):
        edge = sharpened(sharp, torch.ones(6, 1, 1, 1), float(sigma_px)) - sharp
        change = pairs["blurred"] - sharp
        amount = (edge * change).sum((1, 2, 3), keepdim=True) / edge.square().sum((1, 2, 3), keepdim=True)
        best.append((float((change - amount * edge).square().mean().sqrt()), amount))
    error, amount = min(best, key=lambda pair: pair[0])
    assert error < 2 / 255 and amount.min() >= 0 and 0.5 < amount.max() < 1.05


def test_noise_is_added_to_the_light_and_mostly_weak():
    pixels = torch.full((60, 48, 48, 3), 128, dtype=torch.uint8)
    pairs = made(pixels, in_focus=1.0, noisy=0.7, shot=2e-3, read=1e-2, border_px=0)
    light = srgb_to_linear(pairs["blurred"])
    std, middle = light.std((1, 2, 3)), float(srgb_to_linear(torch.tensor(128 / 255)))
    most = (2e-3 * middle + 1e-4) ** 0.5
    assert most > std.max() > 0.7 * most
    assert 0.1 < (std == 0).float().mean() < 0.6  # three deviations around 0.3, and what rounds to nothing
    assert std.median() < 0.4 * most
    assert abs(light.mean() - middle) < 1e-3


def test_a_smaller_photo_has_smaller_radii():
    pixels = crops(4, 96)
    whole, small = (made(pixels, max_radius_px=6.0, resized=share, border_px=0) for share in (0.0, 1.0))
    side = small["blurred"].shape[-1]
    assert small["blurred"].shape == small["sharp"].shape == small["radius_px"].shape == (4, 1, side, side)
    assert side in (64, 80) and side % 16 == 0  # 2/3 of 96, and 3/4 in whole sixteens
    torch.testing.assert_close(
        small["radius_px"], whole["radius_px"][..., :side, :side] * (side / 96), atol=1e-5, rtol=0
    )
    for i in range(4):
        image = Image.fromarray(whole["sharp"][i, 0].numpy(), mode=None)
        wanted = np.asarray(image.resize((side, side), Image.Resampling.BICUBIC)).clip(0, 1)
        np.testing.assert_allclose(small["sharp"][i, 0].numpy(), wanted, atol=2e-3)


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


def test_edges_are_cut_after_everything():
    whole, cut = (made(crops(), max_radius_px=5.0, ramps=0.5, layers=0.5, border_px=border) for border in (0, 16))
    for name, part in cut.items():
        assert part.dtype == torch.float32 and torch.equal(part, whole[name][..., 16:-16, 16:-16])


def test_the_periodic_boundary_does_not_reach_into_the_crop():
    """With recipes' radii: the crop is blurred periodically, and its other side must not be visible."""
    pixels = crops(4, 96)
    other = pixels.clone()
    other[:, :, -3:] = 255 - other[:, :, -3:]
    one, two = (CameraPairs(**{**NOTHING, "lens": {}}, max_radius_px=9.0)(part, seeded()) for part in (pixels, other))
    left = slice(None, 30)
    assert (255 * (one["blurred"] - two["blurred"])[..., left]).abs().max() < 1.5


def test_pairs_depend_on_the_seed_alone():
    one, again, other = (CameraPairs(max_radius_px=6.0)(crops(), seeded(seed)) for seed in (1, 1, 2))
    for name, part in one.items():
        assert torch.equal(part, again[name])
    assert not torch.equal(one["blurred"], other["blurred"]) and not torch.equal(one["radius_px"], other["radius_px"])
    levels = 255 * one["blurred"]
    torch.testing.assert_close(levels, levels.round(), atol=1e-4, rtol=0)
    assert one["blurred"].is_contiguous() or one["blurred"].shape == one["sharp"].shape


def test_pairs_do_not_depend_on_the_number_of_threads():
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(CameraPairs(max_radius_px=3.0)(crops(2), seeded()))
    finally:
        torch.set_num_threads(before)
    for name, part in found[0].items():
        assert torch.equal(part, found[1][name])


def test_crops_stay_as_they_are():
    pixels = crops()
    CameraPairs(max_radius_px=6.0)(pixels, seeded())
    assert torch.equal(pixels, crops())


def test_a_steeper_curve_blurs_other_light():
    """Two cameras of different contrast see the same blur otherwise: what is undone before is done after."""
    pixels = crops(6)
    plain, toned = (made(pixels, max_radius_px=4.0, least_radius_px=3.0, tone=share) for share in (0.0, 1.0))
    assert torch.equal(plain["sharp"], toned["sharp"]) and torch.equal(plain["radius_px"], toned["radius_px"])
    i = int(db(plain["blurred"], toned["blurred"]).argmin())
    kernel = luma_kernels(plain["radius_px"][i, 0, :1, 0], draw(Lenses(**PERFECT), 1, seeded()), 8)[0]
    fits = []
    for slope in torch.linspace(1, 1.5, 51):
        light = srgb_to_linear(s_curve(luma8(pixels[i : i + 1]), 1 / slope))
        seen = rounded(s_curve(linear_to_srgb(Psf(kernel).apply(light).clamp(0, 1)), slope))[..., 16:-16, 16:-16]
        fits.append(float(db(seen, toned["blurred"][i : i + 1])))
    assert max(fits) > 56 > 53 > float(db(plain["blurred"], toned["blurred"])[i])


def test_a_second_object_occludes_the_first(monkeypatch):
    """Two objects at different depths over the same place: the last one occludes the other."""
    masks = [torch.zeros(8, 1, 64, 64) for _ in range(2)]
    masks[0][..., 20:50, 20:40], masks[1][..., 30:60, 30:50] = 1, 1
    given = iter(masks)
    monkeypatch.setattr(camera_pairs, "_shapes", lambda like, random: next(given)[: len(like)])
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
