import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn.functional import conv2d, max_pool2d, pad, relu

from refocal.inference.network_file import open_network
from refocal.learn.export.onnx_file import About, export
from refocal.learn.nets.dpdnet import Config, dpdnet


def views(*shape, count=2):
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.rand(shape, generator=generator) for _ in range(count))


def small(count=2):
    torch.manual_seed(1)
    return dpdnet(Config(views=count, base=4)).eval()


def test_as_many_parameters_as_the_released_networks():
    with torch.device("meta"):  # nothing is drawn
        networks = {count: dpdnet(Config(views=count)) for count in (1, 2)}
    found = {count: sum(weight.numel() for weight in network.parameters()) for count, network in networks.items()}
    assert found == {1: 31_033_423, 2: 31_035_151}


def by_the_book(image, weights):
    """The definition, layer by layer from the state dict; repetition and the 2x2 sum with NumPy's indices."""

    def conv(x, name):
        kernel = weights[f"unet.{name}.weight"]
        return conv2d(x, kernel, weights[f"unet.{name}.bias"], padding=kernel.shape[-1] // 2)

    def enlarged(x, level):
        x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        height, width = x.shape[2:]
        kernel, total = weights[f"unet.up.{level}.2.weight"], weights[f"unet.up.{level}.2.bias"][:, None, None]
        x = pad(x, (0, 1, 0, 1))
        for down in (0, 1):
            for right in (0, 1):
                part = x[..., down : down + height, right : right + width]
                total = total + torch.einsum("oi,nihw->nohw", kernel[..., down, right], part)
        return relu(total)

    features, x = [], image
    for level in range(5):
        x = max_pool2d(x, 2) if level else x
        x = relu(conv(relu(conv(x, f"encoder.{level}.0")), f"encoder.{level}.2"))
        features.append(x)
    for level in range(4):
        x = torch.cat([features[3 - level], enlarged(x, level)], 1)
        x = relu(conv(relu(conv(x, f"decoder.{level}.0")), f"decoder.{level}.2"))
    return torch.sigmoid(conv(relu(conv(x, "out.0")), "out.2"))


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("size", [(32, 48), (16, 16)])
def test_the_body_is_the_definition(size, count):
    network, images = small(count), views(2, 3, *size, count=count)
    with torch.no_grad():
        expected = by_the_book(torch.cat(images, 1), network.state_dict())
        torch.testing.assert_close(network.body(*images), expected)
        torch.testing.assert_close(network(*images), expected)
    assert expected.std() > 1e-3


def test_the_views_are_not_exchangeable():
    left, right = views(1, 3, 16, 16)
    with torch.no_grad():
        assert (small()(left, right) - small()(right, left)).abs().max() > 1e-3


@pytest.mark.parametrize("size", [(17, 30), (9, 47), (1, 1)])
def test_sides_of_any_length_continue_by_their_mirror_image(size):
    network, images = small(), views(1, 3, *size)
    height, width = size
    grown = (
        np.pad(image.numpy(), ((0, 0), (0, 0), (0, -height % 16), (0, -width % 16)), "reflect") for image in images
    )
    with torch.no_grad():
        expected = network.body(*(torch.tensor(image) for image in grown))[..., :height, :width]
        torch.testing.assert_close(network(*images), expected)


def test_dropout_falls_on_the_two_coarsest_levels_and_only_in_training():
    network, images, seen = small(), views(1, 3, 32, 48), []
    network.unet.dropout.register_forward_hook(lambda _, given, dropped: seen.append((given[0], dropped)))
    with torch.no_grad():
        network(*images)
        assert all(torch.equal(given, dropped) for given, dropped in seen)
        seen.clear()
        network.train()(*images)
    assert [tuple(dropped.shape[1:]) for _, dropped in seen] == [(32, 4, 6), (64, 2, 3)]
    assert network.unet.dropout.p == 0.4
    for given, dropped in seen:
        assert not torch.equal(given, dropped)
        torch.testing.assert_close(dropped, torch.where(dropped == 0, 0, given / 0.6))


def test_training_reaches_every_weight():
    network = small().train()
    network(*views(2, 3, 32, 32)).square().mean().backward()
    assert [name for name, weight in network.named_parameters() if not weight.grad.abs().max() > 0] == []


def test_the_context_is_what_a_pixel_depends_on(monkeypatch):
    """With means instead of maxima, weights above 0 and so no ReLU at rest, nothing within reach can be overlooked."""
    monkeypatch.setattr(torch.nn.functional, "max_pool2d", torch.nn.functional.avg_pool2d)
    network = small(1).double()
    for weight in network.parameters():
        weight.data = weight.data.abs() / 10
    image = torch.rand(1, 3, 288, 16, dtype=torch.float64, requires_grad=True)
    reach = 0
    for row in range(128, 144):
        (gradient,) = torch.autograd.grad(network.body(image)[0, :, row].sum(), image)
        rows = gradient.abs().sum((0, 1, 3)).nonzero()[:, 0]
        reach = max(reach, row - rows.min().item(), rows.max().item() - row)
    assert reach == network.context_px


def test_the_file_takes_both_views(tmp_path):
    config = Config(base=4)
    network, images = small(), views(1, 3, 33, 50)
    parity = export(network, tmp_path / "dpdnet.onnx", About("dpdnet", config))
    assert parity.even < 2e-6 and parity.odd < 2e-6
    file = open_network(tmp_path / "dpdnet.onnx")
    assert (file.inputs, file.outputs, file.tiling.multiple) == (("left", "right"), ("restored",), 16)
    with torch.no_grad():
        np.testing.assert_allclose(file.run(*(image.numpy() for image in images))[0], network(*images), atol=2e-3)
