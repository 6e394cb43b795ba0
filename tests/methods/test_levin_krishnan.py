import numpy as np
import pytest

from refocal.methods.hyper_laplacian import HyperLaplacian
from refocal.methods.levin_krishnan import LevinKrishnan
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.kernels import disk
from samples import kodim19_crop, natural, psnr


def _ramp(height, width, max_px):
    return np.linspace(0, max_px, width) * np.ones((height, 1))


def test_every_pixel_is_taken_from_its_nearest_level():
    """Against a composition of whole images, each restored with one disk."""
    radii = _ramp(40, 90, 3.0)
    y = BlurMap(radii, step_px=0.25).apply(natural(1, 40, 90))
    levels = np.arange(13) * 0.25
    nearest = np.abs(radii[..., None] - levels).argmin(-1)
    composed = np.select(
        [nearest == k for k in range(13)], [HyperLaplacian()(y, Psf(disk(level)))[0] for level in levels]
    )
    np.testing.assert_allclose(LevinKrishnan()(y, BlurMap(radii))[0], composed, atol=1e-3)


def test_up_to_half_a_pixel_is_sharp():
    radii = np.where(np.arange(60) < 30, 0.6, 2.0) * np.ones((20, 1))  # 0.6 is nearest to 0.5
    y = natural(1, 20, 60)
    restored = LevinKrishnan()(y, BlurMap(radii))
    np.testing.assert_array_equal(restored[..., :30], y[..., :30])
    assert np.abs(restored - y)[..., 30:].max() > 0.05


def test_the_maps_step_is_ignored():
    radii, y = _ramp(30, 60, 3.0), natural(1, 30, 60)
    coarse, fine = (LevinKrishnan()(y, BlurMap(radii, step_px=step)) for step in (0.5, 0.1))
    np.testing.assert_array_equal(coarse, fine)


def test_one_kernel_is_the_hyper_laplacians_golden_value(shared):
    sharp, psf = kodim19_crop(shared), Psf(disk(3.0), "periodic")
    assert psnr(LevinKrishnan()(psf.apply(sharp), psf), sharp) == pytest.approx(27.44, abs=0.05)


def test_a_photo_under_a_ramp_is_restored(shared):
    sharp = kodim19_crop(shared)
    blur = BlurMap(_ramp(128, 128, 4.0), step_px=0.25)
    y = blur.apply(sharp)
    assert psnr(LevinKrishnan()(y, blur), sharp) > psnr(y, sharp) + 2


@pytest.mark.parametrize("options", [{"weight": 0.0}, {"exponent": 2.0}, {"exponent": np.nan}])
def test_invalid_options_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        LevinKrishnan(**options)
