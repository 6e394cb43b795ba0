import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn.functional import conv2d, conv_transpose2d, relu

from refocal.learn.nets.xy_deblur import Config, xy_deblur


def count(*modules):
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def random_image(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def small(blocks=2):
    """With weights as in the middle of a training; fresh ones are the identity."""
    torch.manual_seed(0)
    network = xy_deblur(Config(channels=2, base=4, blocks=blocks))
    network.out[-1].reset_parameters()
    return network


def test_training_begins_at_the_image_as_it_is():
    image = random_image(1, 1, 9, 6)
    torch.testing.assert_close(xy_deblur(Config(base=4))(image), image, rtol=0, atol=0)


def test_as_many_parameters_as_published():
    assert count(xy_deblur(Config(channels=3))) == 4_918_627
    assert count(xy_deblur()) == 4_917_473  # two layers of 32 x 9 weights per channel fewer, and two biases


def test_there_is_one_decoder():
    """Its parameters are counted once and both passes change them: without the output layer nothing at all is added."""
    network = xy_deblur(Config(channels=3))
    assert count(network.up, network.join, network.out) == 2_500_259
    assert count(network.encoder) == 4_918_627 - 2_500_259
    network = small()
    torch.nn.init.zeros_(network.out[-1].weight)
    network.out[-1].bias.data = torch.tensor([0.25, -0.5])
    image = random_image(1, 2, 8, 12)
    expected = image + 2 * torch.tensor([0.25, -0.5])[:, None, None]
    torch.testing.assert_close(network.body(image), expected)


def by_the_book(image, weights, blocks):
    """The definition, layer by layer from the state dict, turning with NumPy."""

    def conv(x, name, stride=1):
        kernel = weights[f"{name}.weight"]
        return conv2d(x, kernel, weights[f"{name}.bias"], stride, padding=kernel.shape[-1] // 2)

    def residual(x, name, first):
        for i in range(first, first + blocks):
            x = x + conv(relu(conv(x, f"{name}.{i}.body.0")), f"{name}.{i}.body.2")
        return x

    def turned(x, quarters):
        return torch.tensor(np.rot90(x.numpy(), quarters, (2, 3)).copy())

    def decoded(fine, middle, coarse):
        x = coarse
        for level, skip in enumerate((middle, fine)):
            x = residual(x, f"up.{level}", 0)
            name = f"up.{level}.{blocks}"
            x = relu(conv_transpose2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], stride=2, padding=1))
            x = relu(conv(torch.cat([x, skip], 1), f"join.{level}.0"))
        return conv(residual(x, "out", 0), f"out.{blocks}")

    features, x = [], image
    for level, stride in enumerate((1, 2, 2)):
        x = residual(relu(conv(x, f"encoder.{level}.0", stride)), f"encoder.{level}", 2)
        features.append(x)
    back = turned(decoded(*(turned(feature, 1) for feature in features)), -1)
    return decoded(*features) + back + image


@pytest.mark.parametrize("size", [(8, 12), (16, 8), (4, 4)])
def test_the_body_is_the_definition(size):
    network, image = small(), random_image(2, 2, *size)
    with torch.no_grad():
        expected = by_the_book(image, network.state_dict(), 2)
        torch.testing.assert_close(network.body(image), expected)
        torch.testing.assert_close(network(image), expected)


@pytest.mark.parametrize("size", [(9, 12), (13, 30), (1, 1), (2, 7)])
def test_sides_of_any_length_continue_by_their_mirror_image(size):
    network, image = small(), random_image(1, 2, *size)
    height, width = size
    grown = np.pad(image.numpy(), ((0, 0), (0, 0), (0, -height % 4), (0, -width % 4)), "reflect")
    with torch.no_grad():
        torch.testing.assert_close(network(image), network.body(torch.tensor(grown))[..., :height, :width])


def test_the_context_is_what_a_pixel_depends_on():
    network = small(blocks=1).double()
    image = torch.rand(1, 2, 120, 8, dtype=torch.float64, requires_grad=True)
    reach = 0
    for row in range(60, 64):
        (gradient,) = torch.autograd.grad(network.body(image)[0, :, row].sum(), image)
        rows = gradient.abs().sum((0, 1, 3)).nonzero()[:, 0]
        reach = max(reach, row - rows.min().item(), rows.max().item() - row)
    assert reach == network.context_px == 39
    assert xy_deblur().context_px == 179
