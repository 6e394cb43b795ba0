"""Energies of local spectra and their likelihoods against formulas."""

import numpy as np
import pytest

from refocal.estimators import local_spectra
from refocal.estimators.local_spectra import RINGS, log_likelihoods, most_likely_radii, noise_variance, ring_energies
from refocal.optics.blur import BlurMap
from refocal.optics.kernels import disk
from refocal.optics.radius_levels import LEVELS_PX


def grain(std, shape=(256, 256), seed=0):
    return np.random.default_rng(seed).normal(0.5, std, shape).astype(np.float32)


def test_a_wave_has_the_energy_of_its_gradient_in_its_ring():
    cycles = 6  # per window: the 5th ring of those that begin at 2
    x = np.arange(128)
    wave = np.cos(2 * np.pi * cycles / 32 * x)[None].repeat(128, 0)
    for grey in (wave, wave.T):
        energies = ring_energies(grey, 8)[4:-4, 4:-4]
        assert (energies.argmax(2) == RINGS.index(cycles)).all()
        sizes = 1 / local_spectra._taper_and_rings()[1].max(0)  # a ring's number of frequencies
        step = (2 * np.sin(np.pi * cycles / 32)) ** 2 / 2  # mean square of a difference of the wave
        np.testing.assert_allclose((energies * sizes).sum(2), 32**2 * step, rtol=0.05)  # Parseval


def test_windows_are_centred_on_the_cells():
    for step, cell, (y, x) in ((8, (5, 9), (44, 76)), (4, (10, 19), (42, 78)), (40, (1, 2), (60, 100))):
        point = np.zeros((96, 120), np.float32)
        point[y, x] = 1  # in the middle of its cell, up to half a pixel
        total = ring_energies(point, step).sum(2)
        assert total.shape == (-(-96 // step), -(-120 // step))
        assert np.unravel_index(total.argmax(), total.shape) == cell


def test_noise_energies_follow_the_formula_and_give_the_variance():
    std = 0.02
    energies = ring_energies(grain(std), 8)[2:-2, 2:-2]
    frequency = np.fft.fftfreq(32)
    gain = (4 * np.sin(np.pi * frequency) ** 2)[:, None] + 4 * np.sin(np.pi * frequency) ** 2
    expected = std**2 * gain.ravel() @ local_spectra._taper_and_rings()[1]
    np.testing.assert_allclose(energies.mean((0, 1)), expected, rtol=0.15)
    assert noise_variance(energies, 1) == pytest.approx(std**2, rel=0.3)
    assert noise_variance(np.zeros((3, 3, 14)), 1) == pytest.approx(1 / 12 / 255**2)


def test_the_table_follows_the_transfer_functions_of_the_disks():
    table = np.load(local_spectra.TABLE).astype(float)
    assert table.shape == (len(LEVELS_PX) + 1, len(RINGS), len(RINGS) - 1)
    covariances = table[:, 1:]
    np.testing.assert_allclose(covariances, covariances.transpose(0, 2, 1), atol=1e-5)
    assert np.linalg.eigvalsh(covariances).min() > -1e-4
    # Minus the spectrum of sharp photos, a mean is the energy that the disk transmits.
    _, rings = local_spectra._taper_and_rings()
    for level in (4, 8, 14, 20):
        kernel = disk(LEVELS_PX[level])
        passed = np.log((np.abs(np.fft.fft2(kernel, (32, 32))) ** 2).ravel() @ rings)
        measured = table[level, 0] - table[0, 0]
        assert np.corrcoef(measured, passed)[0, 1] > 0.93


@pytest.mark.parametrize("radius_px", [0.0, 1.5, 3.0, 4.5, 6.0])
def test_the_radius_of_blurred_texture_is_estimated_per_window(radius_px):
    # A 1/f spectrum has white gradients, like photos.
    walk = grain(1.0, (220, 220), 3).astype(float)
    spectrum = np.fft.fft2(walk)
    frequency = np.fft.fftfreq(220)
    spectrum /= np.maximum(np.hypot(frequency[:, None], frequency), 1 / 220)
    sharp = np.fft.ifft2(spectrum).real
    sharp = (0.5 + 0.15 * (sharp - sharp.mean()) / sharp.std()).astype(np.float32)
    grey = BlurMap(np.full(sharp.shape, radius_px, np.float32), step_px=0.25).apply(sharp[None])[0]
    energies = ring_energies(np.round(grey * 255) / 255, 8)
    likelihoods, weight = log_likelihoods(energies, noise_variance(energies, 1))
    assert likelihoods.max() == 0
    level = likelihoods[:, 2:-2, 2:-2].argmax(0)
    found = np.array((0, *LEVELS_PX[1:]))[level]
    assert np.median(found) == pytest.approx(radius_px, abs=0.3 if radius_px else 0.8)
    assert weight.min() >= 0 and weight.max() <= 1


def test_smoothing_preserves_agreement_and_fills_unknown_areas():
    likelihoods = np.zeros((23, 30, 40), np.float32)
    likelihoods[:] = -np.abs(np.arange(23) - 10)[:, None, None] * 2.0
    image = np.full((1, 120, 160), 0.5, np.float32)
    image[:, :, 80:] = 0.9
    everywhere = most_likely_radii(likelihoods, np.ones((30, 40), np.float32), image, 4, 6.0)
    np.testing.assert_allclose(everywhere.radius_px, LEVELS_PX[10], atol=0.01)
    weight = np.zeros((30, 40), np.float32)
    weight[:, :15] = 1
    one_side = most_likely_radii(likelihoods, weight, image, 4, 6.0)
    np.testing.assert_allclose(one_side.radius_px[:, :70], LEVELS_PX[10], atol=0.1)
    assert one_side.confidence[60, 20] > 0.7 > 0.05 > one_side.confidence[60, 150]
    assert most_likely_radii(likelihoods, weight, image, 4, 2.0).radius_px.max() == 2
