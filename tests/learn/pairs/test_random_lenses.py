"""Drawn lenses against the exact disk, moments of known shapes, and one another."""

import math
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from refocal.images.colour import LUMA_WEIGHTS
from refocal.learn.pairs.random_lenses import Drawn, Lenses, draw, luma_kernels
from refocal.optics.kernels import disk

PERFECT = Lenses(rim=0, polygons=0, cat_eye=0, ellipse=0, tilt=0, ring=0, chromatic=0)


def seeded(seed=1):
    return torch.Generator().manual_seed(seed)


def lens(**values):
    """One lens, a uniform disk except for the given fields."""
    nothing = dict.fromkeys(vars(draw(PERFECT, 1, seeded())), 0.0)
    return Drawn(**{name: torch.tensor([float(value)]) for name, value in {**nothing, **values}.items()})


def kernel(radius_px, half_px=None, **values):
    half_px = math.ceil(radius_px) + 3 if half_px is None else half_px
    return luma_kernels(torch.tensor([float(radius_px)]), lens(**values), half_px)[0].double().numpy()


def moments(taps):
    """Centroid (x, y) and covariance of a kernel, x to the right, y downwards."""
    half = taps.shape[0] // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    centre = np.array([(taps * x).sum(), (taps * y).sum()])
    x, y = x - centre[0], y - centre[1]
    xy = (taps * x * y).sum()
    return centre, np.array([[(taps * x * x).sum(), xy], [xy, (taps * y * y).sum()]])


def mean_square_px(taps):
    """Per axis, as ``moments`` but without what the pixels' own size adds: 1/12 by Sheppard's correction."""
    return np.trace(moments(taps)[1]) / 2 - 1 / 12


@pytest.mark.parametrize(
    ("radius_px", "most"), [(1, 0.04), (1.5, 0.04), (2, 0.015), (3, 0.01), (5, 0.005), (12, 0.002)]
)
def test_a_perfect_lens_gives_the_exact_disk(radius_px, most):
    taps, wanted = kernel(radius_px), disk(radius_px)
    wanted = np.pad(wanted, (taps.shape[0] - wanted.shape[0]) // 2)
    assert np.abs(taps - wanted).sum() / 2 < most  # the share of the light that lies elsewhere
    assert (taps**2).sum() == pytest.approx((wanted**2).sum(), rel=5 * most)  # 1 / area
    np.testing.assert_allclose(taps, taps.T, atol=1e-7)


def test_all_light_arrives_and_no_radius_is_one_pixel():
    taps = luma_kernels(torch.linspace(0, 9, 60), draw(Lenses(), 60, seeded()), 14)
    assert taps.shape == (60, 29, 29) and taps.min() >= 0
    np.testing.assert_allclose(taps.sum((1, 2)), 1, atol=1e-5)
    none = luma_kernels(torch.zeros(100), draw(Lenses(), 100, seeded()), 3)
    assert none[:, 3, 3].min() > 0.99 and kernel(0)[3, 3] > 0.998


def test_a_disk_is_as_wide_as_theory_says():
    assert mean_square_px(kernel(9)) == pytest.approx(9**2 / 4, rel=2e-3)


@pytest.mark.parametrize("blades", [5, 6, 7, 9])
def test_polygons_have_the_disks_area_and_their_own_width(blades):
    radius_px, sector = 10, 2 * math.pi / blades
    taps = kernel(radius_px, 16, blades=blades, turn=0.3)
    corner = math.sqrt(2 * math.pi * radius_px**2 / (blades * math.sin(sector)))  # circumradius of that area
    assert mean_square_px(taps) == pytest.approx(corner**2 * (2 + math.cos(sector)) / 12, rel=3e-3)
    assert (taps**2).sum() == pytest.approx((kernel(radius_px, 16) ** 2).sum(), rel=0.02)
    half = taps.shape[0] // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    assert taps[np.hypot(x, y) > corner + 1].max() < 1e-4 * taps.max()
    assert taps[np.hypot(x, y) < corner * math.cos(sector / 2) - 1].min() > 0.99 * taps.max()
    harmonic = (taps * np.exp(1j * blades * np.arctan2(y, x)) * np.hypot(x, y) ** 2).sum()  # of as many corners
    others = [
        (taps * np.exp(1j * n * np.arctan2(y, x)) * np.hypot(x, y) ** 2).sum() for n in range(5, 10) if n != blades
    ]
    assert abs(harmonic) > 5 * np.abs(others).max()


def test_rounded_blades_make_a_disk():
    np.testing.assert_allclose(kernel(8, blades=5, roundness=1), kernel(8), atol=1e-6)


def test_an_ellipse_is_short_where_it_should_be():
    taps = kernel(9, 14, stretch=0.4, toward=math.pi / 6)
    values, axes = np.linalg.eigh(moments(taps)[1] - np.eye(2) / 12)
    np.testing.assert_allclose(values, [9**2 / 4 / 1.4, 9**2 / 4 * 1.4], rtol=3e-3)
    assert abs(axes[:, 0] @ [math.cos(math.pi / 6), math.sin(math.pi / 6)]) > 0.9999


@pytest.mark.parametrize("shift", [0.2, 0.5, 0.9])
def test_a_cats_eye_is_what_two_disks_share(shift):
    radius_px, toward = 10, 2.0
    taps = kernel(radius_px, shift=shift, toward=toward)
    shared = 2 * math.acos(shift / 2) - shift * math.sqrt(1 - shift**2 / 4)
    assert 1 / (taps**2).sum() == pytest.approx(shared / math.pi / (kernel(radius_px) ** 2).sum(), rel=0.025)
    wanted = shift * radius_px / 2 * np.array([math.cos(toward), math.sin(toward)])  # halfway between the two
    np.testing.assert_allclose(moments(taps)[0], wanted, atol=0.02)


def test_one_side_is_brighter():
    """The centroid of 1 + tilt x / r over a disk lies at tilt r / 4."""
    taps = kernel(10, tilt=0.4, toward=-0.7)
    np.testing.assert_allclose(moments(taps)[0], 0.4 * 10 / 4 * np.array([math.cos(0.7), -math.sin(0.7)]), atol=0.02)


@pytest.mark.parametrize("ring", [-0.5, 0.5])
def test_a_bright_rim_widens_and_a_dark_one_narrows(ring):
    """The mean of x^2 (1 + ring (rho^2 - 1/2)) over a disk is r^2 / 4 (1 + ring / 6)."""
    taps = kernel(10, ring=ring)
    assert mean_square_px(taps) == pytest.approx(10**2 / 4 * (1 + ring / 6), rel=3e-3)
    assert taps[13, 13] * math.pi * 10**2 == pytest.approx(1 - ring / 2, rel=0.01)


def test_a_soft_rim_is_half_as_bright_at_the_radius():
    row = kernel(12, 20, rim=0.25)[20] * math.pi * 12**2
    assert row[32] / row[20] == pytest.approx(0.5, abs=0.01)
    assert row[35] / row[20] == pytest.approx(1 / (1 + math.exp(2)), abs=0.01)  # one width further out


def test_colours_have_their_own_radii():
    values = {"rim": 0.1, "tilt": 0.3, "toward": 1.0}
    mixed = kernel(10, chromatic=0.04, **values)
    apart = [share * kernel(radius, 13, **values) for share, radius in zip(LUMA_WEIGHTS, (10.4, 10, 9.6), strict=True)]
    np.testing.assert_allclose(mixed, sum(apart), atol=1e-7)


def test_a_lens_is_independent_of_its_batch():
    lenses, radius_px = draw(Lenses(), 12, seeded()), torch.linspace(0.5, 5, 12)
    together = luma_kernels(radius_px, lenses, 8)
    for i in range(12):
        one = torch.tensor([i])
        torch.testing.assert_close(luma_kernels(radius_px[one], lenses[one], 8)[0], together[i], atol=1e-6, rtol=0)


def test_lenses_are_drawn_within_their_limits():
    drawn = draw(Lenses(), 4000, seeded())
    many = drawn.blades > 0
    assert abs(many.float().mean() - 0.4) < 0.025  # three deviations
    counts = torch.bincount(drawn.blades[many].long(), minlength=10)
    assert counts[:5].sum() == 0 and len(counts) == 10 and counts[5:].min() > 250
    for name, low, high in [
        ("rim", 0.0625, 0.25),
        ("shift", 0, 0.5),
        ("stretch", 0, 0.4),
        ("tilt", -0.4, 0.4),
        ("ring", -0.5, 0.5),
        ("chromatic", -0.04, 0.04),
        ("toward", 0, 2 * math.pi),
    ]:
        values, span = getattr(drawn, name), high - low
        assert low <= values.min() < low + 0.01 * span and high - 0.01 * span < values.max() <= high, name


def test_lenses_depend_on_the_seed_alone_and_can_be_alike():
    one, again, other = (draw(Lenses(), 5, seeded(seed)) for seed in (1, 1, 2))
    assert all(torch.equal(value, vars(again)[name]) for name, value in vars(one).items())
    assert not torch.equal(one.tilt, other.tilt)
    same = draw(replace(PERFECT, rim=0.2), 5, seeded())
    for name in ("blades", "shift", "stretch", "tilt", "ring", "chromatic"):
        assert not getattr(same, name).any()
