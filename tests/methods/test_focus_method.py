"""The default model at runtime: the input of the network, and the blend weight of its output."""

import numpy as np
import pytest
import torch

import samples
from refocal import deblur
from refocal.images.colour import luma
from refocal.inference.network_file import open_network
from refocal.methods.focus import Focus
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.boundary import pad
from refocal.restore import restore
from refocal.types import InputError

# The radii are 0.05, 0.29, 0.62, 0.75, 0.88, 3.4, 12.8, 14.5, 16 and 20 px.
VALUES = np.array([0.04, 0.12, 0.1602, 0.1717, 0.1812, 0.305, 0.7, 0.77, 0.8333, 0.999])


def blend_weight(radius_px, confidence):
    """The table of the docstring, interpolated."""
    return np.minimum(1, confidence / 0.5) * np.interp(radius_px, [0.75, 1.5, 3, 8, 10, 14], [0, 1, 1, 0.5, 0.5, 0])


def test_pixels_in_focus_and_blur_beyond_recovery_are_preserved(known_focus):
    image, inside = samples.fields(VALUES)
    restored, radius_px, confidence = Focus(known_focus).restore_and_map(image)
    radius = samples.radius_of(image[0])
    change = blend_weight(radius, samples.confidence_of(radius)) * (samples.GAIN * image[0] + samples.LIFT)
    np.testing.assert_allclose(restored[0][inside], np.clip(image[0] + change, 0, 1)[inside], atol=2e-4)
    np.testing.assert_allclose(radius_px[inside], radius[inside], atol=2e-3)
    np.testing.assert_allclose(confidence[inside], samples.confidence_of(radius)[inside], atol=2e-3)
    kept = (radius_px < 0.75) | (radius_px > 14)
    np.testing.assert_array_equal(restored[0][kept], image[0][kept])
    assert kept[inside].mean() == 0.6
    assert 0.01 < change[radius < 1].max() < 0.1 < change[(radius > 1) & (radius < 10)].min()


def test_a_range_of_radii_is_restored_and_the_others_are_preserved(known_focus):
    image, inside = samples.fields(VALUES)
    radius = samples.radius_of(image[0])
    change = blend_weight(radius, samples.confidence_of(radius)) * (samples.GAIN * image[0] + samples.LIFT)
    restored = Focus(known_focus, target="0.8..6").restore_and_map(image)[0]
    wanted = change * np.interp(radius, [0.8 / 1.5, 0.8, 6, 9], [0, 1, 1, 0])
    np.testing.assert_allclose((restored - image)[0][inside], wanted[inside], atol=2e-3)
    assert (wanted[inside] == 0).mean() == 0.7 and wanted.max() > 0.1
    everything = Focus(known_focus, target="all").restore_and_map(image)[0]
    np.testing.assert_array_equal(everything, Focus(known_focus, bokeh="restored").restore_and_map(image)[0])


def test_far_blur_and_the_target_come_from_the_survey(known_focus):
    """Half of the photo is in focus, half reads 3.9 px, which a quarter of the size makes 15.5 px."""
    image = np.full((3, 96, 192), 0.04, np.float32)
    image[:, :, 96:] = 0.327
    restored, radius_px, _ = Focus(known_focus).restore_and_map(image)
    near_px = samples.radius_of(0.327)
    assert radius_px[:, :80].max() < 0.3
    # The reading at full size, between 3 and 5 px, is replaced in part.
    share = (near_px - 3) / 2
    np.testing.assert_allclose(radius_px[:, 120:], near_px + share * 3 * near_px, rtol=0.02)
    changes = {
        target: np.abs(Focus(known_focus, target=target).restore_and_map(image)[0] - image)[:, :, 120:].mean()
        for target in ("auto", "all", "subject", "4..6")
    }
    assert changes["auto"] == changes["subject"] == 0 < changes["4..6"] <= changes["all"]
    found = restore(image, Focus(known_focus))
    np.testing.assert_array_equal(found.image, restored)
    assert found.notes == ()
    assert found.decisions == (
        "Part of the photo is in focus, so blur below 1.5 px is restored and 52 % of the photo stays as it is.",
    )
    assert restore(image, Focus(known_focus, target="all")).decisions == ()


def test_a_photo_that_is_in_focus_everywhere_is_preserved(known_focus):
    image = 0.14 * samples.picture(3, 37, 45)  # this network predicts less than half a pixel of blur for it
    np.testing.assert_array_equal(Focus(known_focus)(image), image)
    np.testing.assert_array_equal(restore(image, Focus(known_focus)).image, image)


def test_the_luma_of_colour_photos_changes_as_in_the_grey_photo(random_focus):
    image = 0.3 + 0.4 * samples.picture(3, 41, 50)  # nothing is clipped
    grey = luma(image)
    change = Focus(random_focus)(image) - image
    assert np.abs(change).mean() > 0.005
    np.testing.assert_allclose(luma(change), Focus(random_focus)(grey) - grey, atol=1e-6)


def test_the_photo_is_extended_by_mirroring(random_focus):
    image = samples.picture(1, 33, 46)
    padded = pad(image, (32, 32), "mirror")
    outputs = open_network(random_focus).run(padded[None])
    found, radius_px, confidence = (output[0, :, 32:-32, 32:-32] for output in outputs)
    restored, predicted_px, _ = Focus(random_focus).restore_and_map(image)
    np.testing.assert_array_equal(predicted_px, radius_px[0])
    change = blend_weight(radius_px, confidence) * (found - image)
    np.testing.assert_allclose(restored, np.clip(image + change, 0, 1), atol=1e-6)


def test_batches_tensors_and_any_float_dtype_are_taken(random_focus):
    method, image = Focus(random_focus), samples.picture(3, 21, 34)
    restored, radius_px, confidence = method.restore_and_map(image)
    batch = np.stack([image, image[:, ::-1]])[:, None]
    for found, wanted in zip(method.restore_and_map(batch), (restored, radius_px, confidence), strict=True):
        assert found.shape == (2, 1, *wanted.shape)
        np.testing.assert_allclose(found[0, 0], wanted, atol=1e-5)
    np.testing.assert_allclose(method(batch)[1, 0], method(image[:, ::-1]), atol=1e-5)
    np.testing.assert_allclose(method(image.astype(np.float64)), restored, atol=1e-6)
    assert method(image.astype(np.float64)).dtype == np.float64
    tensor, map_px, _ = method.restore_and_map(torch.from_numpy(image))
    np.testing.assert_array_equal(tensor.numpy(), restored)
    np.testing.assert_array_equal(map_px.numpy(), radius_px)
    grey = method.restore_and_map(luma(image))
    np.testing.assert_array_equal(grey[1], radius_px)


@pytest.mark.parametrize("shape", [(3, 1, 1), (1, 4, 40), (3, 40, 2)])
def test_the_blur_of_tiny_photos_is_unknown(random_focus, shape):
    image = samples.picture(*shape)
    result = restore(image, Focus(random_focus))
    np.testing.assert_array_equal(result.image, image)
    assert not result.blur.radius_px.any() and not result.blur.confidence.any()


def test_tiles_agree_with_the_whole_photo_and_map(random_focus):
    method, image = Focus(random_focus), samples.picture(3, 90, 201)
    whole = method.restore_and_map(image)
    assert np.abs(whole[0] - image).mean() > 0.005 and whole[1].std() > 0.5
    for tile_px in (None, 50):
        result = restore(image, method, tile_px=tile_px)
        np.testing.assert_allclose(result.image, whole[0], atol=1e-4)
        np.testing.assert_allclose(result.blur.radius_px, whole[1], atol=1e-4)
        np.testing.assert_allclose(result.blur.confidence, whole[2], atol=1e-4)
        assert result.blur.radius_px.dtype == result.blur.confidence.dtype == np.float32


def test_one_pass_of_the_network_returns_image_and_map(random_focus, monkeypatch):
    from refocal.inference import focus

    calls = []
    monkeypatch.setattr(
        focus.NetworkFile, "run", lambda file, image, margin_px: calls.append((image.shape, margin_px)) or (image,) * 3
    )
    restore(samples.picture(3, 40, 50), Focus(random_focus))
    assert calls == [((1, 40, 50), 32)]


def test_strength_and_mask_attenuate_the_change_and_not_the_map(random_focus):
    method, image = Focus(random_focus), samples.picture(3, 60, 150)
    full = restore(image, method)
    mask = samples.picture(60, 150, seed=1)
    mask[:, 60:] = 0
    half = restore(image, method, strength=0.5, mask=mask, tile_px=40)
    np.testing.assert_allclose(half.image, image + 0.5 * mask * (full.image - image), atol=1e-4)
    np.testing.assert_array_equal(half.image[:, :, 60:], image[:, :, 60:])
    np.testing.assert_allclose(half.blur.radius_px, full.blur.radius_px, atol=1e-4)  # also where the image is unchanged
    none = restore(image, method, strength=0)
    np.testing.assert_array_equal(none.image, image)
    assert none.blur is None


def test_photos_stay_in_srgb_and_a_given_blur_is_ignored_with_a_note(random_focus):
    method, image = Focus(random_focus), samples.picture(3, 30, 42)
    wanted = method(image)
    np.testing.assert_array_equal(method(image, Psf(np.ones((1, 1)))), wanted)
    alone = restore(image, method)
    assert alone.notes == ()
    np.testing.assert_array_equal(alone.image, wanted)
    for blur in (3.0, Psf(np.ones((1, 1))), BlurMap(np.ones((30, 42))), "zhuo-sim"):
        given = restore(image, method, blur)
        np.testing.assert_array_equal(given.image, wanted)
        np.testing.assert_array_equal(given.blur.radius_px, alone.blur.radius_px)
        assert given.notes == ("This method uses no blur: the given one is ignored.",)
    with pytest.warns(UserWarning, match="uses no blur: the given one is ignored"):
        deblur(np.moveaxis(image, 0, -1), method, 3.0)


def test_other_networks_and_images_are_refused(tmp_path, known_focus):
    image = samples.picture(3, 10, 20)
    for file in (samples.scale(tmp_path / "a.onnx"), samples.conditioned(tmp_path / "b.onnx")):
        with pytest.raises(InputError, match="those of 'sample': give those of a focus-unet"):
            Focus(file)(image)
    with pytest.raises(InputError, match="1 or 3 channels, not 2"):
        Focus(known_focus)(image[:2])
    with pytest.raises(InputError, match=r"no weights file nowhere\.onnx"):
        Focus("nowhere.onnx")(image)
    with pytest.raises(ValueError, match="threads"):
        Focus(threads=-1)
    with pytest.raises(ValueError, match="Bokeh is kept or restored, not 'gone'"):
        Focus(bokeh="gone")
    with pytest.raises(ValueError, match="target or bokeh, not both"):
        Focus(target="all", bokeh="restored")
    with pytest.raises(
        InputError, match=r"auto, all, subject or a range of radii in pixels such as 1\.\.5, not 'some'"
    ):
        Focus(target="some")


def test_it_has_the_facts_of_its_file(known_focus):
    method, file = Focus(known_focus), open_network(known_focus)
    assert (method.tiling(7), method.tiling(7).multiple, method.encoding) == (file.tiling, 4, "srgb")
    assert method.network.weights_sha256 == file.weights_sha256
