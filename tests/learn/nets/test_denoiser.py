import numpy as np
import pytest

torch = pytest.importorskip("torch")

from scipy.ndimage import uniform_filter
from torch.nn.functional import conv2d

from refocal.learn.nets.denoiser import Config, denoiser


def random_image(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def awake(config=None):
    """With weights as in the middle of a training; fresh ones are the identity."""
    torch.manual_seed(0)
    network = denoiser(config)
    for weight in network.parameters():
        torch.nn.init.kaiming_normal_(weight)
    return network.double()


def test_it_is_small():
    parameters = sum(parameter.numel() for parameter in denoiser().parameters())
    assert parameters == 169_344
    assert 2 * parameters < 1_000_000  # bytes at half precision


def test_no_training_no_change():
    image = random_image(1, 1, 17, 22).float()
    torch.testing.assert_close(denoiser()(image), image, rtol=0, atol=0)


@pytest.mark.parametrize("size", [(24, 16), (17, 22), (1, 3)])
def test_brightness_makes_no_difference(size):
    network, image = awake(), random_image(1, 1, *size)
    with torch.no_grad():
        torch.testing.assert_close(network(image + 0.25), network(image) + 0.25, rtol=0, atol=1e-10)


@pytest.mark.parametrize("size", [(24, 16), (17, 22), (1, 3)])
def test_it_is_homogeneous(size):
    """f(a x) = a f(x): with powers of two in every bit, and f(0) = 0."""
    network, image = awake(), random_image(2, 1, *size)
    with torch.no_grad():
        restored = network(image)
        assert (restored - image).abs().max() > 0.01
        for scale in (0.0, 0.125, 4.0):
            torch.testing.assert_close(network(scale * image), scale * restored, rtol=0, atol=0)
        torch.testing.assert_close(network(0.65 * image), 0.65 * restored, rtol=1e-12, atol=1e-12)


def test_its_derivative_along_the_image_is_its_result():
    """Romano et al. 2017, condition 1, from which the gradient of their regulariser follows."""
    network, image = awake(), random_image(1, 1, 12, 14)
    restored, along = torch.autograd.functional.jvp(network, image, image)
    torch.testing.assert_close(along, restored)


@pytest.mark.parametrize("fold_px", [1, 2])
def test_the_body_is_the_definition(fold_px):
    """Layer by layer, the folding by slices."""
    network, image = awake(Config(channels=2, width=6, blocks=2, fold_px=fold_px)), random_image(1, 2, 8, 10)
    first, *middle, last = network.state_dict().values()
    assert first.shape == (6, 2 * fold_px**2, 3, 3)
    assert len(middle) == 4
    corners = [(i, j) for i in range(fold_px) for j in range(fold_px)]
    mean = torch.tensor(uniform_filter(image.numpy(), (0, 0, 5, 5), mode="nearest"))
    feature = torch.cat([(image - mean)[:, c : c + 1, i::fold_px, j::fold_px] for c in range(2) for i, j in corners], 1)
    feature = conv2d(feature, first, padding=1)
    for one, two in (middle[:2], middle[2:]):
        feature = feature + conv2d(conv2d(feature, one, padding=1).clamp(min=0), two, padding=1)
    noise = conv2d(feature, last, padding=1)
    expected = image.clone()
    for n, (c, (i, j)) in enumerate((c, corner) for c in range(2) for corner in corners):
        expected[:, c, i::fold_px, j::fold_px] -= noise[:, n]
    torch.testing.assert_close(network(image), expected)


@pytest.mark.parametrize("size", [(9, 12), (13, 31)])
def test_odd_sides_continue_by_their_mirror_image(size):
    network, image = awake(), random_image(1, 1, *size)
    height, width = size
    grown = np.pad(image.numpy(), ((0, 0), (0, 0), (0, height % 2), (0, width % 2)), "reflect")
    with torch.no_grad():
        torch.testing.assert_close(network(image), network.body(torch.tensor(grown))[..., :height, :width])


def test_the_context_is_what_a_pixel_depends_on():
    network = awake()
    image = torch.rand(1, 1, 64, 8, dtype=torch.float64, requires_grad=True)
    reach = 0
    for row in (32, 33):
        (gradient,) = torch.autograd.grad(network.body(image)[0, :, row].sum(), image)
        rows = gradient.abs().sum((0, 1, 3)).nonzero()[:, 0]
        reach = max(reach, row - rows.min().item(), rows.max().item() - row)
    assert reach == network.context_px == 23


def test_a_few_steps_of_training_take_noise_away():
    torch.manual_seed(0)
    network = denoiser(Config(width=16, blocks=2))
    y, x = torch.meshgrid(torch.linspace(0, 3, 48), torch.linspace(0, 3, 48), indexing="ij")
    sharp = (0.5 + 0.3 * torch.sin(2 * x) * torch.cos(y))[None, None]
    noise_std = 5 / 255
    optimiser = torch.optim.Adam(network.parameters(), 2e-3)
    for _ in range(60):
        loss = (network(sharp + noise_std * torch.randn(4, 1, 48, 48)) - sharp).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        left = (network(sharp + noise_std * torch.randn(4, 1, 48, 48)) - sharp).square().mean() ** 0.5
    assert left < 0.6 * noise_std
