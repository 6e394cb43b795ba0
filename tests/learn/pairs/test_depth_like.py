"""Random maps of layered planes, and the pairs that are blurred by them."""

import pytest

torch = pytest.importorskip("torch")

from refocal.learn.pairs.depth_like import LayeredSceneBlur, layered_radius


def random_of(seed):
    return torch.Generator().manual_seed(seed)


def test_maps_are_planes_before_planes():
    maps = layered_radius(64, (96, 128), random_of(1))
    assert maps.min() >= 0 and maps.max() <= 1
    across, down = maps.diff(dim=2).abs(), maps.diff(dim=1).abs()
    # |a + b x + c y| bends in its line of focus, and where it is cut at 1; elsewhere it is as steep as before, or
    # jumps.
    bends = (across.diff(dim=2).abs() > 1e-4).float().mean()
    assert 0.003 < bends < 0.05
    steepest = torch.cat([across.flatten(1), down.flatten(1)], dim=1).amax(1)
    assert 0.3 < (steepest > 0.05).float().mean() < 0.9  # outlines of shapes
    assert 0.1 < (maps < 1 / 12).float().mean() < 0.3  # in focus
    assert 0.4 < maps.mean() < 0.55
    assert (maps.flatten(1).std(dim=1) == 0).float().mean() < 0.15
    torch.testing.assert_close(maps, layered_radius(64, (96, 128), random_of(1)), atol=0, rtol=0)


def test_gaussian_and_disk_blur_an_edge_alike():
    radius_px = torch.full((1, 64, 64), 6.0)
    edge = torch.ones(1, 3, 64, 64) * (torch.arange(64) >= 32)
    lines = {name: LayeredSceneBlur(kernel=name)._blur(edge, radius_px)[0, 0, 32] for name in ("gaussian", "disk")}
    spread = (lines["gaussian"].diff() * (torch.arange(63) - 31.0).square()).sum().sqrt()
    assert spread == pytest.approx(3.275, rel=0.01)  # the table's sigma for a disk of 6 px
    assert 0.01 < (lines["gaussian"] - lines["disk"]).abs().max() < 0.04


def test_focus_is_preserved_and_the_rest_blurred_by_the_map():
    crops = torch.randint(0, 256, (12, 64, 64, 3), generator=random_of(2), dtype=torch.uint8)
    made = LayeredSceneBlur(max_radius_px=8.0)(crops, random_of(5))
    assert torch.equal(made["sharp"], crops.permute(0, 3, 1, 2) / 255)
    change = (made["blurred"] - made["sharp"]).abs().mean(dim=1, keepdim=True)
    sharp, soft = made["radius_px"] == 0, made["radius_px"] > 2
    assert sharp.float().mean() > 0.02 and soft.float().mean() > 0.3
    assert change[sharp].max() < 1e-6 and change[soft].mean() > 0.15
    assert made["radius_px"].max() <= 8
    levels = made["blurred"] * 255
    torch.testing.assert_close(levels, levels.round(), atol=1e-4, rtol=0)  # 8 bits
    again = LayeredSceneBlur(max_radius_px=8.0)(crops, random_of(5))
    assert all(torch.equal(made[name], again[name]) for name in made)


def test_some_maps_follow_the_13_rules_and_light_may_be_linear():
    crops = torch.randint(0, 256, (8, 48, 48, 3), generator=random_of(2), dtype=torch.uint8)
    ruled = LayeredSceneBlur(by_rule=1.0, max_radius_px=4.0, colour=False, kernel="disk")(crops, random_of(3))
    quarters = ruled["radius_px"] * 4
    assert torch.equal(quarters, quarters.round()) and 1 < ruled["radius_px"].max() <= 4
    assert ruled["blurred"].shape == ruled["sharp"].shape == (8, 1, 48, 48)
    plain, light = (LayeredSceneBlur(by_rule=0.0, encoding=way)(crops, random_of(3)) for way in ("srgb", "linear"))
    assert torch.equal(plain["radius_px"], light["radius_px"])
    # The mean of light is brighter than the mean of its encoded values.
    assert light["blurred"].mean() > plain["blurred"].mean() + 0.03
