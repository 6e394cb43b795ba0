import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import correlate, gaussian_filter

from refocal.metrics import q
from refocal.metrics.sharpness import threshold

VARIANTS = ["eval", "zm", "tf"]
PUBLISHED = {  # reported Q of the published restorations of kodim19
    "original": 0.1465,
    "blurry": 0.0723,
    "b_ddnet": 0.1200,
    "al": 0.1364,
    "mrl": 0.1366,
    "mlm": 0.1441,
    "SDM": 0.1481,
    "b_r_onlyMAE": 0.1486,
    "b_r_QSharp": 0.1496,
    "FP": 0.1497,
    "XYD": 0.1546,
}


def texture(shape=(1, 40, 56)):
    """Smooth random texture with a preferred direction."""
    rng = np.random.default_rng(8)
    return np.clip(0.5 + 0.8 * gaussian_filter(rng.standard_normal(shape), (0, 1.2, 2.5)), 0, 1)


def direct_q(luma, variant, patch=8, significance=0.001):
    """Direct implementation, patch by patch, with NumPy's gradient (or SciPy's correlation) and singular values."""
    t = significance ** (1 / (patch**2 - 1))
    tau = np.sqrt((1 - t) / (2 if variant == "tf" else 1 + t))
    scores = []
    for top in range(0, luma.shape[0] - patch + 1, patch):
        for left in range(0, luma.shape[1] - patch + 1, patch):
            cut = luma[top : top + patch, left : left + patch]
            if variant == "tf":
                sobel = np.outer([1, 2, 1], [-1, 0, 1])
                gy, gx = (correlate(cut, kernel, mode="mirror") / patch for kernel in (sobel.T, sobel))
            else:
                gy, gx = np.gradient(cut)
            s1, s2 = np.linalg.svd(np.stack([gx.ravel(), gy.ravel()], axis=1), compute_uv=False)
            power = (s1**2 - s2**2) / (s1**2 + s2**2)
            ratio = (s1 - s2) / (s1 + s2)
            coherence = ratio if variant == "zm" else power
            content = s1**2 * power if variant == "tf" else s1 * ratio
            scores.append(content if coherence > tau else 0.0)
    return np.mean(scores)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("patch", "significance"), [(8, 0.001), (5, 0.05)])
def test_q_equals_its_definition_also_with_incomplete_patches(variant, patch, significance):
    image = texture((1, 43, 61))
    expected = direct_q(image[0], variant, patch, significance)
    assert expected > 0.01
    assert q(image, variant, patch, significance) == pytest.approx(expected, rel=1e-5)  # deviation due to EPSILON
    assert q(image.astype("float32"), variant, patch, significance) == pytest.approx(expected, rel=2e-5)


def test_thresholds():
    assert threshold() == pytest.approx(0.234027, abs=5e-7)
    assert threshold(variant="tf") == pytest.approx(0.227870, abs=5e-7)


@pytest.mark.parametrize(("variant", "mean"), [("eval", 0.1443), ("zm", 0.1272), ("tf", 0.1097)])
def test_mean_over_the_centres_of_the_kodak_photos(shared, variant, mean):
    crops = []
    for path in sorted((shared / "data/test/kodak24").glob("*.png")):
        with Image.open(path) as photo:
            pixels = np.asarray(photo.convert("RGB"), dtype=float)
        top, left = ((side - 128) // 2 for side in pixels.shape[:2])
        luma = pixels[top : top + 128, left : left + 128] @ [0.299, 0.587, 0.114]
        crops.append(np.floor(luma + 1e-9)[None] / 255)  # truncated to 8 bit; white's 254.999... is 255
    assert len(crops) == 24
    assert q(np.stack(crops), variant).mean() == pytest.approx(mean, abs=1e-4)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_restorations(shared, name):
    with Image.open(shared / f"data/test/mmsp2024_crops/MMSP_Comparisons/kodim19_{name}.png") as photo:
        luma = np.asarray(photo.convert("L"), dtype=float)[None] / 255
    assert q(luma) == pytest.approx(PUBLISHED[name], abs=1e-4)


@pytest.mark.parametrize("variant", VARIANTS)
def test_invariants(variant):
    image = texture()
    score = q(image, variant)
    assert q(gaussian_filter(image, (0, 1, 1)), variant) < 0.9 * score  # blur reduces Q
    power = 2 if variant == "tf" else 1
    assert q(0.5 * image, variant) == pytest.approx(0.5**power * score, rel=1e-5)
    for turned in (np.swapaxes(image, 1, 2), image[:, ::-1], image[..., ::-1], 1 - image):
        assert q(turned, variant) == pytest.approx(score, rel=1e-9)
    assert q(np.full((3, 16, 16), 0.3), variant) == 0
    assert q(np.repeat(image, 3, axis=0), variant) == pytest.approx(score, rel=1e-9)  # grey as three equal channels
    green = np.zeros((3, 40, 56))
    green[1] = image[0]
    assert q(green, variant) == pytest.approx(0.587**power * score, rel=1e-5)  # luma only


def test_white_noise_does_not_count_as_structure():
    noise = 0.5 + 0.1 * np.random.default_rng(9).standard_normal((1, 400, 400))
    assert q(noise, "zm") < 0.02 * q(texture((1, 400, 400)), "zm")


def test_a_batch_equals_its_images_and_torch_equals_numpy():
    torch = pytest.importorskip("torch")
    images = np.stack([texture((3, 41, 50)), texture((3, 41, 50))[::-1] * 0.7]).astype("float32")
    for variant in VARIANTS:
        scores = q(images, variant)
        assert scores.shape == (2,)
        assert scores.dtype == np.float32
        np.testing.assert_allclose(scores, [q(image, variant) for image in images], rtol=1e-6)
        tensor = q(torch.tensor(images), variant)
        assert tensor.dtype == torch.float32
        np.testing.assert_allclose(tensor.numpy(), scores, rtol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_are_correct_and_always_finite(variant):
    torch = pytest.importorskip("torch")
    generic = torch.tensor(texture((1, 16, 17)), requires_grad=True)
    assert q(generic, variant) > 0
    assert torch.autograd.gradcheck(lambda image: q(image, variant), generic)

    y, x = np.mgrid[:16, :16] / 16
    rng = np.random.default_rng(10)
    hard = np.stack([0 * x, 0 * x + 0.3, 0 * x + 1, x, y, 0.5 * (x + y), x > 0.4, (x > 0.3) ^ (y > 0.6)])
    hard = np.concatenate([hard, rng.random((4, 16, 16)), np.eye(16)[None]])[:, None]
    for dtype in (torch.float32, torch.float64):
        image = torch.tensor(hard, dtype=dtype, requires_grad=True)
        (gradient,) = torch.autograd.grad(q(image, variant).sum(), image)
        assert torch.isfinite(gradient).all()
        assert gradient.abs().max() < 10
        assert gradient[3].abs().max() > 0  # a ramp is fully coherent
