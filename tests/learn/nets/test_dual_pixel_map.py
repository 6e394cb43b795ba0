"""The map network, and the branches that it shares with BaMBNet and DefocusGAN."""

import pytest

torch = pytest.importorskip("torch")

from refocal.learn.nets.dual_pixel_map import Config, dual_pixel_map
from refocal.learn.nets.residual_groups import Branch, ChannelAttention, pyramid


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_published_parameters():
    assert count(dual_pixel_map()) == 3_306_755
    assert count(dual_pixel_map(Config(branches=(1, 4, 7, 10)))) == 4_497_731
    assert [count(Branch(kind)) // 8 for kind in (1, 4, 7, 10)] == [4_160, 111_364, 185_800, 260_236]


def test_the_exported_radius_is_the_largest_of_the_three_cut_at_the_limit():
    torch.manual_seed(0)
    network = dual_pixel_map(Config(limit_px=0.02)).eval()
    left, right = torch.rand(2, 3, 32, 48), torch.rand(2, 3, 32, 48)
    with torch.no_grad():
        signed, radius = network(left, right), network.body(left, right)
    assert signed.shape == (2, 3, 32, 48) and radius.shape == (2, 1, 32, 48)
    assert torch.equal(radius[:, 0], torch.maximum(signed.amax(1), -signed.amin(1)))
    assert signed.abs().max() == pytest.approx(0.02) and (signed > 0).any() and (signed < 0).any()


def test_any_size():
    network = dual_pixel_map().eval()
    left, right = torch.rand(1, 3, 37, 20), torch.rand(1, 3, 37, 20)
    with torch.no_grad():
        assert network(left, right).shape == (1, 3, 37, 20)
        # 37 x 20 is continued to 48 x 32 by its mirror image, below and to the right.
        rows, columns = [*range(37), *range(35, 24, -1)], [*range(20), *range(18, 6, -1)]
        grown = (view[:, :, rows][..., columns] for view in (left, right))
        assert torch.allclose(network(left, right), network.signed(*grown)[..., :37, :20], atol=1e-6)


def identities(branch):
    """Make every stage the identity, so that only the sums, poolings and upsamplings remain."""
    with torch.no_grad():
        for parameter in branch.parameters():
            parameter.zero_()
    return branch


@pytest.mark.parametrize(("deepest", "sums"), [(True, 14), (False, 11)])
def test_the_skeleton_of_a_branch_counts_its_sums(deepest, sums):
    """On a flat image of ones stage n holds n up to the fifth; then the sixth, seventh, eighth add 1 + 3, 1 + 2, 1 +
    1."""
    heads = pyramid(torch.ones(1, 64, 32, 32))
    given = identities(Branch(4, deepest_skip=deepest))(heads)
    assert torch.equal(given, torch.full_like(given, sums))


def test_the_flat_branch_looks_at_one_pixel():
    torch.manual_seed(0)
    branch = Branch(1)
    head = torch.rand(1, 64, 16, 16)
    moved = head.clone()
    moved[..., 5, 7] += 1
    changed = (branch(pyramid(moved)) - branch(pyramid(head))).abs().amax((0, 1)) > 0
    assert changed[5, 7] and changed.sum() == 1


def test_attention_is_a_gain_of_each_feature_from_the_means_alone():
    torch.manual_seed(0)
    attention, x = ChannelAttention(), torch.randn(1, 64, 6, 6)
    gain = attention(x) / x
    assert torch.allclose(gain, gain[..., :1, :1].expand_as(gain), atol=1e-5) and gain.min() > 0 and gain.max() < 1
    shuffled = x.flatten(2)[..., torch.randperm(36)].view_as(x)
    assert torch.allclose(attention(shuffled) / shuffled, gain, atol=1e-4)
