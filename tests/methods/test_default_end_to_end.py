"""The shipped default model on photos that the test itself blurs: what it reads, what it restores, what it keeps."""

import numpy as np
import pytest

import refocal
import samples
from refocal.estimators import make_estimator
from refocal.images.colour import linear_to_srgb, luma, srgb_to_linear
from refocal.metrics import psnr
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.kernels import disk
from refocal.restore import restore


def photographed(sharp, radius_px, noise=0.004):
    """Blurred by a disk, or a map of radii, in linear light; noise, 8 bits."""
    blur = BlurMap(radius_px) if isinstance(radius_px, np.ndarray) else Psf(disk(radius_px))
    light = srgb_to_linear(sharp)
    photo = linear_to_srgb(blur.apply(light) if np.max(radius_px) > 0 else light)
    photo = photo + np.random.default_rng(1).normal(0, noise, photo.shape)
    return (np.round(255 * np.clip(photo, 0, 1)) / 255).astype(np.float32)


@pytest.fixture(scope="module")
def leaves():
    return samples.dead_leaves(320, 400)


@pytest.mark.parametrize(
    ("radius_px", "low", "high"),
    [(0, 0, 0.5), (2, 1.5, 3), (4, 3, 5.5), (6, 5, 8), (9, 7, 11), (12, 10, 15), (20, 15, 25), (30, 20, 38)],
)
def test_radii_are_read(leaves, radius_px, low, high):
    found = make_estimator("default")(photographed(leaves, float(radius_px)))
    assert low <= np.median(found.radius_px) <= high
    if radius_px:
        near = np.abs(found.radius_px - radius_px) <= max(0.5, 0.25 * radius_px)
        sure = found.confidence >= 0.9
        assert sure.sum() < 500 or near[sure].mean() > 0.75


@pytest.mark.parametrize("number", [5, 8, 13])
def test_radii_of_real_photos_are_read(shared, number):
    sharp = luma(samples.kodak(shared, number))
    for radius_px, least in ((12.0, 10), (20.0, 15), (30.0, 20)):
        assert np.median(make_estimator("default")(photographed(sharp, radius_px)).radius_px) >= least
    assert np.median(make_estimator("default")(sharp).radius_px) < 1


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_frames_without_texture_are_unknown_and_kept(level, noise):
    frame = np.clip(level + np.random.default_rng(0).normal(0, noise, (1, 256, 256)), 0, 1)
    frame = (np.round(255 * frame) / 255).astype(np.float32)
    found = restore(frame, "default")
    assert np.median(found.blur.confidence) < 0.4
    assert np.abs(found.image - frame).mean() < 1 / 255


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("estimator", ["default", "fast"])
def test_a_frame_of_one_colour_shows_no_blur(estimator, level):
    frame = np.full((160, 200, 3), level, np.uint8)
    np.testing.assert_array_equal(refocal.estimate_blur(frame, estimator), 0)


def test_a_plain_surface_takes_the_radius_of_what_surrounds_it(leaves):
    """A third of a sharp photo is a plain, noisy surface."""
    photo = leaves.copy()
    photo[:, 100:230, 150:300] = 0.6
    found = make_estimator("default")(photographed(photo, 0.0))
    inside = found.radius_px[130:200, 180:270], found.confidence[130:200, 180:270]
    assert np.median(inside[0]) < 2 and np.median(inside[1]) < 0.5 < np.median(found.confidence)


def test_moderate_blur_is_restored(leaves):
    for radius_px, least_db in ((2.0, 1.5), (3.0, 2.0)):
        photo = photographed(leaves, radius_px)
        restored = restore(photo, "default").image
        assert float(psnr(restored, leaves)) > float(psnr(photo, leaves)) + least_db


def test_the_target_decides_what_happens_to_a_soft_background(leaves):
    """The left half is in focus, the right half blurred by 8.5 px."""
    radius_px = np.where(np.arange(400) < 200, 0.0, 8.5).astype(np.float32)
    photo = photographed(leaves, np.broadcast_to(radius_px, (320, 400)).copy())
    background = (..., slice(260, None))
    found = {target: restore(photo, "default", options={"target": target}) for target in ("auto", "all", "subject")}
    change = {name: float(np.abs(each.image - photo)[background].mean()) for name, each in found.items()}
    assert change["auto"] < 0.2 * change["all"] and change["subject"] < 0.2 * change["all"]
    assert change["all"] > 0.003
    assert "Part of the photo is in focus" in found["auto"].decisions[0] and found["all"].decisions == ()
    pixels = (255 * np.moveaxis(photo, 0, -1)).round().astype(np.uint8)
    assert refocal.deblur_and_map(pixels, target="subject").notes[0].startswith("Near the sharpest surface")


def test_blur_beyond_recovery_is_left_alone(leaves):
    photo = photographed(leaves, 23.0)
    for target in ("auto", "all"):
        found = restore(photo, "default", options={"target": target})
        assert np.median(found.blur.radius_px) > 17
        assert np.abs(found.image - photo).mean() < 0.3 / 255
