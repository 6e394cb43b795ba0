import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn.functional import conv2d, max_pool2d, pad, relu

from refocal.inference.network_file import open_network
from refocal.learn.export.onnx_file import About, export
from refocal.learn.nets.mdpnet import Config, mdpnet


def count(*modules):
    return sum(weight.numel() for module in modules for weight in module.parameters())


def random_image(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def small():
    torch.manual_seed(1)
    return mdpnet(Config(base=4)).eval()


def test_as_many_parameters_as_published():
    with torch.device("meta"):  # nothing is drawn
        network = mdpnet()
    assert count(network) == 46_860_397
    assert count(network.encoder) == 2_325_568
    assert [count(decoder) for decoder in network.early.values()] == 3 * [13_962_112]
    assert [count(decoder) for decoder in network.late.values()] == 3 * [882_831]


def by_the_book(image, weights):
    """The definition, layer by layer from the state dict."""

    def conv(x, name):
        kernel = weights[f"{name}.weight"]
        return conv2d(x, kernel, weights[f"{name}.bias"], padding=kernel.shape[-1] // 2)

    def enlarged(x, name):
        x = pad(x.repeat_interleave(2, 2).repeat_interleave(2, 3), (0, 1, 0, 1))
        return relu(conv2d(x, weights[f"{name}.2.weight"], weights[f"{name}.2.bias"]))

    def twice(x, name):
        return relu(conv(relu(conv(x, f"{name}.0")), f"{name}.2"))

    at_1 = twice(image, "encoder.0")
    at_2 = twice(max_pool2d(at_1, 2), "encoder.1")
    at_4 = twice(max_pool2d(at_2, 2), "encoder.2")
    at_8 = relu(conv(max_pool2d(at_4, 2), "encoder.3.0"))
    at_16 = max_pool2d(at_8, 2)
    early = []
    for task in ("left", "right", "restored"):
        name = f"early.{task}"
        x = enlarged(relu(conv(at_16, f"{name}.bridge.0")), f"{name}.up_8")
        x = enlarged(relu(conv(torch.cat([at_8, x], 1), f"{name}.at_8.0")), f"{name}.up_4")
        early.append(enlarged(twice(torch.cat([at_4, x], 1), f"{name}.at_4"), f"{name}.up_2"))
    known, images = torch.cat([at_2, *early], 1), []
    for task in ("restored", "left", "right"):
        name = f"late.{task}"
        x = enlarged(twice(known, f"{name}.at_2"), f"{name}.up_1")
        x = relu(conv(twice(torch.cat([at_1, x], 1), f"{name}.at_1"), f"{name}.out.0"))
        images.append(torch.sigmoid(conv(x, f"{name}.out.2")))
    return tuple(images)


@pytest.mark.parametrize("size", [(32, 48), (16, 16)])
def test_the_body_is_the_definition(size):
    network, image = small(), random_image(2, 3, *size)
    with torch.no_grad():
        expected = by_the_book(image, network.state_dict())
        torch.testing.assert_close(network.body(image), expected)
        torch.testing.assert_close(network(image), expected)
    restored, left, right = expected
    assert min((restored - left).abs().max(), (left - right).abs().max(), right.std()) > 1e-3


@pytest.mark.parametrize("size", [(17, 30), (1, 1)])
def test_sides_of_any_length_continue_by_their_mirror_image(size):
    network, image = small(), random_image(1, 3, *size)
    height, width = size
    grown = np.pad(image.numpy(), ((0, 0), (0, 0), (0, -height % 16), (0, -width % 16)), "reflect")
    with torch.no_grad():
        expected = tuple(part[..., :height, :width] for part in network.body(torch.tensor(grown)))
        torch.testing.assert_close(network(image), expected)


def reached(network, loss):
    names, weights = zip(*network.named_parameters(), strict=True)
    gradients = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
    return {name for name, gradient in zip(names, gradients, strict=True) if gradient is not None and gradient.any()}


def test_training_reaches_every_weight_and_the_restored_image_learns_from_all_three_decoders():
    network = small().train()
    restored, left, right = (each.square().mean() for each in network(random_image(2, 3, 32, 32)))
    names = {name for name, _ in network.named_parameters()}
    assert reached(network, restored + left + right) == names
    assert reached(network, restored) == {name for name in names if not name.startswith(("late.left", "late.right"))}


def test_the_context_is_what_a_pixel_depends_on(monkeypatch):
    """With means instead of maxima, weights above 0 and so no ReLU at rest, nothing within reach can be overlooked."""
    monkeypatch.setattr(torch.nn.functional, "max_pool2d", torch.nn.functional.avg_pool2d)
    network = small().double()
    for weight in network.parameters():
        weight.data = weight.data.abs() / 10
    image = torch.rand(1, 3, 208, 16, dtype=torch.float64, requires_grad=True)
    reach = 0
    for row in range(96, 112):
        (gradient,) = torch.autograd.grad(network.body(image)[0][0, :, row].sum(), image)
        rows = gradient.abs().sum((0, 1, 3)).nonzero()[:, 0]
        reach = max(reach, row - rows.min().item(), rows.max().item() - row)
    assert reach == network.context_px


def test_the_file_predicts_the_restored_image_and_both_views(tmp_path):
    network, image = small(), random_image(1, 3, 33, 50)
    parity = export(network, tmp_path / "mdpnet.onnx", About("mdpnet", Config(base=4)))
    assert parity.even < 2e-6 and parity.odd < 2e-6
    file = open_network(tmp_path / "mdpnet.onnx")
    assert (file.inputs, file.outputs) == (("blurred",), ("restored", "left", "right"))
    with torch.no_grad():
        for run, wanted in zip(file.run(image.numpy()), network(image), strict=True):
            np.testing.assert_allclose(run, wanted, atol=2e-3)
