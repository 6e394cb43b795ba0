"""Features against networks written by hand; the search for weights, and the messages if there are none."""

import copy
import os

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file
from torch import nn

from refocal.learn.losses.perceptual import make_features, perceptual_loss
from refocal.types import InputError

SQUEEZENET = "data/weights/lpips_squeeze.safetensors"


def vgg(*, sixteen=False):
    """torchvision's vgg19().features, or vgg16's, to the pool before conv4_1, and that."""
    third = [nn.Conv2d(128, 256, 3, padding=1), nn.ReLU()]
    for _ in range(2 if sixteen else 3):
        third += [nn.Conv2d(256, 256, 3, padding=1), nn.ReLU()]
    return nn.Sequential(
        *(nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(64, 128, 3, padding=1), nn.ReLU(), nn.Conv2d(128, 128, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *third,
        *(nn.MaxPool2d(2), nn.Conv2d(256, 512, 3, padding=1)),
    )


def state_of(layers):
    return {f"features.{key}": value for key, value in layers.state_dict().items()} | {
        "classifier.0.bias": torch.ones(4)
    }


@pytest.fixture(scope="module")
def layers():
    with torch.random.fork_rng():
        torch.manual_seed(4)
        made = vgg()
        for conv in made:
            if isinstance(conv, nn.Conv2d):
                nn.init.kaiming_normal_(conv.weight)  # so that something reaches the last layers
    return made


@pytest.fixture
def nothing_here(tmp_path, monkeypatch):
    """A folder for weights, and no other."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("REFOCAL_WEIGHTS", str(tmp_path))
    return tmp_path


def test_vgg19_up_to_conv3_3_before_its_relu(layers, nothing_here):
    save_file(state_of(layers), nothing_here / "vgg19.safetensors")
    features = make_features()
    assert features.name == "vgg19 conv3_3"
    assert sum(p.numel() for p in features.parameters()) == 1_735_488
    assert not any(p.requires_grad for p in features.parameters())
    image = torch.rand(2, 3, 21, 32)
    with torch.no_grad():
        wanted = image
        for index in range(15):
            wanted = layers[index](wanted)
    assert isinstance(layers[14], nn.Conv2d) and wanted.shape == (2, 256, 5, 8)
    assert wanted.min() < -0.1
    assert torch.equal(features(image), wanted)


def test_the_loss_is_the_mean_squared_difference_in_float32(layers, tmp_path):
    save_file(state_of(layers), tmp_path / "mine.safetensors")
    features = make_features(tmp_path / "mine.safetensors")
    restored, sharp = torch.rand(2, 1, 3, 16, 16)
    with torch.no_grad():
        wanted = (layers[:15](restored) - layers[:15](sharp)).square().mean()
    restored, sharp = restored.requires_grad_(), sharp.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        loss = perceptual_loss(restored, sharp, features)
    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(wanted.item(), rel=1e-6)
    assert perceptual_loss(sharp, sharp, features).item() == 0
    loss.backward()
    assert restored.grad.abs().max() > 0 and sharp.grad is None
    step = 1e-2 * restored.grad / restored.grad.norm()
    after, before = (perceptual_loss(restored.detach() + sign * step, sharp, features).item() for sign in (1, -1))
    assert (after - before) / 2e-2 == pytest.approx(restored.grad.norm().item(), rel=1e-2)


def test_torchvisions_own_file_is_read_and_safetensors_preferred(layers, nothing_here):
    other = copy.deepcopy(layers)
    with torch.no_grad():
        other[14].bias.add_(1)
    torch.save(state_of(other), nothing_here / "vgg19-dcbb9e9d.pth")
    image = torch.rand(1, 3, 8, 8)
    shifted = make_features()(image)
    save_file(state_of(layers), nothing_here / "vgg19.safetensors")
    assert torch.allclose(shifted, make_features()(image) + 1, atol=1e-5)


def test_squeezenet_where_vgg19_is_missing(shared, nothing_here):
    if not (shared / SQUEEZENET).is_file():
        pytest.skip(f"needs ../shared/{SQUEEZENET}")
    (nothing_here / "lpips_squeeze.safetensors").symlink_to(shared / SQUEEZENET)
    features = make_features()
    assert features.name == "squeezenet1.1 features.4"
    assert not any(p.requires_grad for p in features.parameters())
    state = load_file(shared / SQUEEZENET)
    image = torch.rand(2, 3, 40, 51)

    def conv(image, key, stride=1, padding=0):
        weight, bias = (state[f"features.{key}.{kind}"].float() for kind in ("weight", "bias"))
        return nn.functional.conv2d(image, weight, bias, stride, padding).relu()

    wanted = nn.functional.max_pool2d(conv(image, "0", stride=2), 3, 2, ceil_mode=True)
    for fire in ("3", "4"):
        wanted = conv(wanted, f"{fire}.squeeze")
        wanted = torch.cat([conv(wanted, f"{fire}.expand1x1"), conv(wanted, f"{fire}.expand3x3", padding=1)], 1)
    assert wanted.shape[1] == 128
    assert torch.allclose(features(image), wanted, atol=1e-5)
    blurred = nn.functional.avg_pool2d(image, 5, 1, 2, count_include_pad=False)
    assert perceptual_loss(blurred, image, features) > 2 * perceptual_loss((blurred + image) / 2, image, features) > 0
    named = make_features("lpips-squeeze")
    assert named.name == features.name
    double = named.double()  # nor does moving one change another
    assert double(image.double()).dtype == torch.float64 and features(image).dtype == torch.float32


def test_one_sentence_when_there_is_nothing(nothing_here):
    with pytest.raises(InputError, match=r"vgg19-dcbb9e9d\.pth .* or lpips_squeeze\.safetensors .*REFOCAL_WEIGHTS"):
        make_features()
    with pytest.raises(InputError, match=r"no weights file .*other\.pth"):
        make_features(nothing_here / "other.pth")


def test_files_of_something_else_are_refused(layers, nothing_here):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(nothing_here / "sprung"),)

    torch.save({"features.0.weight": Trap()}, nothing_here / "trap.pth")
    (nothing_here / "page.pth").write_text("<html>no such file</html>")
    (nothing_here / "empty.pth").write_bytes(b"")
    for name, new in (("half", True), ("half-old", False)):  # torchvision's file is of the old kind
        torch.save(state_of(layers), nothing_here / "whole.pth", _use_new_zipfile_serialization=new)
        (nothing_here / f"{name}.pth").write_bytes((nothing_here / "whole.pth").read_bytes()[:1_000_000])
    (nothing_here / "noise.safetensors").write_bytes(b"nothing of the kind")
    for file in ("trap.pth", "page.pth", "empty.pth", "half.pth", "half-old.pth", "noise.safetensors"):
        with pytest.raises(InputError, match="can't be read"):
            make_features(nothing_here / file)
    assert not (nothing_here / "sprung").exists()
    save_file(state_of(vgg(sixteen=True)), nothing_here / "vgg16.safetensors")
    torch.save(state_of(layers[:8]), nothing_here / "short.pth")
    torch.save([1, 2], nothing_here / "list.pth")
    torch.save(dict.fromkeys(state_of(layers[:15]), 1), nothing_here / "numbers.pth")
    for file in ("vgg16.safetensors", "short.pth", "list.pth", "numbers.pth"):
        with pytest.raises(InputError, match="neither VGG19 nor"):
            make_features(nothing_here / file)
