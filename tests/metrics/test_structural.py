import numpy as np
import pytest
from scipy.signal import correlate
from skimage.metrics import structural_similarity

from refocal.metrics import ssim


def pair(shape=(3, 47, 61)):
    """A smooth image with an edge, and the same with noise and less contrast."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[: shape[-2], : shape[-1]] / 20
    sharp = 0.5 + 0.3 * np.sin(3 * x + y**2) * np.ones(shape) * np.linspace(0.5, 1, shape[0])[:, None, None]
    sharp[..., 30:] *= 0.4
    return np.clip(0.8 * sharp + 0.1 + 0.05 * rng.standard_normal(shape), 0, 1), sharp


def direct_map(x, y, kernel, unbias):
    """SSIM of one channel, straight from its definition: moments under a 2-D window, about the local mean."""
    out = np.empty([x.shape[0] - kernel.shape[0] + 1, x.shape[1] - kernel.shape[1] + 1])
    for i, j in np.ndindex(out.shape):
        a, b = (z[i : i + kernel.shape[0], j : j + kernel.shape[1]] for z in (x, y))
        ma, mb = (kernel * a).sum(), (kernel * b).sum()
        va, vb, cab = (
            unbias * (kernel * (p - mp) * (q - mq)).sum()
            for p, mp, q, mq in ((a, ma, a, ma), (b, mb, b, mb), (a, ma, b, mb))
        )
        out[i, j] = (2 * ma * mb + 1e-4) * (2 * cab + 9e-4) / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4))
    return out


GAUSSIAN = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
KERNELS = {
    "uniform7": (np.full((7, 7), 1 / 49), 49 / 48),
    "gaussian11": (np.outer(GAUSSIAN, GAUSSIAN) / GAUSSIAN.sum() ** 2, 1.0),
}
SKIMAGE = {"uniform7": {}, "gaussian11": {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}}


@pytest.mark.parametrize("window", KERNELS)
@pytest.mark.parametrize("shape", [(3, 47, 61), (1, 11, 12)])
def test_ssim_equals_skimage(window, shape):
    restored, sharp = pair(shape)
    expected = structural_similarity(restored, sharp, data_range=1, channel_axis=0, **SKIMAGE[window])
    assert ssim(restored, sharp, window) == pytest.approx(expected, abs=1e-10)
    assert ssim(restored.astype("float32"), sharp.astype("float32"), window) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("window", KERNELS)
def test_ssim_equals_its_definition_and_a_mask_weights_its_map(window):
    restored, sharp = pair((2, 21, 26))
    kernel, unbias = KERNELS[window]
    maps = np.stack([direct_map(x, y, kernel, unbias) for x, y in zip(restored, sharp, strict=True)])
    assert ssim(restored, sharp, window) == pytest.approx(maps.mean(), abs=1e-12)
    weight = np.random.default_rng(6).random((21, 26))
    margin = kernel.shape[0] // 2
    expected = np.average(maps.mean(0), weights=weight[margin:-margin, margin:-margin])
    assert ssim(restored, sharp, window, mask=weight) == pytest.approx(expected, abs=1e-12)


def test_the_gaussian_window_equals_tensorflow():
    """tf.image.ssim: valid correlation with the normalised kernel, one covariance for both images, no unbiasing."""
    restored, sharp = pair()
    kernel = KERNELS["gaussian11"][0]
    scores = []
    for x, y in zip(restored, sharp, strict=True):
        mean_x, mean_y, xy, square = (correlate(z, kernel, mode="valid") for z in (x, y, x * y, x * x + y * y))
        luminance = (2 * mean_x * mean_y + 0.01**2) / (mean_x**2 + mean_y**2 + 0.01**2)
        contrast = (2 * xy - 2 * mean_x * mean_y + 0.03**2) / (square - mean_x**2 - mean_y**2 + 0.03**2)
        scores.append((luminance * contrast).mean())
    assert ssim(restored, sharp, "gaussian11") == pytest.approx(np.mean(scores), abs=1e-12)


def test_float32_is_accurate_on_a_bright_wide_image():
    """Where the cancellation in E[x^2] - E[x]^2 is worst: low contrast near white, many columns."""
    rng = np.random.default_rng(7)
    sharp = (0.95 + 0.01 * rng.standard_normal((1, 16, 4000))).astype("float32")
    restored = (sharp + 0.01 * rng.standard_normal(sharp.shape)).clip(0, 1).astype("float32")
    expected = structural_similarity(restored[0].astype(float), sharp[0].astype(float), data_range=1)
    assert ssim(restored, sharp) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("window", KERNELS)
def test_identical_images_score_one(window):
    _, sharp = pair()
    assert ssim(sharp, sharp, window) == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize("window", KERNELS)
def test_gradients(window):
    torch = pytest.importorskip("torch")
    restored, sharp = (torch.tensor(image[:, 25:38, 25:37]) for image in pair((1, 47, 61)))
    assert torch.autograd.gradcheck(lambda x: ssim(x, sharp, window), restored.requires_grad_())
    for level in (0.0, 0.5, 1.0):
        flat = torch.full((3, 12, 13), level, requires_grad=True)
        for reference in (flat.detach(), torch.zeros(3, 12, 13)):
            (gradient,) = torch.autograd.grad(ssim(flat, reference, window), flat)
            assert torch.isfinite(gradient).all()
