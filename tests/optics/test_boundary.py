import numpy as np
import pytest
import torch

from refocal.optics.boundary import BOUNDARIES, fold, pad, window

NUMPYS = {"mirror": "reflect", "replicate": "edge", "periodic": "wrap", "zero": "constant"}
SIZES = [(1, 1), (1, 2), (2, 1), (2, 3), (3, 2), (5, 7), (8, 4)]
MARGINS = [(0, 0), (1, 0), (0, 2), (1, 1), (2, 5), (7, 3), (11, 17)]


def _asked(array, kind):
    return torch.from_numpy(array) if kind == "torch" else array


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("size", SIZES)
def test_pad_equals_numpy(boundary, kind, size):
    image = np.random.default_rng(0).random((2, 3, *size), np.float32)
    for margin in MARGINS:
        oracle = np.pad(image, [(0, 0), (0, 0), (margin[0],) * 2, (margin[1],) * 2], mode=NUMPYS[boundary])
        padded = pad(_asked(image, kind), margin, boundary)
        assert type(padded) is type(_asked(image, kind))
        np.testing.assert_array_equal(np.asarray(padded), oracle, err_msg=f"margin {margin}")


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("size", SIZES)
def test_fold_is_the_adjoint_of_pad(boundary, dtype, kind, size):
    """<P x, y> = <x, P^T y>, with small integers so that the sums are exact in either dtype."""
    rng = np.random.default_rng(1)
    x = rng.integers(-9, 9, (2, *size)).astype(dtype)
    for margin in MARGINS:
        y = rng.integers(-9, 9, (2, size[0] + 2 * margin[0], size[1] + 2 * margin[1])).astype(dtype)
        before = x.copy(), y.copy()
        padded, folded = pad(_asked(x, kind), margin, boundary), fold(_asked(y, kind), margin, boundary)
        assert folded.dtype == _asked(x, kind).dtype
        assert tuple(folded.shape) == x.shape
        assert float((np.asarray(padded) * y).sum()) == float((x * np.asarray(folded)).sum()), f"margin {margin}"
        np.testing.assert_array_equal(before[0], x)
        np.testing.assert_array_equal(before[1], y)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_window_is_a_crop_of_the_padded_image(boundary):
    image = np.random.default_rng(2).random((3, 11, 13))
    for rows, columns in [(slice(0, 11), slice(0, 13)), (slice(4, 6), slice(5, 7)), (slice(9, 11), slice(0, 1))]:
        for margin in [(0, 0), (1, 2), (4, 5), (14, 3)]:
            padded = np.pad(image, [(0, 0), (margin[0],) * 2, (margin[1],) * 2], mode=NUMPYS[boundary])
            oracle = padded[:, rows.start : rows.stop + 2 * margin[0], columns.start : columns.stop + 2 * margin[1]]
            np.testing.assert_array_equal(window(image, rows, columns, margin, boundary), oracle)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_pad_and_fold_are_differentiable(boundary):
    x = torch.rand(1, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: pad(x, (2, 5), boundary), x)
    y = torch.rand(1, 7, 14, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda y: fold(y, (2, 5), boundary), y)


def test_an_unknown_boundary_is_refused():
    with pytest.raises(ValueError, match="no boundary 'edge'"):
        pad(np.zeros((3, 4, 5)), (1, 1), "edge")
    with pytest.raises(ValueError, match="no boundary 'edge'"):
        fold(np.zeros((3, 4, 5)), (1, 1), "edge")
