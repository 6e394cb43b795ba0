import numpy as np
import pytest

import samples
from refocal import estimate_blur
from refocal.estimators import make_estimator
from refocal.estimators.focus import FocusMap
from refocal.estimators.network_map import NetworkMap
from refocal.images import tiles
from refocal.methods.focus import Focus
from refocal.restore import restore
from refocal.types import InputError
from refocal.weights import locate


def test_radius_and_confidence_are_the_networks(known_focus):
    image, inside = samples.fields([0.1, 0.2, 0.4, 0.8])
    before = image.copy()
    blur = FocusMap(known_focus)(image)
    radius = samples.radius_of(image[0])
    np.testing.assert_allclose(blur.radius_px[inside], radius[inside], atol=2e-3)
    np.testing.assert_allclose(blur.confidence[inside], samples.confidence_of(radius)[inside], atol=2e-3)
    assert blur.radius_px.dtype == blur.confidence.dtype == np.float32 and blur.family == "disk"
    np.testing.assert_array_equal(image, before)


def test_the_map_is_that_of_the_method_focus(random_focus):
    image = samples.picture(3, 50, 61)
    blur, restored = FocusMap(random_focus)(image), restore(image, Focus(random_focus))
    np.testing.assert_array_equal(blur.radius_px, restored.blur.radius_px)
    np.testing.assert_array_equal(blur.confidence, restored.blur.confidence)
    np.testing.assert_array_equal(estimate_blur(np.moveaxis(image, 0, -1), FocusMap(random_focus)), blur.radius_px)


def test_tiles_give_the_same_map(random_focus, monkeypatch):
    image = samples.picture(3, 96, 240)
    whole = FocusMap(random_focus)(image)
    tiled = FocusMap(random_focus, tile_px=31)(image)
    np.testing.assert_allclose(tiled.radius_px, whole.radius_px, atol=1e-4)
    np.testing.assert_allclose(tiled.confidence, whole.confidence, atol=1e-4)
    sizes = []

    def predict(tile, _file):
        sizes.append(tile.shape)
        return (tile, tile[0], tile[1])

    monkeypatch.setattr(tiles, "_free_bytes", lambda: 2 * 56 * 9000)
    monkeypatch.setattr("refocal.estimators.focus.predict", predict)
    monkeypatch.setattr("refocal.estimators.focus.take_survey", lambda *_: None)
    blur = FocusMap(random_focus)(image)
    assert len(sizes) > 2 and max(height * width for _, height, width in sizes) <= 9000
    np.testing.assert_allclose(blur.radius_px, image[0], atol=1e-6)
    np.testing.assert_allclose(blur.confidence, image[1], atol=1e-6)


def test_an_exported_file_is_opened_by_the_estimator_for_its_network(known_focus):
    assert make_estimator(known_focus) == FocusMap(known_focus)
    assert isinstance(make_estimator(str(locate("dual-pixel-map"))), NetworkMap)


def test_wrong_images_and_other_networks_are_refused(known_focus):
    with pytest.raises(InputError, match=r"one image \(1 or 3, H, W\), not \(2, 8, 8\)"):
        FocusMap(known_focus)(np.zeros((2, 8, 8), np.float32))
    with pytest.raises(InputError, match="those of 'sharpness-unet': give those of a focus-unet"):
        FocusMap("sharpness-unet-beta-0")(np.zeros((1, 8, 8), np.float32))
    with pytest.raises(ValueError, match="at least 0, not 0 and -1"):
        FocusMap(tile_px=-1)
