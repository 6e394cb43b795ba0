"""DefocusGAN's generator against its published numbers and its definition."""

import pytest

torch = pytest.importorskip("torch")

from refocal.learn.nets.defocusgan import Config, defocusgan, guidance
from refocal.types import InputError


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_parameters_of_both_readings():
    network = defocusgan()
    assert count(network) == 4_860_675
    assert count(network.branches) == 4_492_480
    assert (count(network.head), count(network.tail)) == (1_792, 1_731)
    glue = network.glue
    assert [count(part) for part in (glue.to_quarter, glue.to_eighth, glue.join, glue.enlarge)] == [
        73_728,
        73_728,
        110_592,
        106_624,
    ]
    assert count(defocusgan(Config(glue="light"))) == 4_586_307
    assert count(defocusgan(Config(scales=1))) == 4_492_480 + 1_792 + 1_731


def test_the_guidance_falls_as_published():
    weights = [guidance(t) for t in (0, 2_500, 5_000, 8_750, 10_000, 15_000, 19_999)]
    assert weights == pytest.approx([1, 0.94, 0.78, 0.47, 0.37, 0.11, 0.018], abs=0.006)
    assert guidance(20_000) == 0 == guidance(10**6)
    assert guidance(50, 100) == pytest.approx(0.3679, abs=1e-4)


def small(**changes):
    torch.manual_seed(0)
    return defocusgan(Config(branches=(1, 4), thresholds_px=(2.0,), **changes)).eval()


def test_masks_part_the_radii_at_the_thresholds():
    network = defocusgan()
    radius = torch.tensor([0.0, 1.89, 1.9, 4.19, 4.2, 6.19, 6.2, 24.0]).view(1, 1, 1, 8)
    shares = torch.cat(network._shares(radius, 1.0), 1)[0, :, 0]
    branch = shares.argmax(0)
    assert branch.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert torch.equal(shares.sum(0), torch.ones(8))
    half = torch.cat(network._shares(radius, 0.25), 1)[0, :, 0]
    assert torch.allclose(half, 0.25 * shares + 0.75)


@pytest.mark.parametrize("glue", ["released", "light"])
def test_whole_guidance_silences_the_other_branches(glue):
    """Where every pixel is the first branch's, the second's weights don't matter at all; without guidance they do."""
    network, blurred = small(glue=glue), torch.rand(1, 3, 32, 32)
    flat = torch.full((1, 1, 32, 32), 1.0)
    with torch.no_grad():
        guided, free = network(blurred, flat, 1.0), network(blurred)
        for parameter in network.branches[1].parameters():
            parameter.mul_(1.5)
        assert torch.equal(network(blurred, flat, 1.0), guided)
        assert not torch.allclose(network(blurred), free, atol=1e-4)
        assert not torch.allclose(network(blurred, flat + 1, 1.0), guided, atol=1e-4)


def test_without_weight_the_map_does_not_matter():
    network, blurred = small(), torch.rand(2, 3, 32, 48)
    with torch.no_grad():
        assert torch.equal(network(blurred, torch.rand(2, 1, 32, 48) * 9, 0.0), network(blurred))
        nearly = network(blurred, torch.rand(2, 1, 32, 48) * 9, 1e-6)
        assert torch.allclose(nearly, network(blurred), atol=1e-5)
        assert network(torch.rand(1, 3, 21, 40)).shape == (1, 3, 21, 40)
        assert nearly.min() > 0 and nearly.max() < 1
    with pytest.raises(ValueError, match="give radius_px"):
        network(blurred, None, 0.5)


def test_coarse_scales_share_the_branches_and_see_farther():
    """The scales' own weights are the glue alone; with them a pixel matters where without them it doesn't."""
    one, three = small(scales=1), small(scales=3)
    assert count(three) - count(one) == count(three.glue)
    one, three = one.double(), three.double()
    blurred = torch.rand(1, 3, 32, 320).double()
    moved = blurred.clone()
    moved[..., 0] = 1 - moved[..., 0]

    def reach(network):
        # Attention depends on the whole image: it is replaced by the identity.
        for module in network.modules():
            if type(module).__name__ == "ChannelAttention":
                module.forward = lambda x: x
        with torch.no_grad():
            changed = (network(moved) - network(blurred)).abs().amax((0, 1, 2))
        return int(changed.nonzero().max())

    assert reach(one) < reach(three)
    assert reach(one) <= one.context_px and reach(three) <= three.context_px


def test_one_threshold_fewer_than_branches():
    with pytest.raises(InputError, match="3 thresholds"):
        defocusgan(Config(thresholds_px=(1.0,)))
