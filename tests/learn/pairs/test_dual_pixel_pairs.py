"""Training pairs of dual-pixel photos."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from refocal.images.colour import srgb_to_linear
from refocal.learn.pairs.depth_like import layered_radius
from refocal.learn.pairs.dual_pixel import RIM, DualPixelPairs, _lens, smooth3, soft_disk
from refocal.learn.pairs.uniform import luma8
from refocal.optics.dual_pixel import RING_SETS


@pytest.fixture(scope="module")
def crops():
    random = np.random.default_rng(0)
    blocks = np.kron(random.integers(0, 256, (6, 12, 12, 3)), np.ones((1, 4, 4, 1)))
    return torch.from_numpy(blocks.astype(np.uint8))


def made(crops, **options):
    return DualPixelPairs(max_radius_px=6.0, **options)(crops, torch.Generator().manual_seed(3))


def test_the_photo_is_the_mean_of_the_views_in_linear_light(crops):
    batch = made(crops)
    light = (srgb_to_linear(batch["left"]) + srgb_to_linear(batch["right"])) / 2
    # Each of the three is rounded to 8 bits: half a level of them is up to 2.3 half levels of light.
    assert (srgb_to_linear(batch["blurred"]) - light).abs().max() < 2 * 2.3 * 0.5 / 255
    assert (batch["left"] - batch["right"]).abs().max() > 0.1


def test_maps_have_a_sign_and_each_crop_its_own_limit(crops):
    batch = made(crops, least_share=0.1)
    assert batch["signed_px"].shape == (6, 1, 48, 48)
    assert torch.equal(batch["radius_px"], batch["signed_px"].abs())
    assert batch["signed_px"].min() < 0 < batch["signed_px"].max() and batch["radius_px"].max() <= 6
    signed = layered_radius(5, (20, 30), torch.Generator().manual_seed(0), signed=True)
    assert torch.equal(layered_radius(5, (20, 30), torch.Generator().manual_seed(0)), signed.abs()) and signed.min() < 0


def test_the_same_seed_makes_the_same_pairs(crops):
    options = {"kernels": "both", "uneven": 0.1, "noise_std": 0.01, "grey": 0.5, "sharp": 0.2}
    first, again = made(crops, **options), made(crops, **options)
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_sharp_crops_stay_sharp(crops):
    batch = made(crops, sharp=1.0)
    assert batch["radius_px"].max() == 0
    for name in ("left", "right", "blurred"):
        assert (batch[name] - batch["sharp"]).abs().max() < 1e-6


def test_the_border_is_cut_after_blurring(crops):
    whole, inner = made(crops), made(crops, border_px=5)
    for name in whole:
        assert torch.equal(inner[name], whole[name][..., 5:-5, 5:-5])


def test_grey_crops_have_their_luma_everywhere(crops):
    sharp = made(crops, grey=1.0)["sharp"]
    assert torch.equal(sharp, luma8(crops).expand_as(sharp))


def test_crosstalk_brings_the_views_together_and_leaves_the_photo(crops):
    plain, mixed = made(crops), made(crops, crosstalk=0.3)
    assert torch.equal(mixed["blurred"], plain["blurred"])

    def apart(batch):
        return (srgb_to_linear(batch["left"]) - srgb_to_linear(batch["right"])).flatten(1)

    # left - right shrinks by 1 - 2 share, in each crop by its own; 8 bits blur that a little.
    shares = [float((m @ p) / (p @ p)) for m, p in zip(apart(mixed), apart(plain), strict=True)]
    assert all(1 - 2 * 0.3 - 0.02 < share < 1.02 for share in shares) and max(shares) - min(shares) > 0.1


def test_uneven_views_differ_by_ramps_that_the_photo_does_not_have(crops):
    flat = torch.full((4, 32, 32, 3), 128, dtype=torch.uint8)
    batch = made(flat, uneven=0.2)
    middle = (batch["left"] + batch["right"]) / 2
    assert (middle - batch["blurred"]).abs().max() <= 1.01 / 255
    assert (batch["left"] - batch["right"]).abs().amax((1, 2, 3)).min() > 2 / 255


def test_measured_depth_makes_radii_linear_in_inverse_depth(crops):
    inverse = torch.linspace(1, 255, 48).round().to(torch.uint8).expand(6, 48, 48)
    batch = made(torch.cat([crops, inverse[..., None]], -1), least_share=1.0)
    signed = batch["signed_px"][:, 0]
    steps = signed.diff(dim=-1)
    inside = (signed[..., 1:].abs() < 5.9) & (signed[..., :-1].abs() < 5.9)
    assert torch.allclose(
        steps[inside], -2 * 6 * inverse[..., 1:].float().sub(inverse[..., :-1].float())[inside] / 255, atol=1e-4
    )
    without = torch.cat([crops, torch.zeros_like(inverse)[..., None]], -1)
    assert torch.equal(made(without)["signed_px"], made(crops)["signed_px"])


def test_noise_has_the_strength_that_was_drawn(crops):
    """Flat grey under up to 0.02: each crop's own strength, the photo's by the root of two less than the views'."""
    flat = torch.full((8, 64, 64, 3), 128, dtype=torch.uint8)
    batch = made(flat, noise_std=0.02)
    views, photos = (batch[name].flatten(1).std(1) for name in ("left", "blurred"))
    assert views.max() < 0.0205 and views.max() > 2 * views.min()
    strong = views > 0.005  # below, 8 bits add a level's own noise
    assert torch.allclose(photos[strong] * 2**0.5, views[strong], rtol=0.05)


def test_lenses_are_the_twelve_rings_and_soft_disks():
    rings = {_lens(pick, "rings") for pick in range(24)}
    both = [_lens(pick, "both") for pick in range(24)]
    assert rings == set(RING_SETS) and both[12:] == 12 * [soft_disk] and set(both[:12]) == set(RING_SETS)
    assert {_lens(pick, "first") for pick in range(24)} == {RING_SETS[0]}
    assert {_lens(pick, "disks") for pick in range(24)} == {soft_disk}


def test_the_soft_disk_has_the_measured_rim():
    kernel = soft_disk(10.0)
    row = kernel[len(kernel) // 2]
    centre, at = len(row) // 2, row[len(row) // 2]
    assert kernel.sum() == pytest.approx(1) and np.allclose(kernel, kernel[::-1, ::-1])
    inner, outer = 10 * (1 - RIM), 10 * (1 + RIM)
    assert np.allclose(row[centre : centre + int(inner)], at) and np.all(row[centre + int(outer) + 2 :] == 0)
    assert 0.3 * at < row[centre + 10] < 0.7 * at


def test_smoothing_is_the_gaussian_of_the_consistency_loss():
    point = torch.zeros(1, 1, 9, 9)
    point[..., 4, 4] = 1
    got = smooth3(point)[0, 0, 3:6, 3:6]
    side = np.exp(-0.5 / 1.5**2)
    expected = np.outer([side, 1, side], [side, 1, side])
    assert np.allclose(got, expected / expected.sum(), atol=1e-6)
