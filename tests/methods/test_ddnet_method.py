import copy

import numpy as np
import pytest

from refocal.images.colour import luma
from refocal.methods.ddnet import DDNet
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.kernels import disk
from refocal.types import InputError
from samples import asymmetric_kernel, natural, psnr, tiny_ddnet

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A tiny network with weights near the initial ones, and its file."""
    path = tmp_path_factory.mktemp("weights") / "tiny.onnx"
    return tiny_ddnet(path), path


@pytest.fixture
def method(made):
    return DDNet(str(made[1]), threads=1)


@pytest.mark.parametrize("size", [(32, 40), (37, 29), (1, 1), (3, 50)])
@pytest.mark.parametrize("kernel", [asymmetric_kernel(), np.full((5, 5), 1 / 25)])
def test_the_method_agrees_with_the_torch_network(made, method, kernel, size):
    blurred = 0.25 + 0.5 * natural(1, 64, 64)[None, :, : size[0], : size[1]].astype(np.float32)
    with torch.no_grad():
        expected = made[0](torch.tensor(blurred), torch.tensor(kernel, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(method(blurred, Psf(kernel)), expected.clip(0, 1), atol=1e-4)
    assert np.mean((expected > 0) & (expected < 1)) > 0.99


def test_an_asymmetric_blur_is_inverted_without_a_flip(method):
    sharp, psf = natural(1, 96, 97).astype(np.float32), Psf(asymmetric_kernel())
    image, flipped = psf.apply(sharp), Psf(asymmetric_kernel()[::-1, ::-1])
    gain = psnr(method(image, psf), sharp) - psnr(image, sharp)
    assert gain > 2
    assert psnr(method(image, flipped), sharp) - psnr(image, sharp) < gain - 3


def test_colour_keeps_its_chroma(method):
    psf = Psf(disk(2.0))
    image = 0.25 + 0.5 * psf.apply(natural(3, 40, 41))
    restored = method(image, psf)
    grey = method(luma(image), psf)
    np.testing.assert_allclose(luma(restored), grey, atol=1e-12)
    np.testing.assert_allclose(restored - grey, image - luma(image), atol=1e-12)


def test_a_batch_agrees_with_its_images_and_a_tensor_with_an_array(method):
    psf = Psf(disk(2.0))
    batch = psf.apply(natural(6, 33, 26)).reshape(2, 3, 33, 26)
    before, restored = batch.copy(), method(batch, psf)
    for image, single in zip(batch, restored, strict=True):
        np.testing.assert_allclose(method(image, psf), single, atol=2e-6)
    np.testing.assert_array_equal(batch, before)
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 2e-4)):
        tensor = method(torch.tensor(batch, dtype=dtype), psf)
        assert tensor.dtype == dtype
        np.testing.assert_allclose(tensor.numpy(), restored, atol=tolerance)


@pytest.mark.parametrize("radius_px", [2.0, 4.0])
def test_tiles_with_the_stated_context_agree_with_the_whole(method, radius_px):
    """Tiles that begin on the network's grid, given by ``multiple``."""
    psf = Psf(disk(radius_px))
    image = psf.apply(natural(1, 120, 600)).astype(np.float32)
    whole = method(image, psf)
    for start in (0, 240, 500):
        tiling = method.tiling(psf.half_px)
        first = max(0, start - tiling.context_px) // tiling.multiple * tiling.multiple
        tile = method(image[..., first : start + 100 + tiling.context_px], psf)
        core = (..., slice(start, start + 100))
        assert np.abs(tile[..., start - first : start - first + 100] - whole[core]).max() < 1e-3


def test_a_sharp_photo_is_preserved(method):
    image = natural(3, 12, 13)
    np.testing.assert_array_equal(method(image, Psf(np.ones((1, 1)))), image)


@pytest.mark.parametrize("blur", [None, BlurMap(np.ones((8, 9)))])
def test_without_one_kernel_for_the_whole_photo_it_refuses(method, blur):
    with pytest.raises(InputError, match="DDNet needs one kernel for the whole photo"):
        method(np.full((3, 8, 9), 0.5, np.float32), blur)


def test_other_channels_and_threads_are_refused(method):
    with pytest.raises(InputError, match="1 or 3 channels, not 2"):
        method(np.ones((2, 8, 9), np.float32), Psf(disk(2.0)))
    with pytest.raises(ValueError, match="threads"):
        DDNet(threads=-1)


def test_weights_of_another_network_are_refused(made, tmp_path):
    model = copy.deepcopy(onnx.load(made[1]))
    for entry in model.metadata_props:
        entry.value = {"inputs": '["blurred"]', "network": "sharpness-unet"}.get(entry.key, entry.value)
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(InputError, match=r"other\.onnx are those of 'sharpness-unet': give a luma network of DDNet"):
        DDNet(str(tmp_path / "other.onnx"))(np.ones((1, 8, 9), np.float32), Psf(disk(2.0)))


def test_without_weights_a_sentence_says_how_to_get_some():
    with pytest.raises(InputError, match=r"no weights 'ddnet' in this version: train them with refocal train ddnet"):
        DDNet()(np.ones((1, 8, 9), np.float32), Psf(disk(2.0)))
