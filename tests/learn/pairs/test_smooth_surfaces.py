"""Surfaces without texture, and noise as cameras leave it: smoothed, its strength kept."""

import math

import pytest

torch = pytest.importorskip("torch")

from camera_samples import NOTHING, crops, made, seeded

from refocal.learn.pairs.camera import GRAIN_PX, CameraPairs
from refocal.learn.pairs.isp import with_noise
from refocal.learn.pairs.shapes import smoothed
from refocal.learn.pairs.uniform import luma8
from refocal.types import InputError

FOCUSED = {"in_focus": 1.0, "border_px": 0}


def detail(image):
    """Root mean square of the differences of neighbours, for each image."""
    return image.diff(dim=-1).square().mean((1, 2, 3)).sqrt()


def test_crops_lose_their_texture_all_over_or_in_parts():
    sharp = luma8(crops(200))
    plain = smoothed(sharp, seeded(), seeded(2))
    assert plain.min() >= 0 and plain.max() <= 1
    kept = (plain - sharp).abs().flatten(1) < 1e-6
    whole = kept.float().mean(1) < 0.02  # nothing is left of the texture
    assert 0.4 < whole.float().mean() < 0.75  # half, and those whose mask covers all
    assert (kept.float().mean(1) > 0.2).float().mean() > 0.2  # in others, a part is as it was
    assert detail(plain[whole]).max() < detail(sharp).min()
    flat = plain[whole].flatten(1)
    for level in (0.0, 1.0):
        assert 0.1 < (flat == level).all(1).float().mean() < 0.3  # a fifth black, a fifth white


def test_the_fraction_of_plain_crops_is_smooth():
    pixels = crops(300)
    before = made(pixels, **FOCUSED)["sharp"]
    torch.testing.assert_close(before, luma8(pixels), atol=1e-5, rtol=0)  # without it, all is as it was
    for share in (0.3, 1.0):
        after = made(pixels, **FOCUSED, smooth=share)["sharp"]
        changed = ((after - luma8(pixels)).abs().amax((1, 2, 3)) > 2 / 255).float().mean()
        assert changed == pytest.approx(share, abs=0.08)


def test_what_is_plain_is_the_target_too():
    """Where no blur can be seen, the restored photo has no texture either."""
    pairs = made(crops(60), smooth=1.0, max_radius_px=3.0, least_radius_px=3.0)
    flat = detail(pairs["sharp"]) < 1e-3
    assert flat.any()
    assert (pairs["blurred"][flat] - pairs["sharp"][flat]).abs().max() <= 1.01 / 255


@pytest.mark.parametrize("sigma_px", [0.0, *GRAIN_PX])
def test_smoothed_noise_keeps_its_deviation(sigma_px):
    grey, deviation = torch.full((16, 1, 64, 64), 0.5), torch.full((16, 1, 1, 1), 0.02)
    grain = torch.full((16, 1, 1, 1), sigma_px)
    noise = with_noise(grey, 0 * deviation, deviation, seeded(), grain) - grey
    assert float(noise.std()) == pytest.approx(0.02, rel=0.03)
    neighbours = float((noise[..., 1:] * noise[..., :-1]).mean() / noise.square().mean())
    # The autocorrelation one pixel on, of the Gaussian's power spectrum up to the pixel grid's highest frequency.
    frequency = torch.linspace(-0.5, 0.5, 2001)
    power = torch.exp(-4 * (math.pi * sigma_px * frequency) ** 2)
    wanted = float((power * torch.cos(2 * math.pi * frequency)).mean() / power.mean())
    assert neighbours == pytest.approx(wanted, abs=0.02)


def test_no_grain_is_white_noise():
    grey, deviation = torch.full((4, 1, 32, 32), 0.5), torch.full((4, 1, 1, 1), 0.02)
    white = with_noise(grey, 0 * deviation, deviation, seeded())
    grained = with_noise(grey, 0 * deviation, deviation, seeded(), torch.zeros(4, 1, 1, 1))
    torch.testing.assert_close(grained, white, atol=1e-6, rtol=0)


def test_the_fraction_of_smoothed_noise_is_smooth_noise():
    pixels = torch.full((300, 64, 64, 3), 128, dtype=torch.uint8)
    settings = {**NOTHING, **FOCUSED, "noisy": 1.0, "shot": 0.0, "read": 0.3, "smooth_noise": 0.4}
    noise = CameraPairs(**settings)(pixels, seeded())["blurred"] - 128 / 255
    strong = noise.square().mean((1, 2, 3)).sqrt() > 8 / 255
    noise = noise[strong]
    neighbours = (noise[..., 1:] * noise[..., :-1]).mean((1, 2, 3)) / noise.square().mean((1, 2, 3))
    assert (neighbours > 0.1).float().mean() == pytest.approx(0.4, abs=0.12)


@pytest.mark.parametrize("name", ["smooth", "smooth_noise"])
def test_fractions_above_one_are_refused(name):
    with pytest.raises(InputError, match=f"The pairs' {name} is a fraction from 0 to 1, not 1.5"):
        CameraPairs(**{name: 1.5})
