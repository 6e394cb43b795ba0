"""DefocusGAN at runtime: the input of the network and the use of its output."""

import numpy as np
import onnx
import pytest
from onnx import helper

import samples
from refocal import deblur
from refocal.images.colour import luma
from refocal.methods.defocusgan import DefocusGAN
from refocal.optics.blur import Psf
from refocal.restore import restore
from refocal.types import InputError, Tiling
from samples import picture


def scale(path, **options):
    """restored = 0.5 blurred + 0.1, for colour."""
    return samples.scale(path, "rgb", **options)


def red(path):
    """restored = blurred with 0.8 times the red."""
    return scale(path, gain=np.float32([0.8, 1, 1]).reshape(3, 1, 1), offset=0.0)


def test_the_network_restores_the_colours_as_in_the_paper(tmp_path):
    method = DefocusGAN(scale(tmp_path / "a.onnx"), colours="network")
    image = picture(3, 13, 22)
    np.testing.assert_allclose(method(image), 0.5 * image + 0.1, atol=1e-6)
    batch = np.stack([image, image[:, ::-1]])
    np.testing.assert_allclose(method(batch), 0.5 * batch + 0.1, atol=1e-6)
    np.testing.assert_allclose(method(image, Psf(np.ones((1, 1)))), 0.5 * image + 0.1, atol=1e-6)  # a blur is ignored
    assert method.tiling(9) == Tiling(12, 1, 40)
    assert method.network.weights_sha256 == "ab" * 32


def test_chroma_is_kept_unless_the_network_restores_it(tmp_path):
    image = 0.3 + 0.1 * picture(3, 13, 22)
    grey = luma(image)
    np.testing.assert_allclose(DefocusGAN(scale(tmp_path / "a.onnx"))(image), image + 0.1 - 0.5 * grey, atol=1e-6)
    # The luma of the restored grey photo is used: red has a weight of 0.299 in it.
    np.testing.assert_allclose(DefocusGAN(red(tmp_path / "b.onnx"))(image), image - 0.299 * 0.2 * grey, atol=1e-6)


@pytest.mark.parametrize("colours", ["kept", "network"])
def test_grey_photos_are_repeated_to_three_channels_and_results_clipped(tmp_path, colours):
    grey = picture(1, 9, 8)
    found = DefocusGAN(red(tmp_path / "a.onnx"), colours=colours)(grey)
    np.testing.assert_allclose(found, (1 - 0.299 * 0.2) * grey, atol=1e-6)
    assert DefocusGAN(scale(tmp_path / "b.onnx", gain=5.0), colours=colours)(grey).max() == 1


def mean65(path):
    """restored = the mean of 65 x 65 px, zero-padded like a network's convolutions."""
    file = scale(path, context_px="32")
    model = onnx.load(file)
    del model.graph.node[:], model.graph.initializer[:]
    down = {"kernel_shape": [65, 1], "pads": [32, 0, 32, 0], "count_include_pad": 1}
    across = {"kernel_shape": [1, 65], "pads": [0, 32, 0, 32], "count_include_pad": 1}
    model.graph.node.append(helper.make_node("AveragePool", ["blurred"], ["columns"], **down))
    model.graph.node.append(helper.make_node("AveragePool", ["columns"], ["restored"], **across))
    onnx.save(model, path)
    return file


def test_the_photo_is_extended_by_mirroring(tmp_path):
    from scipy.ndimage import uniform_filter

    image = picture(3, 40, 50)
    found = DefocusGAN(mean65(tmp_path / "a.onnx"), colours="network")(image)
    wanted = np.stack([uniform_filter(plane, 65, mode="mirror") for plane in image])
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_photos_stay_in_srgb_and_need_no_blur(tmp_path):
    method = DefocusGAN(scale(tmp_path / "a.onnx"), colours="network")
    image = picture(3, 13, 22)
    for blur in (None, 3.0):
        np.testing.assert_allclose(restore(image, method, blur).image, 0.5 * image + 0.1, atol=1e-6)
    photo = np.moveaxis(image, 0, -1)
    np.testing.assert_allclose(deblur(photo, method, strength=0.5), 0.75 * photo + 0.05, atol=1e-6)


def test_tiles_lie_on_the_networks_grid(tmp_path):
    method = DefocusGAN(scale(tmp_path / "a.onnx", context_px="3", multiple="32"), colours="network")
    image = picture(3, 100, 150)
    shapes = []

    class Recording:
        needs, tiling, encoding = "", method.tiling, "srgb"

        def __call__(self, tile, blur=None):
            shapes.append(tile.shape)
            return method(tile)

    np.testing.assert_allclose(restore(image, Recording(), tile_px=64).image, 0.5 * image + 0.1, atol=1e-6)
    assert len(shapes) == 6


def test_tiles_of_a_large_photo_agree_with_the_whole(tmp_path):
    method = DefocusGAN(mean65(tmp_path / "a.onnx"))
    image = picture(3, 90, 200)
    whole = restore(image, method).image
    np.testing.assert_allclose(restore(image, method, tile_px=50).image, whole, atol=1e-5)
    np.testing.assert_allclose(whole, method(image), atol=1e-6)


def test_other_networks_and_images_are_refused(tmp_path):
    image = picture(3, 10, 20)
    luma_network, conditioned = samples.scale(tmp_path / "a.onnx"), samples.conditioned(tmp_path / "b.onnx")
    for file in (luma_network, conditioned, scale(tmp_path / "c.onnx", inputs=("left", "right"))):
        with pytest.raises(InputError, match="those of 'sample': give those of a DefocusGAN"):
            DefocusGAN(file)(image)
    with pytest.raises(InputError, match="1 or 3 channels, not 2"):
        DefocusGAN(scale(tmp_path / "d.onnx"))(picture(2, 10, 20))
    with pytest.raises(InputError, match=r"no weights file nowhere\.onnx"):
        DefocusGAN("nowhere.onnx")(image)
    with pytest.raises(ValueError, match="threads"):
        DefocusGAN(threads=-1)
    with pytest.raises(ValueError, match="colours are kept"):
        DefocusGAN(colours="none")
