"""The estimator of just noticeable blur on known blur."""

from dataclasses import replace

import numpy as np
import pytest

from refocal.estimators.jnb import ERROR, JNB, atoms_to_radius, load_dictionary
from refocal.optics.blur import BlurMap
from refocal.types import InputError
from samples import kodak

FEW = JNB(max_feature_mp=0.012)  # every third pixel of the photos below


def photo(shared, number):
    return kodak(shared, number)[:, 80:380, 100:403]


def blur(sharp, radius_px):
    radius = np.broadcast_to(np.float32(radius_px), sharp.shape[1:]).copy()
    blurred = BlurMap(radius, step_px=0.25, boundary="replicate", encoding="srgb").apply(sharp)
    return (np.floor(blurred * 255) / 255).astype(np.float32)


def test_dictionary_atoms_have_unit_length_zero_mean_and_no_fine_detail():
    dictionary, gram = load_dictionary()
    assert dictionary.shape == (64, 128)
    np.testing.assert_allclose(np.diag(gram), 1, atol=1e-5)
    np.testing.assert_allclose(dictionary.mean(0), 0, atol=1e-3)
    steps = np.diff(dictionary.reshape(8, 8, 128), axis=0)
    assert (steps**2).sum() / 128 < 0.2  # white noise would have 1.75


def test_atoms_are_counted_around_each_pixel():
    image = np.zeros((1, 40, 50), np.float32)
    image[:, :, 25:] = 0.5
    estimator = JNB(noise_std=0)
    atoms, contrast = estimator.features(image)
    assert atoms.shape == contrast.shape == (40, 50)
    # The patch around pixel x begins at x - 3: patches from 18 to 24 contain the step, half of each side at 21.
    assert (np.flatnonzero(atoms[20]) == np.arange(21, 28)).all() and atoms[20, 24] > 8
    assert contrast[20, 24] == pytest.approx(0.25 * 255, rel=1e-5)
    every_third, _ = estimator.features(image, 3)
    np.testing.assert_array_equal(every_third, atoms[1::3][:, 1::3][[*range(13), 12]])  # all rows are alike here
    faint = image * np.float32(0.9 * ERROR / 8 / (0.25 * 255))
    assert not estimator.features(faint)[0].any()


def test_radii_are_monotonic_in_atoms_and_contrast():
    log = np.log2(np.full(200, 20.0))
    atoms = np.linspace(25, 0, 200)
    radius = atoms_to_radius(atoms, log, log**2)
    assert radius[0] == 0 and radius[-1] == 6 and (np.diff(radius) >= 0).all()
    lower = np.log2(np.full(200, 8.0))
    assert (
        atoms_to_radius(atoms, lower, lower**2) <= radius + 1e-6
    ).all()  # the same number of atoms at lower contrast: sharper


# The estimate depends on the detail in the scene: bricks (1) blurred by 4 px are estimated at 5.7.
@pytest.mark.parametrize("radius_px", [0.0, 2.0, 4.0])
def test_uniform_blur_is_estimated(shared, radius_px):
    found = [np.median(FEW(blur(photo(shared, number), radius_px)).radius_px) for number in (1, 5, 8, 13)]
    assert np.median(found) == pytest.approx(radius_px, abs=0.7)
    np.testing.assert_allclose(found, radius_px, atol=1.8)


def test_a_ramp_is_estimated(shared):
    truth = np.broadcast_to(np.linspace(0, 5, 303, dtype=np.float32), (300, 303))
    found = FEW(blur(photo(shared, 5), truth)).radius_px
    assert np.abs(found - truth).mean() < 0.6
    assert np.corrcoef(found.ravel(), truth.ravel())[0, 1] > 0.9


def test_noise_is_not_mistaken_for_sharpness(shared):
    blurred = blur(photo(shared, 5), 3.0)
    noisy = blurred + np.random.default_rng(0).normal(0, 0.02, blurred.shape).astype(np.float32)
    clean, found, fooled = (
        np.median(f.radius_px) for f in (FEW(blurred), FEW(noisy), replace(FEW, noise_std=0)(noisy))
    )
    assert found == pytest.approx(clean, abs=0.8)
    assert found > fooled + 0.5


def test_without_contrast_radius_and_confidence_are_zero():
    for flat in (
        np.full((3, 41, 60), 0.5, np.float32),
        np.ones((1, 7, 30), np.float32),
        np.zeros((1, 1, 1), np.float32),
    ):
        result = JNB()(flat)
        assert result.radius_px.shape == flat.shape[1:]
        assert (result.radius_px == 0).all() and (result.confidence == 0).all()


def test_confidence_is_high_where_patches_have_contrast():
    image = np.full((1, 160, 240), 0.3, np.float32)
    for top in range(0, 160, 16):
        image[:, top : top + 8, :60] = 0.8
    result = JNB(noise_std=0)(image)
    assert result.confidence[80, 20] > 0.8 and result.confidence[80, 220] < 0.05
    assert result.confidence.min() >= 0 and result.confidence.max() <= 1


def test_fewer_patches_give_nearly_the_same_map(shared):
    blurred = blur(photo(shared, 5), 2.5)
    coarse, fine = JNB(max_feature_mp=0.004)(blurred), FEW(blurred)
    assert coarse.radius_px.shape == (300, 303)
    assert np.abs(coarse.radius_px - fine.radius_px).mean() < 0.3


def test_a_wrong_shape_is_refused():
    with pytest.raises(InputError, match="one image"):
        JNB()(np.zeros((2, 3, 20, 20), np.float32))
