import numpy as np
import pytest
import torch

from refocal.optics.render import fill_unknown


def _holes(height, width, share, seed=0):
    return (np.random.default_rng(seed).random((1, height, width)) >= share).astype(np.float64)


@pytest.mark.parametrize("size", [(37, 29), (1, 1), (1, 40), (33, 1), (64, 64)])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.95])
def test_known_pixels_and_constants_are_preserved(size, share):
    known = _holes(*size, share)
    known[0, -1, -1] = 1
    image = np.random.default_rng(1).random((3, *size))
    filled = fill_unknown(image * known, known)
    np.testing.assert_array_equal(np.where(known, filled, 0), image * known)
    assert filled.min() >= image[:, known[0] > 0].min() - 1e-12
    assert filled.max() <= image[:, known[0] > 0].max() + 1e-12
    np.testing.assert_allclose(fill_unknown(0.37 * np.ones((3, *size)) * known, known), 0.37, atol=1e-12)


def test_values_of_unknown_pixels_are_not_read():
    known = _holes(21, 34, 0.5)
    image = np.random.default_rng(1).random((3, 21, 34))
    np.testing.assert_allclose(fill_unknown(image, known), fill_unknown(np.where(known, image, 9.0), known), atol=1e-12)


def test_a_ramp_is_continued_across_a_hole():
    """The error is at most a third of the hole's width times the slope; the ramp rises by 1."""
    down, right = np.mgrid[0:48, 0:64]
    ramp = (down / 47 + 2 * right / 63)[None] / 3
    known = np.ones((1, 48, 64))
    known[:, 15:27, 20:34] = 0
    filled = fill_unknown(ramp * known, known)
    assert np.abs(filled - ramp).max() < 0.08
    assert np.abs(filled - ramp)[:, 15:27, 20:34].mean() < 0.03
    # Smooth: no step inside or at the edge of the hole.
    assert np.abs(np.diff(filled, axis=-1)).max() < 0.06


def test_the_nearer_side_has_the_larger_weight():
    image, known = np.zeros((1, 32, 64)), np.ones((1, 32, 64))
    image[:, :, 40:] = 1
    known[:, :, 24:40] = 0
    filled = fill_unknown(image, known)[0, 16]
    assert filled[25] < 0.3
    assert filled[38] > 0.7
    assert np.all(np.diff(filled) >= -1e-12)


def test_without_known_pixels_the_result_is_zero():
    np.testing.assert_array_equal(fill_unknown(np.ones((3, 5, 6)), np.zeros((1, 5, 6))), 0)


def test_batches_torch_and_gradients():
    images, known = (
        np.random.default_rng(2).random((2, 3, 13, 10)),
        np.stack([_holes(13, 10, 0.6, seed) for seed in (0, 1)]),
    )
    filled = fill_unknown(images, known)
    for i in range(2):
        np.testing.assert_allclose(filled[i], fill_unknown(images[i], known[i]), atol=1e-14)
    tensor = fill_unknown(torch.from_numpy(images), torch.from_numpy(known))
    np.testing.assert_allclose(tensor.numpy(), filled, atol=1e-14)
    few = torch.rand(1, 5, 4, dtype=torch.float64, requires_grad=True)
    mask = torch.from_numpy(_holes(5, 4, 0.5))
    assert torch.autograd.gradcheck(lambda image: fill_unknown(image, mask), few)
