"""The contract of every method; a new entry of METHODS is tested without a change here."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from refocal.images.tiles import apply_tiled
from refocal.methods import METHODS
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.kernels import disk
from refocal.types import InputError
from samples import asymmetric_kernel, natural, psnr, tiny_ddnet

NEED_BLUR = [name for name, entry in METHODS.items() if entry.needs == "blur"]
KINDS = ["psf", "map"]
# A trained network has no exact properties under a blur that it wasn't trained for.
TRAINED = [name for name, entry in METHODS.items() if hasattr(entry.make(), "weights")]
CLASSICAL = [name for name in METHODS if name not in TRAINED]
# Methods that need the whole image (superpixels): neither tiles nor single channels agree with it.
WHOLE = [name for name in CLASSICAL if METHODS[name].make().tiling(4) is None]
CASES = [
    (name, kind)
    for name in METHODS
    for kind in KINDS
    if METHODS[name].needs not in ("psf", "map") or kind == METHODS[name].needs
]


@pytest.fixture(scope="module", autouse=True)
def supplied(tmp_path_factory):
    """A method without shipped weights runs a small network."""
    path, entry = tmp_path_factory.mktemp("weights") / "ddnet.onnx", METHODS["ddnet"]
    tiny_ddnet(path)
    METHODS["ddnet"] = replace(entry, options={"weights": str(path)})
    yield
    METHODS["ddnet"] = entry


def _blur(kind, height, width, max_px=3.0):
    """A disk, or radii from 0 (sharp) to ``max_px`` with a slope and a step."""
    if kind == "psf":
        return Psf(disk(max_px))
    radii = np.linspace(0, max_px, width) * np.ones((height, 1))
    radii[: height // 3] = max_px / 2
    return BlurMap(radii.astype(np.float32))


def _blurred(height, width, blur, dtype=np.float32, channels=3):
    rng = np.random.default_rng(1)
    noisy = blur.apply(natural(channels, height, width)) + rng.normal(0, 0.01, (channels, height, width))
    return np.clip(noisy, 0, 1).astype(dtype)


@pytest.mark.parametrize(("name", "kind"), CASES)
@pytest.mark.parametrize("size", [(37, 29), (1, 1), (1, 2), (3, 200), (64, 5)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_size_keeps_shape_dtype_and_range(name, kind, size, dtype):
    blur = _blur(kind, *size)
    image = _blurred(*size, blur, dtype)
    before = image.copy()
    restored = METHODS[name].make()(image, blur)
    assert restored.shape == image.shape
    assert restored.dtype == dtype
    assert restored.min() >= 0
    assert restored.max() <= 1
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("name", NEED_BLUR)
@pytest.mark.parametrize("kind", KINDS)
def test_restoring_raises_the_psnr(name, kind):
    blur = _blur(kind, 96, 96, 2.0)
    image = _blurred(96, 96, blur)
    gain = psnr(METHODS[name].make()(image, blur), natural(3, 96, 96)) - psnr(image, natural(3, 96, 96))
    assert gain > 0.5


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_batch_agrees_with_its_images_and_a_colour_image_with_its_channels(name, kind):
    blur = _blur(kind, 33, 26)
    batch = np.stack([_blurred(33, 26, blur), _blurred(33, 26, blur)[:, ::-1]])
    method = METHODS[name].make()
    restored = method(batch, blur)
    for i in range(2):
        np.testing.assert_allclose(restored[i], method(batch[i], blur), atol=2e-6)
    if name in CLASSICAL and name not in WHOLE:  # a luma network restores all three together
        np.testing.assert_allclose(restored[0, 1:2], method(batch[0, 1:2], blur), atol=2e-6)


@pytest.mark.parametrize("name", NEED_BLUR)
def test_a_batch_of_maps_agrees_with_its_maps(name):
    blur = _blur("map", 33, 26)
    maps = np.stack([blur.radius_px, blur.radius_px[::-1, ::-1]])
    image = _blurred(33, 26, blur, np.float64)
    method = METHODS[name].make()
    restored = method(np.stack([image, image]), BlurMap(maps))
    for i in range(2):
        # The boxes of the levels are larger in the batch, and so are their contexts
        np.testing.assert_allclose(restored[i], method(image, BlurMap(maps[i])), atol=1e-3)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_float32_float64_and_torch_agree(name, kind):
    blur = _blur(kind, 37, 29)
    double = _blurred(37, 29, blur, np.float64)
    method = METHODS[name].make()
    expected = method(double, blur)
    np.testing.assert_allclose(method(double.astype(np.float32), blur), expected, atol=2e-4)
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 2e-4)):
        tensor = torch.from_numpy(double).to(dtype)
        restored = method(tensor, blur)
        assert restored.dtype == dtype
        np.testing.assert_allclose(restored.numpy(), expected, atol=tolerance)


@pytest.mark.parametrize("name", NEED_BLUR)
def test_a_missing_blur_is_refused(name):
    with pytest.raises(InputError, match="needs the blur"):
        METHODS[name].make()(np.full((3, 8, 9), 0.5, np.float32))


@pytest.mark.parametrize("name", NEED_BLUR)
def test_a_map_of_another_size_is_refused(name):
    with pytest.raises(InputError, match="map is 8x9, the image 9x8"):
        METHODS[name].make()(np.full((3, 8, 9), 0.5, np.float32), BlurMap(np.ones((9, 8))))


@pytest.mark.parametrize("name", ["identity", *NEED_BLUR])
@pytest.mark.parametrize("blur", [Psf(np.ones((1, 1))), BlurMap(np.zeros((32, 27))), BlurMap(np.full((32, 27), 0.4))])
def test_a_sharp_photo_is_preserved(name, blur):
    image = natural(3, 32, 27)
    np.testing.assert_allclose(METHODS[name].make()(image, blur), image, atol=1e-12)


@pytest.mark.parametrize("name", CLASSICAL)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [0.0, 0.37, 1.0])
def test_a_flat_image_is_preserved(name, kind, value):
    flat = np.full((3, 30, 41), value, np.float32)
    np.testing.assert_allclose(METHODS[name].make()(flat, _blur(kind, 30, 41)), value, atol=1e-4)


@pytest.mark.parametrize("name", NEED_BLUR)
def test_a_uniform_map_agrees_with_the_psf(name):
    psf = Psf(disk(2.5))
    image = _blurred(60, 71, psf, np.float64)
    method = METHODS[name].make()
    mapped = method(image, BlurMap(np.full((60, 71), 2.5)))
    np.testing.assert_allclose(mapped, method(image, psf), atol=1e-9)


@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if case[0] not in WHOLE])
@pytest.mark.parametrize("radius_px", [2.0, 4.0])
def test_tiles_with_the_stated_context_agree_with_the_whole(name, radius_px, kind):
    """On an image several tiles and contexts wide, with two edges of the image in every tile."""
    method = METHODS[name].make()
    height, width = 150 if name in NEED_BLUR else 64, 480  # networks alone are slow, and ignore the blur
    blur = _blur(kind, height, width, radius_px)
    image = _blurred(height, width, blur, channels=1)
    prepared = method.prepare(image) if hasattr(method, "prepare") else None

    def one(tile, region):
        if prepared is not None:  # it has seen the whole image
            return prepared.restore_and_map(tile, region.rows, region.columns)[0]
        return method(tile, blur.crop(region.rows, region.columns) if kind == "map" else blur)

    tiling = method.tiling(blur.half_px)
    tiled = apply_tiled(one, image, tile_px=100, halo_px=tiling.context_px, align_px=tiling.multiple)
    assert np.abs(tiled - method(image, blur)).max() < 1e-3


@pytest.mark.parametrize("name", [name for name in NEED_BLUR if name not in WHOLE])
def test_tiles_agree_with_the_whole_on_a_photo(name, shared):
    from PIL import Image

    with Image.open(shared / "data/test/kodak24/kodim08.png") as photo:  # windows and railings: edges everywhere
        sharp = np.asarray(photo.convert("L"), np.float32)[None, 200:360, 100:580] / 255
    method, blur = METHODS[name].make(), Psf(disk(3.0))
    image = blur.apply(sharp)
    halo_px = method.tiling(blur.half_px).context_px
    tiled = apply_tiled(lambda tile, _: method(tile, blur), image, tile_px=100, halo_px=halo_px)
    assert np.abs(tiled - method(image, blur)).max() < 1e-3


@pytest.mark.parametrize("name", [name for name in NEED_BLUR if name != "classical"])
def test_an_asymmetric_kernel_is_inverted_without_a_flip_or_shift(name):
    """Flipped, transposed or shifted by a pixel, the kernel scores lower."""
    sharp, psf = natural(1, 96, 96), Psf(asymmetric_kernel())
    image = psf.apply(sharp)
    method = METHODS[name].make()
    right = psnr(method(image, psf), sharp)
    assert right > psnr(image, sharp) + 3
    for wrong in (psf.kernel[::-1, ::-1], psf.kernel[:, ::-1]):
        assert psnr(method(image, Psf(wrong)), sharp) < right - 3.5
    for axis in (0, 1):
        assert psnr(method(image, Psf(np.roll(psf.kernel, 1, axis))), sharp) < right - 1.5


@pytest.mark.parametrize("name", [name for name in NEED_BLUR if name != "classical"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_edge_of_the_image_is_restored_as_well_as_its_middle(name, kind):
    sharp = natural(1, 120, 120, seed=4)
    blur = Psf(disk(3.0)) if kind == "psf" else BlurMap(np.full((120, 120), 3.0))
    restored = METHODS[name].make()(blur.apply(sharp), blur)
    middle = np.zeros((120, 120), bool)
    middle[16:-16, 16:-16] = True
    assert psnr(restored[:, ~middle], sharp[:, ~middle]) > psnr(restored[:, middle], sharp[:, middle]) - 3
