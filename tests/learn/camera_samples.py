"""Crops and camera pairs with one effect at a time."""

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from refocal.images.colour import linear_to_srgb
from refocal.learn.pairs import camera as camera_pairs
from refocal.learn.pairs.camera import CameraPairs
from refocal.learn.pairs.random_lenses import Lenses, draw, luma_kernels
from refocal.learn.pairs.uniform import rounded

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
        return type(some)(**{n: torch.full((count,), values.get(n, float(n == "spread"))) for n in vars(some)})

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
