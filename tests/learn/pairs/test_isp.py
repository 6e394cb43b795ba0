"""The camera's steps against Pillow, scipy and theory."""

import io
import math

import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn
from scipy.ndimage import gaussian_filter

torch = pytest.importorskip("torch")

from refocal.images.jpeg import LUMA_TABLE
from refocal.learn.pairs.isp import jpeg, s_curve, sharpened, with_noise


def seeded(seed=1):
    return torch.Generator().manual_seed(seed)


def levels(count=6, height=64, width=96):
    """Whole levels 0 to 255: soft blotches with some grain, from flat to clipped."""
    random = np.random.default_rng(5)
    soft = gaussian_filter(random.standard_normal((count, height, width)), (0, 3, 3)) * 500
    return np.clip(np.rint(120 + soft + random.normal(0, 4, soft.shape)), 0, 255).astype(np.uint8)


def through_pillow(image, quality):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    opened = Image.open(file)
    return np.asarray(opened), np.array(opened.quantization[0]).reshape(8, 8)


def ours(images, quality):
    image = torch.from_numpy(images)[:, None].float() / 255
    back = 255 * jpeg(image, torch.full((len(images), 1, 1, 1), float(quality)))[:, 0]
    assert (back - back.round()).abs().max() < 1e-3
    return back.round().numpy()


def transformed(image):
    """DCT of blocks of 8 x 8: (H / 8, W / 8, 8, 8)."""
    height, width = image.shape
    blocks = image.reshape(height // 8, 8, width // 8, 8).swapaxes(1, 2) - 128.0
    return dctn(blocks, axes=(2, 3), norm="ortho")


@pytest.mark.parametrize("quality", [60, 75, 90, 100])
def test_jpeg_is_what_pillow_writes_and_reads(quality):
    """Pillow's transform works with whole numbers: a rounding that is nearly a tie may fall to the other side."""
    images = levels()
    got = ours(images, quality)
    wanted = np.stack([through_pillow(image, quality)[0] for image in images])
    assert np.abs(got - wanted).mean() < 0.5  # levels; 0.1 to 0.35 measured, where the JPEG itself costs 1.5 to 4
    assert np.abs(got - wanted).mean() < 0.3 * np.abs(wanted - images.astype(float)).mean() + 0.1
    if quality == 100:
        assert np.abs(got - wanted).max() <= 2
    if quality > 75:
        return  # fine steps can't be read off a image of whole levels
    for image, back, theirs in zip(images, got, wanted, strict=True):
        steps = through_pillow(image, quality)[1]
        unclipped = ((back > 0) & (back < 255) & (theirs > 0) & (theirs < 255)).reshape(8, 8, 12, 8).all((1, 3))
        exact, read, read_theirs = (transformed(p)[unclipped] / steps for p in (image, back, theirs))
        other = np.rint(read) != np.rint(read_theirs)
        assert other.mean() < 0.01
        assert (np.abs(np.abs(exact - np.floor(exact)) - 0.5)[other] < 0.05).all()  # a tie, but for 1/20 of a step


@pytest.mark.parametrize("quality", [60, 75, 90, 100])
def test_a_batch_has_a_quality_for_each(quality):
    images = torch.from_numpy(levels(2))[:, None].float() / 255
    mixed = jpeg(images, torch.tensor([float(quality), 80.0]).view(2, 1, 1, 1))
    assert torch.equal(mixed[:1], jpeg(images[:1], torch.full((1, 1, 1, 1), float(quality))))
    assert torch.equal(mixed[1:], jpeg(images[1:], torch.full((1, 1, 1, 1), 80.0)))


def test_the_table_is_the_formats():
    assert np.array_equal(through_pillow(levels(1)[0], 50)[1].ravel(), LUMA_TABLE)


@pytest.mark.parametrize(
    "quality",
    [10, 20, 50, 51, 67, 95, 33],
)
def test_steps_are_libjpegs(quality):
    """A block of a single frequency, strong enough to distinguish steps of n and n + 1, is quantised to the step."""
    for row, column in [(1, 0), (2, 3), (7, 7)]:
        waves = np.outer(*(np.cos(np.pi / 8 * (np.arange(8) + 0.5) * k) for k in (row, column)))
        block = torch.from_numpy(128 + 110 * waves)[None, None] / 255
        back = 255 * jpeg(block, torch.full((1, 1, 1, 1), float(quality), dtype=torch.float64))[0, 0].numpy()
        step = through_pillow(levels(1)[0], quality)[1][row, column]
        exact = transformed(255 * block[0, 0].numpy())[0, 0, row, column]
        assert transformed(back)[0, 0, row, column] == pytest.approx(
            np.rint(exact / step) * step, abs=2
        )  # whole levels


@pytest.mark.parametrize("slope", [0.6, 1.0, 1.5])
def test_a_tone_curve_has_its_slope_in_the_middle_and_can_be_undone(slope):
    image = torch.linspace(0, 1, 101, dtype=torch.float64, requires_grad=True)
    given = torch.tensor(slope, dtype=torch.float64)
    curve = s_curve(image, given)
    assert curve[[0, 50, 100]].tolist() == pytest.approx([0, 0.5, 1], abs=1e-12)
    assert (curve.diff() > 0).all()
    assert torch.autograd.grad(curve[50], image)[0][50] == pytest.approx(slope)
    torch.testing.assert_close(1 - curve.flip(0), curve)
    torch.testing.assert_close(s_curve(curve, 1 / given), image, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("light", "shot", "read"), [(0.0, 1e-3, 5e-3), (0.25, 1e-3, 0.0), (0.8, 1e-3, 1e-2)])
def test_noise_has_the_given_variance(light, shot, read):
    clean = torch.full((4, 1, 300, 300), light)
    shots, reads = (
        torch.tensor([1.0, 1.0, 0.5, 0.0]).view(4, 1, 1, 1),
        torch.tensor([1.0, 0.0, 2.0, 0.0]).view(4, 1, 1, 1),
    )
    noise = (with_noise(clean, shot * shots, read * reads, seeded()) - clean)[:, 0].double()
    wanted = (shot * shots * light + (read * reads) ** 2).flatten()
    np.testing.assert_allclose(noise.var((1, 2)), wanted, rtol=0.02)  # four deviations of 90,000 squares
    assert (noise.mean((1, 2)).abs() <= 4 * wanted.sqrt() / 300).all()


@pytest.mark.parametrize("sigma_px", [0.6, 0.9, 1.4])
def test_sharpening_is_an_unsharp_mask(sigma_px):
    image = levels(3)[:, None].astype(np.float32) / 255
    amount = torch.tensor([0.0, 0.4, 1.0]).view(3, 1, 1, 1)
    reach = math.ceil(3 * sigma_px)
    smooth = gaussian_filter(image, (0, 0, sigma_px, sigma_px), mode="mirror", radius=(0, 0, reach, reach))
    wanted = image + amount.numpy() * (image - smooth)
    np.testing.assert_allclose(sharpened(torch.from_numpy(image), amount, sigma_px).numpy(), wanted, atol=1e-5)
