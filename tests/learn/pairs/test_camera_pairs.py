"""The camera of the camera pairs, one effect at a time; crops in focus, borders, and reproducibility."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from camera_samples import IN_FOCUS, NOTHING, PERFECT, assert_same_levels, crops, db, made, seeded
from PIL import Image

from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.learn.pairs.camera import CameraPairs
from refocal.learn.pairs.isp import s_curve, sharpened
from refocal.learn.pairs.random_lenses import Lenses, draw, luma_kernels
from refocal.learn.pairs.uniform import luma8, rounded
from refocal.optics.blur import Psf


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
    """The tone curve is inverted before the blur and applied after it, so the same blur differs between contrasts."""
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
