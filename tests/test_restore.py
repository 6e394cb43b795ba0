from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image

import refocal
import samples
from refocal.catalog import Entry
from refocal.estimators import ESTIMATORS
from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.images.io import Photo, from_float, to_float
from refocal.methods.black_box import BlackBox
from refocal.methods.richardson_lucy import RichardsonLucy
from refocal.methods.wiener import Wiener
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.kernels import disk
from refocal.restore import restore, restore_photo
from refocal.types import InputError, Tiling
from samples import psnr


def patches(height=48, width=64, channels=3, seed=11):
    """Bright and dark patches with soft texture: edges everywhere, nothing at 0 or 1."""
    rng = np.random.default_rng(seed)
    blocks = np.kron(rng.uniform(0.2, 0.8, (channels, height // 8, width // 8)), np.ones((8, 8)))
    return np.clip(blocks + rng.normal(0, 0.01, blocks.shape), 0, 1).astype(np.float32)


def kodak(shared, number, region=np.s_[:, :, :]):
    with Image.open(shared / f"data/test/kodak24/kodim{number:02d}.png") as photo:
        return to_float(np.asarray(photo.convert("RGB")))[region]


def defocused(sharp, radius_px):
    return linear_to_srgb(np.clip(Psf(disk(radius_px)).apply(srgb_to_linear(sharp)), 0, 1)).astype(np.float32)


def test_a_given_blur_is_inverted_in_linear_light_at_full_weight():
    image, psf = patches(), Psf(disk(2.0))
    expected = linear_to_srgb(Wiener()(srgb_to_linear(image), psf))
    for blur in (psf, 2, 2.0, np.float32(2)):
        result = restore(image, "wiener", blur)
        np.testing.assert_allclose(result.image, expected, atol=1e-6)
    encoded = restore(image, "wiener", replace(psf, encoding="srgb")).image
    np.testing.assert_allclose(encoded, Wiener()(image, psf), atol=1e-6)
    assert np.abs(encoded - expected).max() > 0.01
    assert isinstance(result.blur, Psf) and np.array_equal(result.blur.kernel, disk(2.0))


def test_strength_and_mask_blend_the_photo_and_the_restored_one():
    image = patches()
    full = restore(image, "wiener", 1.5).image
    mask = samples.picture(*image.shape[1:])
    mask[:10] = 0
    half = restore(image, "wiener", 1.5, strength=0.5, mask=mask).image
    np.testing.assert_allclose(half, image + 0.5 * mask * (full - image), atol=2e-7)
    np.testing.assert_array_equal(half[:, :10], image[:, :10])
    np.testing.assert_array_equal(restore(image, "wiener", 1.5, strength=0).image, image)


def test_the_input_is_not_modified():
    image = patches()
    before = image.copy()
    restore(image, "classical", "zhuo-sim")
    np.testing.assert_array_equal(image, before)


@dataclass(frozen=True)
class Bright:
    """Returns white: the change of the photo shows the blend weight."""

    needs = "blur"

    def __call__(self, image, blur=None):
        return np.ones_like(image)

    def tiling(self, half_px):
        return Tiling(0)


def test_an_estimate_is_attenuated_where_it_is_small_uncertain_or_out_of_range():
    image = np.full((1, 20, 60), 0.5, np.float32)
    image[:, :, 30:] = np.where(np.arange(30) % 2, 0.5, 0.7)  # range .5 .. .7 on the right
    radius = np.full((20, 60), 5.0, np.float32)
    confidence = np.full((20, 60), 1.0, np.float32)
    radius[0:5], radius[5:10], confidence[10:15] = 0.9, 1.5, 0.25
    estimate = BlurMap(radius, confidence=confidence)
    result = restore(image, Bright(), lambda _: estimate)
    change = result.image - image
    np.testing.assert_array_equal(change[:, 0:5], 0)
    np.testing.assert_array_equal(change[:, :, :25], 0)  # flat: no pixel may leave its local range
    margin = (0.7 - image)[0, :, 40:]
    np.testing.assert_allclose(change[0, 5:10, 40:], 0.45 * margin[5:10], atol=1e-6)
    np.testing.assert_allclose(change[0, 10:15, 40:], 0.45 * margin[10:15], atol=1e-6)
    np.testing.assert_allclose(change[0, 15:, 40:], 0.9 * margin[15:], atol=1e-6)
    assert result.blur is estimate
    np.testing.assert_allclose(restore(image, Bright(), estimate).image, 1, atol=1e-6)  # a given map isn't attenuated


def test_dark_pixels_beside_a_highlight_are_attenuated():
    image = np.full((1, 30, 30), 0.1, np.float32)
    image[:, 15, 15] = 1.0
    result = restore(image, Bright(), lambda _: BlurMap(np.full((30, 30), 5.0, np.float32)))
    change = (result.image - image)[0]
    light = ((0.1 + 0.055) / 1.055) ** 2.4
    np.testing.assert_allclose(change[15, 12], 0.9 * 0.9 * light / 0.1, rtol=1e-4)  # in range of the highlight
    np.testing.assert_array_equal(change[:5, :5], 0)


@pytest.mark.parametrize("number", [4, 8, 19, 23])
def test_a_sharp_photo_is_preserved(shared, number):
    """Above 40 dB; 23 has a background out of focus, which is restored, and is the lowest of the 24."""
    sharp = kodak(shared, number)
    assert psnr(restore(sharp, "classical", "zhuo-sim").image, sharp) > 40


@pytest.mark.parametrize(("radius_px", "gain"), [(2.5, 0.5), (4.0, 0.4)])
def test_an_out_of_focus_photo_gains(shared, radius_px, gain):
    sharp = kodak(shared, 8, np.s_[:, :400, :400])
    blurred = defocused(sharp, radius_px)
    assert psnr(restore(blurred, "classical", "zhuo-sim").image, sharp) > psnr(blurred, sharp) + gain


@pytest.mark.parametrize("method", ["default", "fast"])
def test_the_networks_preserve_a_sharp_photo_and_restore_a_blurred_one(shared, method):
    sharp = kodak(shared, 8, np.s_[:, :400, :400])
    assert psnr(restore(sharp, method).image, sharp) > 60
    for radius_px, gain in ((2.5, 0.8), (4.0, 2.0)):
        blurred = defocused(sharp, radius_px)
        result = restore(blurred, method)
        assert psnr(result.image, sharp) > psnr(blurred, sharp) + gain
        assert np.median(result.blur.radius_px) == pytest.approx(radius_px, abs=1)
        np.testing.assert_array_equal(refocal.estimate_blur(np.moveaxis(blurred, 0, -1), method), result.blur.radius_px)


@pytest.mark.parametrize("method", ["classical", "richardson-lucy", "wiener", "unsharp-mask"])
def test_tiles_agree_with_the_whole(shared, method):
    """Under a given blur, as an estimator takes the whole photo in either case; 1e-3 in linear light, more in the
    dark."""
    blurred = defocused(kodak(shared, 8, np.s_[:, :200, :500]), 2.0)
    ramp = BlurMap(np.linspace(0.5, 2.5, 500, dtype=np.float32) * np.ones((200, 1), np.float32))
    whole, tiled = (restore(blurred, method, ramp, tile_px=tile_px).image for tile_px in (500, 120))
    assert np.abs(srgb_to_linear(whole) - srgb_to_linear(tiled)).max() < 1e-3


def test_one_pixel_and_thin_photos_are_restored():
    for shape in ((3, 1, 1), (1, 1, 40), (3, 40, 2)):
        image = samples.picture(*shape)
        assert restore(image, "wiener", 2.0).image.shape == shape
    tiny = samples.picture(3, 2, 2)  # too small for an estimate: unchanged
    np.testing.assert_array_equal(restore(tiny, "classical", "zhuo-sim").image, tiny)


def test_photos_keep_their_depth_alpha_and_metadata():
    pixels = from_float(patches(), np.uint16)
    photo = Photo(pixels, alpha=pixels[..., 0] // 2 + 32768, format="TIFF")
    same, result = restore_photo(photo, strength=0)
    np.testing.assert_array_equal(same.pixels, pixels)
    assert result.blur is None
    changed, _ = restore_photo(photo, "wiener", 2.0)
    assert changed.pixels.dtype == np.uint16 and changed.format == "TIFF"
    np.testing.assert_array_equal(changed.alpha, photo.alpha)
    np.testing.assert_array_equal(changed.pixels, from_float(restore(to_float(pixels), "wiener", 2.0).image, np.uint16))


def test_a_users_function_gets_the_whole_image_and_the_blur():
    calls = []

    def halve(image, blur=None):
        calls.append((image.shape, blur))
        return image * 0.5

    image, psf = patches(), Psf(disk(1.0), encoding="srgb")
    np.testing.assert_allclose(restore(image, halve, psf, tile_px=16).image, image * 0.5, atol=1e-6)
    assert calls == [(image.shape, psf)]


def test_options_of_a_method_object_are_used():
    image = patches()
    few, many = (restore(image, RichardsonLucy(n), 2.0).image for n in (1, 20))
    assert np.abs(few - many).max() > 0.05


def test_estimate_blur_is_the_estimators_map():
    from refocal.estimators.zhuo_sim import ZhuoSim

    image = patches()
    expected = ZhuoSim()(image).radius_px
    found = refocal.estimate_blur(np.moveaxis(image, 0, -1), "zhuo-sim")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(restore(image, "wiener", "zhuo-sim").blur.radius_px, expected)


@dataclass(frozen=True)
class ViewDifference:
    """Radius 10 |left - right|, averaged over the channels."""

    views = 2

    def __call__(self, image):
        left, right = np.split(image, 2)
        return BlurMap(10 * np.abs(left - right).mean(0))


def test_blur_is_estimated_from_two_views(tmp_path, monkeypatch):
    monkeypatch.setitem(
        ESTIMATORS, "dual-pixel-learned", Entry(f"{__name__}:ViewDifference", "difference of the views", "views")
    )
    left, right = (np.rint(255 * np.moveaxis(patches(seed=seed), 0, -1)).astype(np.uint8) for seed in (1, 2))
    wanted = np.abs(left.astype(float) - right).mean(-1) / 25.5
    Image.fromarray(left).save(tmp_path / "left.png")
    for one in (str(tmp_path / "left.png"), tmp_path / "left.png", (tmp_path / "left.png").read_bytes(), left / 255):
        np.testing.assert_allclose(refocal.estimate_blur((one, Image.fromarray(right))), wanted, atol=1e-5)
    found = refocal.estimate_blur([left, right], ViewDifference())
    assert found.shape == (48, 64) and found.dtype == np.float32
    grey = np.abs(left[..., 0].astype(float)[..., None] - right).mean(-1) / 25.5
    np.testing.assert_allclose(refocal.estimate_blur([left[..., 0], right], "dual-pixel-learned"), grey, atol=1e-5)
    for wrong, estimator, message in (
        ((left,), "default", "as a pair, not 1 pictures"),
        ((left, right[:, :50]), "default", "left view is 64x48, the right one 50x48"),
        ((left, right), "zhuo-sim", "zhuo-sim takes one photo, not two views.*of two: dual-pixel-learned"),
        (
            left,
            "dual-pixel-learned",
            "takes two views of a photo, not one photo.*of one photo: default, fast, zhuo-sim",
        ),
        (left, ViewDifference(), "ViewDifference takes two views"),
    ):
        with pytest.raises(InputError, match=message):
            refocal.estimate_blur(wrong, estimator)
    with pytest.raises(InputError, match="dual-pixel-learned takes two views"):
        refocal.deblur(left, "wiener", "dual-pixel-learned")


def test_a_users_estimator_is_attenuated_as_a_named_one():
    from refocal.estimators.zhuo_sim import ZhuoSim

    image = patches()
    named, own = (restore(image, "wiener", blur) for blur in ("zhuo-sim", ZhuoSim()))
    np.testing.assert_array_equal(own.image, named.image)
    assert np.abs(restore(image, "wiener", named.blur).image - named.image).max() > 0.01  # a given map isn't attenuated
    with pytest.raises(InputError, match="needs one kernel for the whole photo"):
        restore(image, "ddnet", ZhuoSim())
    with pytest.raises(InputError, match=r"Give the blur as a Psf, a BlurMap.*not ndarray"):
        restore(image, "wiener", lambda image: image)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "weiner"}, "did you mean 'wiener'"),
        ({"blur": "zhuo"}, "no estimator named 'zhuo'"),
        ({"blur": -1.0}, "from 0 to 100, not -1.0"),
        ({"blur": float("nan")}, "from 0 to 100, not nan"),
        ({"blur": 1e9}, "from 0 to 100, not 1000000000.0"),
        ({"blur": np.ones((3, 3)), "method": "wiener"}, "a radius or an estimator's name, not ndarray"),
        ({"method": Wiener}, "such as Wiener"),
        ({"method": 3}, "not 3"),
        ({"strength": "a"}, "from 0 to 1, not a"),
        ({"mask": "m.png"}, "mask as an array"),
        ({"tile_px": 0}, "at least 16 px, not 0"),
        ({"strength": 1.5}, "from 0 to 1, not 1.5"),
        ({"strength": float("nan")}, "from 0 to 1, not nan"),
        ({"mask": np.zeros((3, 4))}, "mask is 4x3, the photo 64x48"),
        ({"mask": np.full((48, 64), 2.0)}, "mask with values from 0"),
        ({"blur": BlurMap(np.ones((48, 60)))}, "map is 60x48, the image 64x48"),
        ({"mask": np.ma.masked_less(np.full((48, 64), 0.5), 1)}, "mask as an array"),
        ({"tile_px": 15}, "whole number of at least 16 px, not 15"),
        ({"tile_px": 40.0}, "whole number of at least 16 px, not 40.0"),
        ({"tile_px": "40"}, "whole number of at least 16 px, not '40'"),
        ({"method": lambda image, blur: image * np.nan}, "values that are no numbers"),
    ],
)
def test_a_mistake_is_reported_in_one_sentence(arguments, message):
    with pytest.raises(InputError, match=message) as caught:
        restore(patches(), **{"method": "classical", **arguments})
    assert "\n" not in str(caught.value)


def test_invalid_images_are_refused():
    for image, message in (
        (np.zeros((4, 5)), "shape"),
        (np.zeros((2, 4, 5)), "shape"),
        (np.zeros((3, 4, 5), int), "floating"),
    ):
        with pytest.raises(InputError, match=message):
            restore(image)
    with pytest.raises(InputError, match="finite"):
        restore(np.full((3, 4, 5), np.nan))


def test_a_blur_that_the_method_does_not_use_changes_nothing():
    image = patches()
    given, alone = restore(image, "unsharp-mask", 3.0), restore(image, "unsharp-mask")
    np.testing.assert_array_equal(given.image, alone.image)
    assert given.notes == ("This method uses no blur: the given one is ignored.",) and alone.notes == ()


def test_a_periodic_blur_is_never_cut_into_tiles():
    image = patches(64, 64)
    for blur in (Psf(disk(2.0), "periodic"), BlurMap(np.full((64, 64), 2.0, np.float32), boundary="periodic")):
        whole, tiled = (restore(image, "richardson-lucy", blur, tile_px=tile_px).image for tile_px in (None, 20))
        np.testing.assert_array_equal(whole, tiled)


@pytest.mark.parametrize("shape", [(40, 4, 3), (3, 3, 3), (4, 40, 3), (5, 5, 3)])
def test_photos_a_few_pixels_wide_are_estimated(shape):
    photo = np.random.default_rng(3).integers(0, 256, shape).astype(np.uint8)
    assert refocal.deblur(photo, "classical", "zhuo-sim").shape == shape
    assert np.isfinite(refocal.estimate_blur(photo, "zhuo-sim")).all()


def test_a_blur_without_an_adjoint_is_taken_by_the_methods_that_need_none():
    sharp, psf = patches(), Psf(np.full((5, 5), 0.04), encoding="srgb")
    blurred = psf.apply(sharp)
    blur = BlackBox(psf.apply, encoding="srgb")
    restored = restore(blurred, "landweber-accelerated", blur=blur).image
    assert psnr(restored, sharp) > psnr(blurred, sharp) + 2
    with pytest.raises(InputError, match="needs a blur with apply and adjoint"):
        restore(blurred, "richardson-lucy", blur=blur)


def test_a_method_for_one_kernel_is_not_given_an_estimated_map():
    with pytest.raises(InputError, match="needs one kernel for the whole photo"):
        restore(np.full((1, 32, 32), 0.5, np.float32), "ddnet")


@dataclass(frozen=True)
class RedAndGreen:
    """Halves the image, and returns its red and green as radius and confidence."""

    def __call__(self, image, blur=None):
        return 0.25 * image

    def restore_and_map(self, image):
        return 0.5 * image, image[0], image[1]


def test_a_users_method_may_return_the_predicted_blur():
    image, psf = patches(), Psf(disk(1.0), encoding="srgb")
    result = restore(image, RedAndGreen())
    np.testing.assert_array_equal(result.image, 0.5 * image)
    np.testing.assert_array_equal(result.blur.radius_px, image[0])
    np.testing.assert_array_equal(result.blur.confidence, image[1])
    given = restore(image, RedAndGreen(), psf)
    np.testing.assert_allclose(given.image, 0.25 * image, atol=1e-7)
    assert given.blur is psf


def test_estimated_blur_beyond_recovery_is_not_inverted():
    """The estimate is 40 px in the right half: it is reported, but neither inverted nor a reason for huge tiles."""
    photo = patches()
    seen = []

    def method(image, blur):
        seen.append(float(blur.radius_px.max()))
        return np.clip(image + 0.1, 0, 1)

    class Half:
        needs, encoding = "blur", "srgb"

        def tiling(self, half_px):
            return Tiling(half_px)

        def __call__(self, image, blur=None):
            return method(image, blur)

    radius_px = np.full(photo.shape[1:], 3.0, np.float32)
    radius_px[:, radius_px.shape[1] // 2 :] = 40
    found = restore(photo, Half(), lambda image: BlurMap(radius_px))
    assert max(seen) == 14 and found.blur.radius_px.max() == 40
    right = (..., slice(radius_px.shape[1] // 2, None))
    np.testing.assert_array_equal(found.image[right], photo[right])
    assert np.abs(found.image - photo)[..., :4].max() > 0.01
    given = restore(photo, Half(), BlurMap(np.full(photo.shape[1:], 40.0, np.float32)))
    assert max(seen) == 40 and np.abs(given.image - photo).max() > 0.05  # as asked
