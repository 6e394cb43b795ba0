import sys

import numpy as np
import pytest

from refocal.metrics import lpips, perceptual
from refocal.types import InputError

torch = pytest.importorskip("torch")
nn = torch.nn
SQUEEZE = "data/weights/lpips_squeeze.safetensors"


class Fire(nn.Module):
    def __init__(self, channels, squeezed, expanded):
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x):
        x = self.squeeze(x).relu()
        return torch.cat([self.expand1x1(x).relu(), self.expand3x3(x).relu()], 1)


def squeezenet():
    """torchvision's squeezenet1_1().features, and the layers whose outputs LPIPS uses."""
    pool = [nn.MaxPool2d(3, 2, ceil_mode=True) for _ in range(3)]
    fires = [Fire(64, 16, 64), Fire(128, 16, 64), Fire(128, 32, 128), Fire(256, 32, 128)]
    fires += [Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256), Fire(512, 64, 256)]
    layers = [nn.Conv2d(3, 64, 3, 2), nn.ReLU(), pool[0], *fires[:2], pool[1], *fires[2:4], pool[2], *fires[4:]]
    return nn.Sequential(*layers), (1, 4, 7, 9, 10, 11, 12)


def alexnet():
    """torchvision's alexnet().features up to the last layer that LPIPS uses."""
    conv = nn.Conv2d
    layers = [
        conv(3, 64, 11, 4, 2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        conv(64, 192, 5, 1, 2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
    ]
    for channels, wide in ((192, 384), (384, 256), (256, 256)):
        layers += [conv(channels, wide, 3, 1, 1), nn.ReLU()]
    return nn.Sequential(*layers), (1, 4, 7, 9, 11)


def vgg16():
    """torchvision's vgg16().features."""
    layers, channels = [], 3
    for wide in (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0):
        layers += [nn.Conv2d(channels, wide, 3, 1, 1), nn.ReLU()] if wide else [nn.MaxPool2d(2, 2)]
        channels = wide or channels
    return nn.Sequential(*layers), (3, 8, 15, 22, 29)


LAYOUTS = {"squeeze": squeezenet, "alex": alexnet, "vgg": vgg16}


def taps(layers, after, image):
    outputs = []
    for index, layer in enumerate(layers):
        image = layer(image)
        if index in after:
            outputs.append(image)
    return outputs


@pytest.fixture(scope="module", params=LAYOUTS)
def random_net(request, tmp_path_factory):
    """A net with random weights: name, layers as modules, heads and file."""
    from safetensors.torch import save_file

    with torch.random.fork_rng():
        torch.manual_seed(12)
        layers, after = LAYOUTS[request.param]()
        for module in layers.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)  # so that the last layers still differ
        with torch.no_grad():
            widths = [tap.shape[1] for tap in taps(layers, after, torch.rand(1, 3, 64, 64))]
        heads = [torch.rand(1, width, 1, 1) for width in widths]
    state = {f"features.{key}": value for key, value in layers.state_dict().items()}
    state |= {f"lin{index}.model.1.weight": head for index, head in enumerate(heads)}
    path = tmp_path_factory.mktemp("weights") / f"{request.param}.safetensors"
    save_file({key: value.contiguous() for key, value in state.items()}, path)
    return request.param, layers, after, heads, path


def test_lpips_equals_its_definition_on_torchvisions_modules(random_net):
    net, layers, after, heads, path = random_net
    rng = np.random.default_rng(13)
    restored, sharp = rng.random((2, 2, 3, 65, 50), dtype=np.float32)
    expected = 0
    with torch.no_grad():
        shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
        scaled = [(2 * torch.tensor(x) - 1 - shift[:, None, None]) / scale[:, None, None] for x in (restored, sharp)]
        for a, b, head in zip(*(taps(layers, after, x) for x in scaled), heads, strict=True):
            a, b = (nn.functional.normalize(x, dim=1) for x in (a, b))
            expected = expected + ((a - b) ** 2 * head).sum(1).mean((1, 2))
    scores = lpips(restored, sharp, net, weights=path)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected.numpy(), rtol=1e-4)


def test_smallest_size(random_net):
    net, _, _, _, path = random_net
    least = perceptual.MIN_SIDE_PX[net]
    image = np.random.default_rng(14).random((3, least, 40))
    assert lpips(image, image[..., ::-1], net, weights=path) > 0
    with pytest.raises(InputError, match=f"at least {least} px"):
        lpips(image[:, 1:], image[:, 1:], net, weights=path)
    with pytest.raises(RuntimeError):  # the network itself fails below the limit
        perceptual._FEATURES[net](
            torch.zeros(1, 3, least - 1, 40), perceptual.load_network(str(path), None, net, torch.float32, "cpu")
        )


def test_the_published_weights(shared):
    generator = torch.Generator().manual_seed(42)
    first, second = ((torch.rand(2, 3, 100, 100, generator=generator) * 2 - 1 + 1) / 2 for _ in range(2))
    scores = lpips(first, second, weights=shared / SQUEEZE)
    np.testing.assert_allclose(scores.numpy(), [0.1024, 0.0938], atol=5e-5)
    np.testing.assert_allclose(lpips(first.numpy(), second.numpy(), weights=shared / SQUEEZE), scores, rtol=1e-5)
    np.testing.assert_allclose(lpips(first.double(), second.double(), weights=shared / SQUEEZE), scores, rtol=1e-4)


def test_weights_are_found_by_name(shared, monkeypatch):
    perceptual.load_network.cache_clear()
    monkeypatch.setenv("REFOCAL_WEIGHTS", str((shared / SQUEEZE).parent))
    image = np.random.default_rng(15).random((3, 40, 40))
    assert lpips(image, image) == 0
    perceptual.load_network.cache_clear()


def test_shapes_channels_and_gradients(shared):
    generator = torch.Generator().manual_seed(16)
    first, second = torch.rand(2, 2, 2, 3, 33, 40, generator=generator).unbind(0)
    scores = lpips(first, second, weights=shared / SQUEEZE)
    assert scores.shape == (2, 2)
    torch.testing.assert_close(scores[1, 0], lpips(first[1, 0], second[1, 0], weights=shared / SQUEEZE))
    grey = first[..., :1, :, :]
    torch.testing.assert_close(
        lpips(grey, second[..., :1, :, :], weights=shared / SQUEEZE),
        lpips(grey.repeat(1, 1, 3, 1, 1), second[..., :1, :, :].repeat(1, 1, 3, 1, 1), weights=shared / SQUEEZE),
    )
    for level in (None, 0.0, 1.0):
        image = first[0, 0].clone() if level is None else torch.full((3, 33, 40), level)
        image.requires_grad_()
        (gradient,) = torch.autograd.grad(lpips(image, second[0, 0], weights=shared / SQUEEZE), image)
        assert torch.isfinite(gradient).all()
        assert gradient.abs().max() > 0


def test_numpy_arrays_may_be_read_only_and_flipped(shared):
    image = np.random.default_rng(17).random((3, 40, 40))
    image.flags.writeable = False
    assert lpips(image, image[:, ::-1], weights=shared / SQUEEZE) > 0.01


def test_a_missing_or_wrong_file_is_refused_with_one_sentence(tmp_path, monkeypatch, random_net):
    image = np.zeros((3, 40, 40))
    perceptual.load_network.cache_clear()
    monkeypatch.delenv("REFOCAL_WEIGHTS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(InputError, match=r"lpips_squeeze\.safetensors .*REFOCAL_WEIGHTS.*argument 'weights'"):
        lpips(image, image)
    with pytest.raises(InputError, match="No weights for LPIPS's 'vgg' are known"):
        lpips(image, image, "vgg")
    with pytest.raises(InputError, match="not 'resnet'"):
        lpips(image, image, "resnet")
    with pytest.raises(InputError, match="1 or 3 channels, not 2"):
        lpips(image[:2], image[:2])
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"not safetensors")
    with pytest.raises(InputError, match=r"broken\.safetensors can't be read as safetensors"):
        lpips(image, image, weights=broken)
    net, *_, path = random_net
    other = "alex" if net != "alex" else "vgg"
    with pytest.raises(InputError, match=f"doesn't hold LPIPS v0.1 for the net '{other}'"):
        lpips(image, image, other, weights=path)


def test_without_torch_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match=r"pip install 'refocal\[learn\]'"):
        lpips(np.zeros((3, 40, 40)), np.zeros((3, 40, 40)))
