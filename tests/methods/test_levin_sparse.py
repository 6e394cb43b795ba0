import numpy as np
import pytest

from refocal.methods.levin_sparse import LevinSparse, differences, differences_adjoint
from refocal.methods.richardson_lucy import RichardsonLucy
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.kernels import disk
from samples import asymmetric_kernel, kodim19_crop, natural, psnr

HEIGHT, WIDTH = 9, 11
RAMP = np.linspace(0, 2, WIDTH) * np.ones((HEIGHT, 1))
BLURS = [
    Psf(asymmetric_kernel(), "periodic"),
    BlurMap(RAMP, boundary="periodic"),
    Psf(asymmetric_kernel()),
    BlurMap(RAMP),
]


def _step(size):
    return (np.eye(size, k=1) - np.eye(size))[:-1]


def _dense_differences(height, width):
    """The five differences as matrices on images in row-major order."""
    down, across = np.eye(height), np.eye(width)
    return [
        np.kron(down, _step(width)),
        np.kron(_step(height), across),
        np.kron(down, _step(width - 1) @ _step(width)),
        np.kron(_step(height - 1) @ _step(height), across),
        np.kron(_step(height), _step(width)),
    ]


def _dense_blur(blur):
    """H on the image and its surroundings that send light into it, and the mask of the image there."""
    margin = 0 if blur.boundary == "periodic" else blur.half_px
    if isinstance(blur, BlurMap):
        blur = BlurMap(np.pad(blur.radius_px, margin, mode="edge"), boundary=blur.boundary)
    shape = (HEIGHT + 2 * margin, WIDTH + 2 * margin)
    inside = np.zeros(shape, bool)
    inside[margin : margin + HEIGHT, margin : margin + WIDTH] = True
    points = np.eye(inside.size).reshape(-1, 1, *shape)
    return np.stack([blur.apply(point)[0][inside] for point in points], 1), inside


def _dense_solution(y, blur, weight, exponent):
    """The same three passes, each by a direct least-squares solution, without the pixels that send no light."""
    h, inside = _dense_blur(blur)
    used = np.abs(h).sum(0) > 1e-9
    slopes = [d[(np.abs(d) @ ~used) == 0][:, used] for d in _dense_differences(*inside.shape)]
    weights = [np.ones(len(d)) for d in slopes]
    for _ in range(3):
        rows = [np.sqrt(weight * w)[:, None] * d for w, d in zip(weights, slopes, strict=True)]
        stacked = np.concatenate([h[:, used], *rows])
        x = np.linalg.lstsq(stacked, np.concatenate([y.ravel(), np.zeros(len(stacked) - y.size)]), rcond=None)[0]
        factors = (1, 1, 0.25, 0.25, 0.25)
        weights = [
            0.1 * factor * np.maximum(np.abs(d @ x), 0.01) ** (exponent - 2)
            for factor, d in zip(factors, slopes, strict=True)
        ]
    whole = np.zeros(inside.shape)
    whole[used.reshape(inside.shape)] = x
    return whole[inside].reshape(y.shape)


@pytest.mark.parametrize("blur", BLURS)
@pytest.mark.parametrize("exponent", [0.8, 2.0])
def test_every_pass_is_the_direct_solution(blur, exponent):
    y = blur.apply(0.2 + 0.6 * natural(1, HEIGHT, WIDTH))
    expected = _dense_solution(y, blur, 0.003, exponent)
    if isinstance(blur, BlurMap):
        kept = np.clip(1 - RAMP / 0.5, 0, 1) + np.clip(1 - np.abs(RAMP / 0.5 - 1), 0, 1)  # levels 0 and 0.5 are points
        expected = kept * y + (1 - kept) * expected
    restored = LevinSparse(0.003, exponent, 2000, 1e-11)(y, blur)
    np.testing.assert_allclose(restored, np.clip(expected, 0, 1), atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 4), (2, 2), (7, 5)])
def test_differences_and_their_adjoint(size):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, *size))
    slopes = differences(x)
    others = [rng.normal(size=slope.shape) for slope in slopes]
    expected = sum(np.sum(slope * other) for slope, other in zip(slopes, others, strict=True))
    assert np.sum(x * differences_adjoint(others, x)) == pytest.approx(expected, abs=1e-12)
    for found, matrix in zip(slopes, _dense_differences(*size) if min(size) > 1 else [], strict=False):
        np.testing.assert_allclose(found[0].ravel(), matrix @ x[0].ravel(), atol=1e-12)


@pytest.mark.parametrize(("weight", "noise_std", "lowest"), [(0.001, 0.0, 29.9), (0.003, 0.01, 27.6)])
def test_the_score_on_a_photo_exceeds_the_hyper_laplacians(shared, weight, noise_std, lowest):
    """That has 27.44 dB without noise and 27.29 dB with it at its best weight; the blurred photo has 24.02 dB."""
    sharp, psf = kodim19_crop(shared), Psf(disk(3.0), "periodic")
    noise = np.random.default_rng(0).normal(0, noise_std, sharp.shape)
    assert psnr(LevinSparse(weight)(psf.apply(sharp) + noise, psf), sharp) > lowest


def test_a_photo_under_a_ramp_is_restored(shared):
    sharp = kodim19_crop(shared).astype(np.float32)
    blur = BlurMap(np.linspace(0, 4, 128) * np.ones((128, 1)))
    y = blur.apply(sharp) + np.random.default_rng(0).normal(0, 0.004, sharp.shape).astype(np.float32)
    restored = LevinSparse(tolerance=1e-4)(y, blur)
    assert psnr(restored, sharp) > psnr(y, sharp) + 3.5
    assert psnr(restored, sharp) > psnr(RichardsonLucy()(y, blur), sharp) + 0.5


def test_no_boundary_condition_is_assumed():
    """A crop of a larger image, whose continuation fits no boundary condition."""
    scene, psf = natural(1, 104, 104, seed=3), Psf(disk(4.0))
    crop = (..., slice(12, 92), slice(12, 92))
    y, sharp = psf.apply(scene)[crop], scene[crop]
    rim = np.ones((80, 80), bool)
    rim[8:-8, 8:-8] = False
    mirrored = RichardsonLucy(100)(y, psf)
    assert psnr(LevinSparse()(y, psf)[:, rim], sharp[:, rim]) > psnr(mirrored[:, rim], sharp[:, rim]) + 1


def test_a_sharp_region_is_preserved_exactly():
    radii = np.where(np.arange(60) < 30, 0, 3.0) * np.ones((40, 1))
    y = BlurMap(radii).apply(natural(1, 40, 60))
    restored = LevinSparse()(y, BlurMap(radii))
    np.testing.assert_array_equal(restored[..., :30], np.clip(y[..., :30], 0, 1))
    assert np.abs(restored[..., 30:] - y[..., 30:]).max() > 0.05


def test_a_sparse_prior_keeps_edges_better_than_a_quadratic_one():
    sharp = np.kron(np.random.default_rng(0).random((1, 8, 8)), np.ones((12, 12)))
    psf = Psf(disk(2.0))
    image = psf.apply(sharp) + np.random.default_rng(1).normal(0, 0.01, sharp.shape)
    sparse, smooth = (
        max(psnr(LevinSparse(weight, exponent, tolerance=1e-4)(image, psf), sharp) for weight in weights)
        for exponent, weights in ((0.8, (0.001, 0.004)), (2.0, (0.01, 0.04, 0.1)))
    )
    assert sparse > smooth + 2


@pytest.mark.parametrize(
    "options",
    [{"weight": 0.0}, {"weight": np.nan}, {"exponent": 0.0}, {"exponent": 2.1}, {"num_iter": 0}, {"tolerance": 0.0}],
)
def test_invalid_options_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        LevinSparse(**options)
