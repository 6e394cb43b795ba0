import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from refocal.metrics import mae, psnr


def pair(dtype="float64", shape=(3, 31, 45)):
    rng = np.random.default_rng(3)
    sharp = rng.random(shape)
    return (sharp + 0.05 * rng.standard_normal(shape)).clip(0, 1).astype(dtype), sharp.astype(dtype)


def test_psnr_equals_skimage():
    restored, sharp = pair()
    expected = peak_signal_noise_ratio(sharp, restored, data_range=1)
    assert psnr(restored, sharp) == pytest.approx(expected, abs=1e-12)
    assert psnr(restored.astype("float32"), sharp.astype("float32")) == pytest.approx(expected, abs=1e-5)


def test_a_known_offset():
    image = np.full((2, 1, 9, 11), 0.5)
    offset = image - np.array([0.1, 0.01]).reshape(2, 1, 1, 1)
    np.testing.assert_allclose(psnr(offset, image), [20, 40], atol=1e-10)  # one number per image, not pooled
    np.testing.assert_allclose(mae(offset, image), [0.1, 0.01], atol=1e-15)


def test_mae_is_the_mean_of_absolute_differences():
    restored, sharp = pair()
    assert mae(restored, sharp) == pytest.approx(np.abs(restored - sharp).mean(), abs=1e-15)


def test_identical_images_score_infinity_without_a_warning():
    restored, sharp = pair(shape=(2, 3, 8, 9))
    restored[1] = sharp[1]
    np.testing.assert_array_equal(np.isinf(psnr(restored, sharp)), [False, True])
    assert psnr(sharp, sharp, mask=np.ones((8, 9)))[1] == np.inf


@pytest.mark.parametrize("metric", [psnr, mae])
def test_a_binary_mask_is_a_crop_and_a_mask_is_a_weight(metric):
    restored, sharp = pair()
    mask = np.zeros((31, 45), bool)
    mask[4:20, 7:40] = True
    crop = metric(restored[:, 4:20, 7:40], sharp[:, 4:20, 7:40])
    for shaped in (mask, mask[None], mask.astype(np.uint8), mask * 0.25):
        assert metric(restored, sharp, mask=shaped) == pytest.approx(crop, rel=1e-12)
    weight = np.random.default_rng(4).random((31, 45))
    error = np.abs(restored - sharp) ** (2 if metric is psnr else 1)
    mean = np.average(error.mean(0), weights=weight)
    expected = -10 * np.log10(mean) if metric is psnr else mean
    assert metric(restored, sharp, mask=weight) == pytest.approx(expected, rel=1e-12)


def test_gradients():
    torch = pytest.importorskip("torch")
    restored, sharp = (torch.tensor(image[:, :5, :6]) for image in pair())
    restored.requires_grad_()
    assert torch.autograd.gradcheck(psnr, (restored, sharp))
    assert torch.autograd.gradcheck(mae, (restored, sharp))
    flat = torch.full((1, 5, 6), 0.5, requires_grad=True)
    (gradient,) = torch.autograd.grad(psnr(flat, flat.detach()), flat)  # the value is inf, its gradient 0
    assert not gradient.any()


def test_nan_in_an_image_gives_nan():
    import refocal

    sharp = np.random.default_rng(0).random((3, 32, 32))
    broken = sharp.copy()
    broken[0, 3, 4] = np.nan
    for metric in (refocal.metrics.psnr, refocal.metrics.mae, refocal.metrics.ssim):
        assert np.isnan(metric(broken, sharp)) and not np.isnan(metric(sharp * 0.9, sharp))
    assert np.isnan(refocal.metrics.q(broken))
