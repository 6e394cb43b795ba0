"""Chroma that follows the luma."""

import numpy as np
import pytest

import samples
from refocal.images.colour import luma
from refocal.propagation.chroma import with_changed_luma


@pytest.mark.parametrize("shape", [(40, 50), (7, 9), (1, 1)])
def test_the_luma_changes_by_the_change(shape):
    photo, change = samples.picture(3, *shape), samples.picture(1, *shape, seed=1) - 0.5
    found = with_changed_luma(photo, change)
    np.testing.assert_allclose(luma(found), luma(photo) + change, atol=1e-5)
    assert found.dtype == np.float32 and found.shape == photo.shape


def test_grey_photos_stay_grey():
    grey, change = samples.picture(1, 20, 30), samples.picture(1, 20, 30, seed=1) - 0.5
    np.testing.assert_array_equal(with_changed_luma(grey, change), grey + change)
    found = with_changed_luma(np.repeat(grey, 3, 0), change)
    np.testing.assert_allclose(found, np.repeat(grey + change, 3, 0), atol=1e-5)


def test_an_edge_between_two_colours_is_sharpened_in_every_channel():
    """Two colours, mixed by a blurred edge: with the luma of the sharp edge come nearly the sharp colours."""
    colours = np.float32([[0.8, 0.2, 0.1], [0.2, 0.6, 0.9]])
    across = np.linspace(-8, 8, 64, dtype=np.float32)
    blurred_share, sharp_share = np.clip(0.5 + across / 4, 0, 1), np.clip(0.5 + across, 0, 1)
    blurred, sharp = (
        np.broadcast_to((1 - share) * colours[0][:, None] + share * colours[1][:, None], (48, 3, 64)).swapaxes(0, 1)
        for share in (blurred_share, sharp_share)
    )
    change = luma(sharp) - luma(blurred)
    kept = np.abs(blurred + change - sharp).mean()
    followed = np.abs(with_changed_luma(blurred, change) - sharp).mean()
    assert followed < 0.55 * kept


def test_without_texture_only_the_luma_changes():
    photo = np.broadcast_to(np.float32([0.6, 0.3, 0.1])[:, None, None], (3, 30, 30))
    change = samples.picture(1, 30, 30) - 0.5
    np.testing.assert_allclose(with_changed_luma(photo, change), photo + change, atol=1e-5)
