"""Contract of all estimators in ESTIMATORS, including new ones."""

import numpy as np
import pytest

from refocal.estimators import ESTIMATORS
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.kernels import disk
from refocal.types import InputError
from refocal.weights import locate
from samples import kodak


def _ready(name):
    """Whether the estimator runs on one photo without a file of the user's or weights that aren't shipped."""
    if ESTIMATORS[name].needs == "views":
        return False
    made = ESTIMATORS[name].make()
    if hasattr(made, "path"):
        return False
    try:
        return not getattr(made, "weights", "") or locate(made.weights).is_file()
    except InputError:
        return False


READY = [name for name in ESTIMATORS if _ready(name)]


@pytest.fixture(scope="module")
def photo(shared):
    return kodak(shared, 8)[:, 200:360, 100:280]  # windows and railings: edges everywhere


def test_the_shipped_estimators_are_ready():
    assert {"default", "fast", "zhuo-sim", "ebdb", "jnb", "zhang", "dandres", "liu"} <= set(READY)


@pytest.mark.parametrize("name", READY)
@pytest.mark.parametrize("size", [(1, 1), (2, 9), (4, 4), (5, 5), (16, 7), (64, 11)])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_any_size_give_radii(name, size, channels):
    random = np.random.default_rng(0)
    for image in (random.random((channels, *size), np.float32), np.full((channels, *size), 0.4, np.float32)):
        before = image.copy()
        blur = ESTIMATORS[name].make()(image)
        assert isinstance(blur, BlurMap)
        assert blur.radius_px.shape == size and blur.radius_px.dtype == np.float32
        assert np.isfinite(blur.radius_px).all() and 0 <= blur.radius_px.min() <= blur.radius_px.max() <= 100
        if blur.confidence is not None:
            assert blur.confidence.shape == size and 0 <= blur.confidence.min() <= blur.confidence.max() <= 1
        np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("name", READY)
def test_more_blur_gives_a_larger_radius(name, photo):
    found = [np.median(ESTIMATORS[name].make()(_blurred(photo, radius)).radius_px) for radius in (0.0, 2.0, 4.0)]
    assert found[0] + 0.5 < found[1] < found[2] - 0.5
    assert found[1] == pytest.approx(2, abs=1.0)


@pytest.mark.parametrize("name", READY)
def test_results_are_reproducible_and_local(name, photo):
    """The left half is sharp, the right half blurred."""
    halves = _blurred(photo, 0.0)
    halves[..., 90:] = _blurred(photo, 3.5)[..., 90:]
    one, again = (ESTIMATORS[name].make()(halves).radius_px for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert one[:, 110:].mean() > one[:, :70].mean() + 1


@pytest.mark.parametrize("name", READY)
@pytest.mark.parametrize("shape", [(8, 9), (2, 8, 9), (3, 0, 9), (1, 3, 8, 9)])
def test_wrong_shapes_are_refused(name, shape):
    with pytest.raises(InputError):
        ESTIMATORS[name].make()(np.zeros(shape, np.float32))


def _blurred(photo, radius_px):
    """Photo under uniform blur, rounded to 8 bits."""
    blurred = Psf(disk(radius_px), boundary="replicate").apply(photo) if radius_px else photo
    return (np.rint(blurred * 255) / 255).astype(np.float32)
