import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from refocal.methods.unsharp_mask import UnsharpMask
from samples import natural


@pytest.mark.parametrize("sigma_px", [1.0, 2.0, 3.5])
@pytest.mark.parametrize("amount", [0.5, 1.5])
def test_the_result_agrees_with_scipys_gaussian(sigma_px, amount):
    image = natural(2, 47, 53)
    smooth = gaussian_filter(image, (0, sigma_px, sigma_px), mode="mirror", truncate=4)
    oracle = np.clip(image + amount * (image - smooth), 0, 1)
    np.testing.assert_allclose(UnsharpMask(sigma_px, amount)(image), oracle, atol=1e-13)


def test_a_ramp_is_preserved_and_an_edge_overshoots():
    ramp = np.linspace(0.2, 0.8, 60) * np.ones((1, 60, 1))
    np.testing.assert_allclose(UnsharpMask()(ramp)[..., 9:-9], ramp[..., 9:-9], atol=1e-12)
    edge = np.where(np.arange(60) < 30, 0.3, 0.7) * np.ones((1, 60, 1))
    sharpened = UnsharpMask()(edge)
    # The part of the Gaussian beyond the edge gives the overshoot: 1.5 x 0.4 x that part
    taps = np.exp(-0.5 * (np.arange(-8, 9) / 2) ** 2)
    beyond = taps[9:].sum() / taps.sum()
    assert sharpened[0, 30, 30] == pytest.approx(0.7 + 1.5 * 0.4 * beyond, abs=1e-12)
    assert sharpened[0, 30, 29] == pytest.approx(0.3 - 1.5 * 0.4 * beyond, abs=1e-12)


def test_the_context_is_exact():
    image = np.full((1, 61, 61), 0.5)
    touched = image.copy()
    touched[0, 30, 30] = 0.6
    changed = np.argwhere(np.abs(UnsharpMask()(touched) - UnsharpMask()(image))[0] > 1e-12)
    assert np.abs(changed - 30).max() == UnsharpMask().tiling(3).context_px == 8


def test_an_amount_of_zero_changes_nothing():
    image = natural(3, 20, 21)
    np.testing.assert_allclose(UnsharpMask(amount=0.0)(image), image, atol=1e-15)


def test_gradients_flow_to_the_image():
    image = torch.from_numpy(0.4 + 0.1 * natural(1, 5, 6)).requires_grad_()
    assert torch.autograd.gradcheck(UnsharpMask(0.6, 0.5), image, fast_mode=True)


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_invalid_options_are_refused(value):
    with pytest.raises(ValueError, match="sigma_px"):
        UnsharpMask(sigma_px=value)
    with pytest.raises(ValueError, match="amount"):
        UnsharpMask(amount=value if value != -1 else np.nan)
