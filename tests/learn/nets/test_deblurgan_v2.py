import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn
from torch.nn.functional import batch_norm, conv2d, relu, relu6

from refocal.inference.network_file import open_network
from refocal.learn.export.onnx_file import About, export
from refocal.learn.nets.deblurgan_v2 import Config, deblurgan_v2

SMALL = Config(pyramid=8, width=4)


def count(*modules):
    return sum(weight.numel() for module in modules for weight in module.parameters())


def random_image(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def small():
    """With weights and normalisation as in the middle of a training; fresh ones are the identity."""
    torch.manual_seed(0)
    network = deblurgan_v2(SMALL)
    nn.init.normal_(network.out.weight, std=0.1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
            nn.init.uniform_(module.weight, 0.7, 1.3)
            nn.init.normal_(module.bias, std=0.1)
    with torch.no_grad():
        network(random_image(4, 3, 64, 96))
    return network.eval()


def test_training_begins_at_the_image_as_it_is():
    image = random_image(1, 3, 33, 40)
    with torch.no_grad():
        torch.testing.assert_close(deblurgan_v2()(image), image, rtol=0, atol=0)
        network = small()
        assert (network(image) - image).abs().max() > 0.01
        nn.init.zeros_(network.out.weight)
        nn.init.zeros_(network.out.bias)
        torch.testing.assert_close(network(image), image, rtol=0, atol=0)


def test_as_many_parameters_as_published_less_those_that_nothing_uses():
    """MobileNetV2 is known to have 3,504,872, of which 1,281,000 classify ImageNet."""

    def block(inner, outer):
        wide = 6 * inner
        return inner * wide + 9 * wide + wide * outer + 2 * (wide + wide + outer)

    network = deblurgan_v2()
    unused = block(160, 160) + block(160, 320) + 320 * 1280 + 2 * 1280
    assert count(network.stem, network.encoder) + unused == 3_504_872 - 1_281_000
    assert count(network) == 2_106_627
    assert count(network) + unused == 3_312_707  # "3.3 M"


def by_the_book(image, network):
    """The definition, layer by layer from the state dict, in the authors' range from -1 to 1."""
    weights = network.state_dict()

    def conv(x, name, stride=1):
        kernel = weights[f"{name}.weight"]
        groups = x.shape[1] // kernel.shape[1]
        return conv2d(x, kernel, weights.get(f"{name}.bias"), stride, kernel.shape[-1] // 2, groups=groups)

    def normed(x, name):
        parts = (weights[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return batch_norm(x, *parts)

    def once(x, name, stride=1):
        return relu6(normed(conv(x, f"{name}.0", stride), f"{name}.1"))

    def smooth(x, name):
        x = conv(x, f"{name}.0")
        return relu((x - x.mean((2, 3), True)) / (x.var((2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt())

    def larger(x, times):
        return x.repeat_interleave(times, 2).repeat_interleave(times, 3)

    def inverted(x, name, outer, stride):
        wide, rest = (once(x, f"{name}.0"), (1, 2, 3)) if f"{name}.3.weight" in weights else (x, (0, 1, 2))
        y = normed(conv(once(wide, f"{name}.{rest[0]}", stride), f"{name}.{rest[1]}"), f"{name}.{rest[2]}")
        return x + y if stride == 1 and x.shape[1] == outer else y

    levels = (16,), (24, 24), (32, 32, 32), (64, 64, 64, 64), (96, 96, 96, 160, 160)
    signed = 2 * image - 1
    x, maps = once(signed, "stem", 2), []
    for level, filters in enumerate(levels):
        for i, outer in enumerate(filters):
            halved = (level in (1, 2, 3) and i == 0) or (level == 4 and i == 3)
            x = inverted(x, f"encoder.{level}.{i}.body", outer, 2 if halved else 1)
        maps.append(x)
    sides = [conv(x, f"lateral.{i}") for i, x in enumerate(maps[1:])]
    map4 = sides[3]
    map3 = smooth(sides[2] + larger(map4, 2), "top_down.0")
    map2 = smooth(sides[1] + larger(map3, 2), "top_down.1")
    map1 = smooth(sides[0] + larger(map2, 2), "top_down.2")
    heads = [
        larger(relu(conv(relu(conv(x, f"heads.{i}.0")), f"heads.{i}.2")), 2**i)
        for i, x in enumerate((map1, map2, map3, map4))
    ]
    x = larger(smooth(torch.cat(heads, 1), "join"), 2) + conv(maps[0], "lateral_half")
    x = conv(larger(smooth(x, "smooth"), 2), "out")
    return ((torch.tanh(x) + signed).clamp(-1, 1) + 1) / 2


@pytest.mark.parametrize("size", [(64, 96), (96, 32)])
def test_the_body_is_the_definition(size):
    network, image = small(), random_image(2, 3, *size)
    with torch.no_grad():
        expected = by_the_book(image, network)
        torch.testing.assert_close(network.body(image), expected)
        torch.testing.assert_close(network(image), expected)
    assert (expected - image).std() > 0.01


@pytest.mark.parametrize("size", [(33, 50), (17, 71), (1, 1)])
def test_sides_of_any_length_continue_by_their_mirror_image(size):
    network, image = small(), random_image(1, 3, *size)
    height, width = size
    grown = np.pad(image.numpy(), ((0, 0), (0, 0), (0, -height % 32), (0, -width % 32)), "reflect")
    with torch.no_grad():
        torch.testing.assert_close(network(image), network.body(torch.tensor(grown))[..., :height, :width])


def test_training_reaches_every_weight():
    network = small().train()
    network(random_image(2, 3, 64, 64)).square().mean().backward()
    # What is added to every pixel of a channel, the normalisation that follows takes away again; nothing else sees
    # these.
    useless = {f"{name}.0.bias" for name in ("top_down.0", "top_down.1", "top_down.2", "join", "smooth")}
    useless |= {f"encoder.4.{i}.body.3.bias" for i in range(3)}
    still = {name for name, weight in network.named_parameters() if not weight.grad.abs().max() > 1e-7}
    assert still == useless


def test_the_context_is_what_a_pixel_depends_on():
    """Without normalisation, and with weights above 0 so that no ReLU rests, nothing within reach can be overlooked."""
    network = deblurgan_v2(SMALL).double()
    network.out.reset_parameters()
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, (nn.BatchNorm2d, nn.InstanceNorm2d, nn.ReLU6)):
                setattr(module, name, nn.Identity())
    for weight in network.parameters():
        weight.data = weight.data.abs() / 10
    image = (0.6 + random_image(1, 3, 608, 32).double() / 4).requires_grad_()
    reach = 0
    for row in (288, 294, 295, 319):  # of a block of 32; the second reaches farthest
        (gradient,) = torch.autograd.grad(network.body(image)[0, :, row].sum(), image)
        rows = gradient.abs().sum((0, 1, 3)).nonzero()[:, 0]
        reach = max(reach, row - rows.min().item(), rows.max().item() - row)
    assert reach == network.context_px


def test_the_file_computes_what_torch_does(tmp_path):
    network, image = small(), random_image(1, 3, 70, 97)
    halves = {
        name: weight.half().float() for name, weight in network.state_dict().items() if weight.is_floating_point()
    }
    network.load_state_dict(halves, strict=False)  # all but the counters
    parity = export(network, tmp_path / "fpn.onnx", About("deblurgan-v2", SMALL))
    # Dividing by the deviation of a few pixels makes more of the last digit than other networks do.
    assert parity.even < 1e-4 and parity.odd < 1e-4 and parity.rounding == 0
    file = open_network(tmp_path / "fpn.onnx")
    assert (file.inputs, file.tiling.multiple, file.channels) == (("blurred",), 32, "rgb")
    with torch.no_grad():
        np.testing.assert_allclose(file.run(image.numpy())[0], network(image), atol=1e-4)
