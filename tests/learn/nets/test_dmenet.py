import numpy as np
import pytest

torch = pytest.importorskip("torch")

from refocal.learn.nets.dmenet import Config, dmenet

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


def test_in_training_every_scale_predicts_a_map(small):
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
