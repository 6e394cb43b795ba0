import numpy as np
import pytest

torch = pytest.importorskip("torch")

from refocal.learn.nets.dmenet import Config, dmenet
from refocal.learn.pairs.depth_like import LayeredSceneBlur, depth_like

SMALL = {"encoder": (4, 6, 8), "encoder_convs": (1, 1, 2), "decoder": (6, 4), "decoder_convs": (2, 1), "refinements": 1}


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def random_of(seed):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def small():
    torch.manual_seed(0)
    return dmenet(Config(**SMALL))


def test_parameters_as_published():
    with torch.device("meta"):
        network = dmenet()
        bare = dmenet(Config(auxiliary=False))
    assert parameters(network) == 26_943_184
    assert parameters(bare) == 25_351_873
    assert parameters(network.encoder) == 20_024_384  # VGG19's convolutions
    assert network.multiple == 16


def test_the_output_stands_for_the_sigma_of_the_authors(small):
    """out -> sigma = (15 out - 1) / 2, and a disk of 6 px where sigma is 3.275; nothing below 1/15."""
    small.eval()
    image = torch.rand(1, 3, 8, 12, generator=random_of(0))
    logit = small.out[2]
    torch.nn.init.zeros_(logit.weight)
    for out, sigma in ((0.5, 3.25), (7.55 / 15, 3.275), (1 / 15, 0.0), (0.03, 0.0), (0.999999, 7.0)):
        torch.nn.init.constant_(logit.bias, float(np.log(out / (1 - out))))
        with torch.no_grad():
            radius = small(image)
        assert radius.shape == (1, 1, 8, 12)
        torch.testing.assert_close(radius, torch.full_like(radius, sigma * 6 / 3.275), atol=2e-4, rtol=0)
    # While training the sharp isn't cut off, or the gradient would stop there.
    torch.nn.init.constant_(logit.bias, -5.0)
    radius, *_ = small.train()(image)
    torch.testing.assert_close(radius, torch.full_like(radius, (15 * 0.0066929 - 1) / 2 * 6 / 3.275), atol=1e-4, rtol=0)


def test_while_training_every_scale_tells_a_map(small):
    radii = small(torch.rand(2, 3, 16, 24))
    assert [tuple(part.shape[2:]) for part in radii] == [(16, 24), (4, 6), (8, 12), (16, 24)]
    sum(part.square().mean() for part in radii).backward()
    assert all(
        p.grad is not None and p.grad.abs().max() > 0 for name, p in small.named_parameters() if "bias" not in name
    )
    assert isinstance(dmenet(Config(**SMALL, auxiliary=False))(torch.rand(2, 3, 16, 24)), torch.Tensor)
    assert isinstance(small.eval()(torch.rand(2, 3, 16, 24)), torch.Tensor)


def test_context_is_as_far_as_the_input_matters():
    torch.manual_seed(3)
    network = dmenet(Config(**SMALL)).eval()
    for weight in network.parameters():
        if weight.ndim == 4:
            weight.data.abs_()  # nothing cancels, and no ReLU is shut
    side, reach = 160, network.context_px
    assert reach == (1 + 2 + 2 * 4) + (1 * (1 + 2) + 2 * (2 + 2)) + 2 + 3
    first, last = [], []
    for place in range(80, 84):  # anywhere in a square of 4 px
        image = torch.rand(1, 3, side, side, requires_grad=True)
        network.out[:-1](network.refine(network._features(image)[-1]))[0, 0, place, place].backward()
        rows = image.grad.abs().sum((0, 1, 3)).nonzero().flatten()
        first.append(place - int(rows.min()))
        last.append(int(rows.max()) - place)
    assert reach - 5 <= max(first + last) <= reach


def test_maps_are_planes_before_planes():
    maps = depth_like(64, (96, 128), random_of(1))
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
    torch.testing.assert_close(maps, depth_like(64, (96, 128), random_of(1)), atol=0, rtol=0)


def test_gaussian_and_disk_blur_an_edge_alike():
    radius_px = torch.full((1, 64, 64), 6.0)
    edge = torch.ones(1, 3, 64, 64) * (torch.arange(64) >= 32)
    lines = {name: LayeredSceneBlur(kernel=name)._blur(edge, radius_px)[0, 0, 32] for name in ("gaussian", "disk")}
    spread = (lines["gaussian"].diff() * (torch.arange(63) - 31.0).square()).sum().sqrt()
    assert spread == pytest.approx(3.275, rel=0.01)  # the table's sigma for a disk of 6 px
    assert 0.01 < (lines["gaussian"] - lines["disk"]).abs().max() < 0.04


def test_what_is_in_focus_stays_and_the_rest_is_blurred_by_the_map():
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
