import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn.functional import conv2d, leaky_relu

from refocal.learn.nets.ddnet import Config, ddnet
from refocal.optics.null_space import deconvolve, filter_pixels, project


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def random_image(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def kernel():
    """5x7, no symmetry."""
    taps = np.random.default_rng(9).random((5, 7)) * np.add.outer(np.arange(5), np.arange(7))
    return torch.tensor(taps / taps.sum())


def awake(config):
    """With weights as in the middle of a training; fresh ones give A+ y."""
    torch.manual_seed(0)
    network = ddnet(config)
    for head in (network.image[-1], network.filters[-1]):
        torch.nn.init.normal_(head.weight, std=0.1)
        torch.nn.init.normal_(head.bias, std=0.1)
    return network.double()


def test_as_many_parameters_as_published():
    assert count(ddnet()) == 2_938_330
    assert count(ddnet(Config(channels=2, blocks=5))) == 1_753_883


def test_training_begins_at_the_regularised_inverse():
    blurred = random_image(2, 1, 13, 18)
    restored = ddnet(Config(blocks=1, width=8)).double()(blurred, kernel())
    torch.testing.assert_close(restored, deconvolve(blurred, kernel()), atol=1e-12, rtol=0)


def by_the_book(images, weights, blocks):
    """The convolutions, layer by layer from the state dict, the folding by slices."""

    def conv(x, name):
        taps = weights[f"{name}.weight"]
        return conv2d(x, taps, weights[f"{name}.bias"], padding=taps.shape[-1] // 2)

    def folded(x):
        parts = [x[:, c, i::2, j::2] for c in range(x.shape[1]) for i in (0, 1) for j in (0, 1)]
        return torch.stack(parts, 1)

    def unfolded(x):
        out = x.new_empty(x.shape[0], x.shape[1] // 4, 2 * x.shape[2], 2 * x.shape[3])
        for n in range(x.shape[1]):
            out[:, n // 4, n % 4 // 2 :: 2, n % 2 :: 2] = x[:, n]
        return out

    first = leaky_relu(conv(folded(images), "fold.1"), 0.2)
    first = leaky_relu(conv(folded(first), "fold.4"), 0.2)
    x = first
    for block in range(blocks):
        known = x
        for layer in range(3):
            known = torch.cat([leaky_relu(conv(known, f"blocks.{block}.convs.{layer}"), 0.2), known], 1)
        x = x + conv(known, f"blocks.{block}.join")
    x = leaky_relu(conv(first + x, "fuse.0"), 0.2)
    for layer in (0, 3):
        x = leaky_relu(unfolded(conv(x, f"unfold.{layer}")), 0.2)
    return tuple(conv(leaky_relu(conv(x, f"{head}.0"), 0.2), f"{head}.2") for head in ("image", "filters"))


def test_the_body_is_the_definition():
    network = awake(Config(channels=2, blocks=2, width=6, filter_px=3))
    blurred, deconvolved = random_image(2, 2, 2, 12, 8)
    with torch.no_grad():
        given = network.body(blurred, deconvolved)
        expected = by_the_book(torch.cat([blurred, deconvolved], 1), network.state_dict(), 2)
    assert given[1].shape == (2, 9, 12, 8)
    for part, other in zip(given, expected, strict=True):
        torch.testing.assert_close(part, other)


@pytest.mark.parametrize("size", [(12, 8), (37, 29), (1, 2)])
def test_first_the_projection_then_the_filters(size):
    """And the input of the convolutions is padded by its mirror image to multiples of 4."""
    network, blurred = awake(Config(blocks=1, width=6)), random_image(1, 1, *size)
    height, width = size
    deconvolved = deconvolve(blurred, kernel())
    pads = ((0, 0), (0, 0), (0, -height % 4), (0, -width % 4))
    grown = (torch.tensor(np.pad(part.numpy(), pads, "reflect")) for part in (blurred, deconvolved))
    with torch.no_grad():
        estimate, filters = (part[..., :height, :width] for part in network.body(*grown))
        expected = filter_pixels(project(estimate, deconvolved, kernel()), filters)
        torch.testing.assert_close(network(blurred, kernel()), expected)


def test_gradients_reach_the_image_and_every_weight():
    network, blurred = awake(Config(blocks=1, width=4)), random_image(1, 1, 8, 9).requires_grad_()
    taps = kernel().requires_grad_()
    assert torch.autograd.gradcheck(network, (blurred, taps), fast_mode=True)
    network(blurred, taps).square().sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in network.parameters())


def test_mixed_precision_keeps_the_transforms_in_single():
    network = awake(Config(blocks=1, width=8)).float()
    blurred, taps = random_image(1, 1, 20, 22).float(), kernel().float()
    with torch.no_grad():
        expected = network(blurred, taps)
        with torch.autocast("cpu", torch.bfloat16):
            restored = network(blurred, taps)
    assert restored.dtype == torch.float32
    torch.testing.assert_close(restored, expected, atol=0.05, rtol=0)


def test_the_context_is_what_a_pixel_depends_on():
    network = awake(Config(blocks=2, width=4))
    image = torch.rand(1, 1, 128, 8, dtype=torch.float64, requires_grad=True)
    reach = 0
    for row in range(64, 68):
        for part in network.body(image, image):
            (gradient,) = torch.autograd.grad(part[0, :, row].sum(), image, retain_graph=True)
            rows = gradient.abs().sum((0, 1, 3)).nonzero()[:, 0]
            reach = max(reach, row - rows.min().item(), rows.max().item() - row)
    assert reach == network.context_px == 44
    assert ddnet().context_px == 140
