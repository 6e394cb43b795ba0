"""The critic against its published counts, the arithmetic of its sizes and layers written out."""

import pytest

torch = pytest.importorskip("torch")

from torch.nn.functional import conv2d, instance_norm, leaky_relu

from refocal.learn.nets.patch_discriminator import Config, PatchDiscriminator


def after(side, stride):
    return (side + 2 * 2 - 4) // stride + 1


@pytest.mark.parametrize(("layers", "count"), [(3, 2_764_737), (5, 11_154_369)])
def test_it_has_the_published_parameters(layers, count):
    assert sum(p.numel() for p in PatchDiscriminator(Config(layers)).parameters()) == count


@pytest.mark.parametrize(("layers", "height", "width"), [(3, 64, 96), (3, 37, 50), (3, 2, 1), (5, 61, 33)])
def test_as_many_scores_as_convolutions_leave(layers, height, width):
    scores = PatchDiscriminator(Config(layers))(torch.rand(2, 3, height, width))
    for stride in [2] * layers + [1, 1]:
        height, width = after(height, stride), after(width, stride)
    assert scores.shape == (2, 1, height, width)


def test_the_layers_are_the_papers():
    critic = PatchDiscriminator(Config()).double()
    weights = list(critic.parameters())
    assert [tuple(w.shape) for w in weights[::2]] == [
        (64, 3, 4, 4),
        (128, 64, 4, 4),
        (256, 128, 4, 4),
        (512, 256, 4, 4),
        (1, 512, 4, 4),
    ]
    image = torch.rand(2, 3, 33, 40).double()
    feature = image
    for i, stride in enumerate((2, 2, 2, 1, 1)):
        feature = conv2d(feature, weights[2 * i], weights[2 * i + 1], stride, padding=2)
        feature = instance_norm(feature) if 0 < i < 4 else feature
        feature = leaky_relu(feature, 0.2) if i < 4 else feature
    assert torch.allclose(critic(image), feature, atol=1e-12)
    assert torch.allclose(critic.eval()(image), feature, atol=1e-12)  # no statistics are kept


@pytest.mark.parametrize(("layers", "side"), [(3, 70), (5, 286)])
def test_a_score_has_the_known_receptive_field(layers, side):
    critic = PatchDiscriminator(Config(layers))
    # Normalisation, which depends on the whole image, is left out, and one filter per layer is enough.
    convs = [layer for layer in critic.layers if isinstance(layer, torch.nn.Conv2d)]
    image = torch.zeros(1, 1, 3 * side, 1 + side // 8, requires_grad=True)
    feature = image
    for conv in convs:
        feature = conv2d(feature, torch.ones(1, 1, 4, 4), None, conv.stride, conv.padding)
    (gradient,) = torch.autograd.grad(feature[0, 0, feature.shape[2] // 2].sum(), image)
    assert int((gradient.abs().sum((0, 1, 3)) > 0).sum()) == side
