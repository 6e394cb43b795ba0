import numpy as np
import pytest

from refocal.metrics import mae, psnr, q, ssim
from refocal.metrics.inputs import any_range
from refocal.types import InputError

IMAGE = np.linspace(0, 1, 3 * 16 * 20).reshape(3, 16, 20)


@pytest.mark.parametrize("metric", [psnr, mae, ssim])
@pytest.mark.parametrize(
    ("restored", "sharp", "sentence"),
    [
        ((IMAGE * 255).astype(np.uint8), IMAGE, r"restored image must be float32 or float64 in \[0, 1\], not uint8"),
        (IMAGE, IMAGE.astype(np.float16), "sharp image must be float32 or float64"),
        (IMAGE, IMAGE[:, :-1], r"restored image is \(3, 16, 20\) and the sharp one \(3, 15, 20\)"),
        (IMAGE[0], IMAGE[0], r"must be \(..., channel, height, width\), not of shape \(16, 20\)"),
        (IMAGE[:, :0], IMAGE[:, :0], r"not of shape \(3, 0, 20\)"),
        (IMAGE.tolist(), IMAGE, "all NumPy arrays or all torch tensors, not list and ndarray"),
    ],
)
def test_an_invalid_pair_is_refused_with_one_sentence(metric, restored, sharp, sentence):
    with pytest.raises(InputError, match=sentence):
        metric(restored, sharp)


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (IMAGE * 255, r"in \[0, 1\], not from 0 to 255"),
        (IMAGE - 0.5, r"not from -0.5 to 0.5"),
        (np.ma.masked_less(IMAGE, 0.5), "is a masked array"),
    ],
)
def test_another_range_and_masked_arrays_are_refused(image, sentence):
    torch = pytest.importorskip("torch")
    for metric in (psnr, mae, ssim, lambda x, _: q(x)):
        with pytest.raises(InputError, match=sentence):
            metric(image, IMAGE)
        if not isinstance(image, np.ma.MaskedArray):
            with pytest.raises(InputError, match=sentence):
                metric(torch.tensor(image), torch.tensor(IMAGE))
    np.testing.assert_allclose(psnr(IMAGE + 5e-4, IMAGE), 20 * np.log10(1 / 5e-4))  # rounding is no other range


def test_the_byte_order_does_not_matter():
    for dtype in (">f4", "<f4", ">f8", "<f8"):
        assert psnr((0.9 * IMAGE).astype(dtype), IMAGE.astype(dtype)) == pytest.approx(
            psnr(0.9 * IMAGE, IMAGE), rel=1e-5
        )
        assert q(IMAGE.astype(dtype)) == pytest.approx(q(IMAGE), rel=1e-4)


def test_a_training_may_leave_the_range():
    torch = pytest.importorskip("torch")
    restored = torch.tensor(IMAGE * 1.2).requires_grad_()
    assert psnr(restored, torch.tensor(IMAGE)).requires_grad
    with any_range():
        assert float(psnr(IMAGE * 1.2, IMAGE)) == pytest.approx(psnr(restored, torch.tensor(IMAGE)).item())
    with pytest.raises(InputError, match="in \\[0, 1\\]"):
        psnr(IMAGE * 1.2, IMAGE)


@pytest.mark.parametrize("metric", [psnr, mae, ssim])
@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        (np.ones((20, 16)), r"mask is \(20, 16\), which doesn't fit the image \(3, 16, 20\)"),
        (np.ones((3, 16, 20)), r"mask is \(3, 16, 20\)"),
        (np.ones((2, 1, 16, 20)), r"mask is \(2, 1, 16, 20\)"),
        (np.full((16, 20), 255), r"weights in \[0, 1\]"),
        (np.full((16, 20), np.nan), r"weights in \[0, 1\]"),
        (np.zeros((16, 20)), "zero everywhere"),
        (np.ma.masked_less(np.ones((16, 20)), 2), "without a mask of its own"),
    ],
)
def test_an_invalid_mask_is_refused_with_one_sentence(metric, mask, sentence):
    with pytest.raises(InputError, match=sentence):
        metric(IMAGE, IMAGE[:, ::-1], mask=mask)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: ssim(IMAGE[..., :6], IMAGE[..., :6]), "7x7 window doesn't fit into an image of 16x6 pixels"),
        (lambda: ssim(IMAGE[:, :10], IMAGE[:, :10], "gaussian11"), "11x11 window doesn't fit into an image of 10x20"),
        (lambda: ssim(IMAGE, IMAGE, "box"), "not 'box'"),
        (lambda: q(IMAGE[:, :7]), "8x8 patch doesn't fit into an image of 7x20"),
        (lambda: q(IMAGE[:2]), "1 or 3 channels, not 2"),
        (lambda: q(IMAGE, "svd"), "not 'svd'"),
        (lambda: q(IMAGE, patch=2), "at least 3 px"),
        (lambda: q(IMAGE, significance=1.0), r"significance in \(0, 1\), not 8 and 1.0"),
        (lambda: q((IMAGE * 255).astype(np.uint8)), "measured image must be float32 or float64"),
    ],
)
def test_an_invalid_option_or_size_is_refused_with_one_sentence(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()


@pytest.mark.parametrize("metric", [psnr, mae, ssim, lambda x, y: ssim(x, y, "gaussian11"), lambda x, _: q(x)])
def test_all_computation_stays_on_the_device_of_the_images(metric):
    """The device "meta" has shapes only: a tensor on another device, or reading a value, would raise."""
    torch = pytest.importorskip("torch")
    images = torch.zeros(2, 2, 3, 16, 20, device="meta")
    assert metric(images[0], images[1]).device.type == "meta"


def test_numpy_and_torch_do_not_mix():
    torch = pytest.importorskip("torch")
    with pytest.raises(InputError, match="not Tensor and ndarray"):
        psnr(IMAGE, torch.tensor(IMAGE))
    with pytest.raises(InputError, match="not Tensor and ndarray"):
        psnr(torch.tensor(IMAGE), torch.tensor(IMAGE), mask=np.ones((16, 20)))


@pytest.mark.parametrize("metric", [psnr, mae, ssim])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_torch_equals_numpy_and_a_batch_its_images(metric, dtype):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    restored, sharp = rng.random((2, 2, 3, 17, 22)).astype(dtype), rng.random((2, 2, 3, 17, 22)).astype(dtype)
    mask = rng.random((2, 2, 17, 22)).astype(dtype)
    for weight in (None, mask):
        batch = metric(restored, sharp, mask=weight)
        tensor = None if weight is None else torch.tensor(weight)
        assert batch.shape == (2, 2)
        assert batch.dtype == dtype
        singles = [metric(restored[i], sharp[i], mask=None if weight is None else weight[i]) for i in np.ndindex(2, 2)]
        np.testing.assert_allclose(batch.ravel(), singles, rtol=1e-6)
        from_torch = metric(torch.tensor(restored), torch.tensor(sharp), mask=tensor)
        assert from_torch.dtype == getattr(torch, dtype)
        np.testing.assert_allclose(from_torch.numpy(), batch, rtol=2e-6 if dtype == "float32" else 1e-12)
    assert metric(restored[0, 0], sharp[0, 0]).shape == ()
