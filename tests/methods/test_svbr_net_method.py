"""SVBR-Net at runtime: the inputs of the network and the use of its output."""

import numpy as np
import pytest

import samples
from refocal import deblur
from refocal.images.colour import luma
from refocal.methods.svbr_net import SVBRNet
from refocal.optics.blur import BlurMap, Psf
from refocal.restore import restore
from refocal.types import InputError, Tiling
from samples import picture


def radii(*shape):
    return 6 * picture(*shape, seed=1)


def test_the_file_is_given_the_photo_and_the_radius_in_pixels(tmp_path):
    method = SVBRNet(samples.conditioned(tmp_path / "a.onnx"), colours="network")
    image, radius = picture(3, 13, 22), radii(13, 22)
    wanted = 0.5 * image + radius / 12
    np.testing.assert_allclose(method(image, BlurMap(radius)), wanted, atol=1e-6)
    batch = np.stack([image, image[:, ::-1]])
    np.testing.assert_allclose(method(batch, BlurMap(radius))[1], 0.5 * batch[1] + radius / 12, atol=1e-6)
    maps = BlurMap(np.stack([radius, radius[::-1]]))
    np.testing.assert_allclose(method(batch, maps)[1], (0.5 * image + radius / 12)[:, ::-1], atol=1e-6)
    assert (method.tiling(9), method.max_radius_px) == (Tiling(12, 4, 40), 6.0)
    assert method.network.weights_sha256 == "ab" * 32


def test_chroma_is_kept_unless_the_network_restores_it(tmp_path):
    image, radius = 0.3 + 0.1 * picture(3, 13, 22), radii(13, 22) / 4
    grey = luma(image)
    found = SVBRNet(samples.conditioned(tmp_path / "a.onnx"))(image, BlurMap(radius))
    np.testing.assert_allclose(found, image + (0.5 * grey + radius / 12 - grey), atol=1e-6)


def test_grey_photos_are_repeated_to_three_channels_and_results_clipped(tmp_path):
    grey, radius = picture(1, 9, 8), radii(9, 8)
    found = SVBRNet(samples.conditioned(tmp_path / "a.onnx"))(grey, BlurMap(radius))
    np.testing.assert_allclose(found, luma(0.5 * np.repeat(grey, 3, 0) + radius / 12), atol=1e-6)
    bright = SVBRNet(colours="network", weights=samples.conditioned(tmp_path / "b.onnx", gain=5))(
        picture(3, 9, 8), BlurMap(radius)
    )
    assert bright.max() == 1


def test_photos_stay_in_srgb_and_a_radius_becomes_a_map(tmp_path):
    method = SVBRNet(samples.conditioned(tmp_path / "a.onnx"), colours="network")
    image, radius = picture(3, 13, 22), radii(13, 22)
    for blur, radius_px in ((BlurMap(radius, encoding="linear"), radius), (3.0, np.float32(3))):
        np.testing.assert_allclose(restore(image, method, blur).image, 0.5 * image + radius_px / 12, atol=1e-6)


def test_radii_above_the_maximum_are_noted(tmp_path):
    method = SVBRNet(samples.conditioned(tmp_path / "a.onnx"))
    radius = np.full((10, 20), 5.0, np.float32)
    assert restore(picture(3, 10, 20), method, BlurMap(radius)).notes == ()
    radius[:5] = 8.25
    note = "Radii above 6 px (50.0 % of the photo, up to 8.2 px) were taken as 6 px."
    assert restore(picture(3, 10, 20), method, BlurMap(radius)).notes == (note,)
    with pytest.warns(UserWarning, match="were taken as 6 px"):
        deblur(picture(10, 20, 3), method, BlurMap(radius))


def test_other_blurs_and_other_networks_are_refused(tmp_path):
    method = SVBRNet(samples.conditioned(tmp_path / "a.onnx"))
    image = picture(3, 10, 20)
    for blur in (None, Psf(np.ones((3, 3)) / 9)):
        with pytest.raises(InputError, match="needs the blur of every pixel"):
            method(image, blur)
    with pytest.raises(InputError, match="map is 10x20, the image 20x10"):
        method(image, BlurMap(np.ones((20, 10))))
    with pytest.raises(InputError, match="give radii in pixels, at most 100"):
        restore(image, method, BlurMap(np.full((10, 20), 255.0)))
    with pytest.raises(InputError, match="1 or 3 channels, not 2"):
        method(picture(2, 10, 20), BlurMap(radii(10, 20)))
    with pytest.raises(InputError, match="give those of an SVBR-Net"):
        SVBRNet(samples.scale(tmp_path / "b.onnx"))(image, BlurMap(radii(10, 20)))
    with pytest.raises(ValueError, match="threads"):
        SVBRNet(threads=-1)
    with pytest.raises(ValueError, match="colours are kept"):
        SVBRNet(colours="none")
