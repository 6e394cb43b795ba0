import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from refocal.images.tiles import MAX_BUDGET_BYTES, MIN_TILE_PX, apply_tiled, tile_size

SIZES = st.tuples(st.integers(1, 70), st.integers(1, 70))
TILING = st.fixed_dictionaries(
    {
        "tile_px": st.integers(1, 80),
        "halo_px": st.integers(0, 12),
        "feather_px": st.integers(0, 12),
        "align_px": st.sampled_from([1, 2, 16]),
    }
)


@settings(deadline=None, max_examples=100)
@given(SIZES, TILING)
def test_the_identity_changes_no_bit(size, tiling):
    image = np.random.default_rng(0).random((3, *size), np.float32)
    np.testing.assert_array_equal(apply_tiled(lambda tile, _: tile, image, **tiling), image)


@settings(deadline=None, max_examples=25)
@given(SIZES, TILING)
def test_weights_are_a_partition_of_unity(size, tiling):
    """The tile's number k comes out as sum_k w_k f(k): with f = [k == n], the weights of tile n."""
    regions = []
    apply_tiled(lambda tile, region: regions.append(region) or tile, np.zeros(size, np.float32), **tiling)
    total = np.zeros(size)
    for chosen in regions[:50]:
        weights = apply_tiled(
            lambda tile, region, chosen=chosen: np.full(tile.shape, region == chosen, np.float32),
            np.zeros(size, np.float32),
            **tiling,
        )
        assert weights.min() >= 0
        inside = np.zeros(size, bool)
        inside[chosen.core_rows, chosen.core_columns] = True
        assert not weights[~inside].any()
        total += weights
    if len(regions) <= 50:
        np.testing.assert_allclose(total, 1, rtol=0, atol=1e-7)  # float32 rounds products of weights at corners


@settings(deadline=None, max_examples=60)
@given(SIZES, TILING)
def test_tiles_have_exactly_their_context(size, tiling):
    seen = []
    image = np.zeros(size, np.float32)
    apply_tiled(lambda tile, region: seen.append((tile.shape, region)) or tile, image, **tiling)
    for shape, region in seen:
        assert shape == region.crop(image).shape
        for outer, core, length in zip(
            (region.rows, region.columns), (region.core_rows, region.core_columns), size, strict=True
        ):
            assert 0 < core.stop - core.start <= tiling["tile_px"]
            align = tiling["align_px"]
            start, stop = core.start - tiling["halo_px"], core.stop + tiling["halo_px"]
            assert outer.start == 0 or (outer.start % align == 0 and 0 <= start - outer.start < align)
            assert outer.stop == length or (outer.stop % align == 0 and 0 <= outer.stop - stop < align)
            assert outer.start <= max(start, 0) and outer.stop >= min(stop, length)


@pytest.mark.parametrize(("tile_px", "feather_px"), [(16, 0), (16, 7), (33, 8), (500, 8), (8, 8)])
def test_a_filter_within_the_halo_equals_the_whole_image(tile_px, feather_px):
    image = np.random.default_rng(0).random((3, 75, 101), np.float32)

    def blur(array, region=None):
        return gaussian_filter(array, (0, 2.0, 3.0), radius=(0, 6, 8), mode="mirror")

    tiled = apply_tiled(blur, image, tile_px=tile_px, halo_px=8, feather_px=feather_px)
    np.testing.assert_allclose(tiled, blur(image), atol=1e-6)
    short = apply_tiled(blur, image, tile_px=24, halo_px=4, feather_px=0)
    assert np.abs(short - blur(image)).max() > 1e-3  # or the comparison would notice nothing


@pytest.mark.parametrize("size", [(75, 101), (96, 37)])
def test_a_function_on_a_grid_equals_the_whole_image(size):
    """Means of 8x8, smoothed and spread again: a tile off the grid would mix other pixels; edges are padded alike."""
    image = np.random.default_rng(0).random(size, np.float32)

    def blocks(array, _=None):
        height, width = array.shape
        padded = np.pad(array, ((0, -height % 8), (0, -width % 8)), mode="reflect")
        means = padded.reshape(padded.shape[0] // 8, 8, padded.shape[1] // 8, 8).mean((1, 3))
        means = gaussian_filter(means, 1.0, radius=1, mode="nearest")
        return np.kron(means, np.ones((8, 8), np.float32))[:height, :width]

    tiling = {"tile_px": 24, "halo_px": 15, "feather_px": 5}
    np.testing.assert_allclose(apply_tiled(blocks, image, **tiling, align_px=8), blocks(image), atol=1e-6)
    assert np.abs(apply_tiled(blocks, image, **tiling) - blocks(image)).max() > 1e-2


def test_the_region_crops_a_map_alike():
    image = np.random.default_rng(0).random((3, 40, 50), np.float32)
    radius = np.random.default_rng(1).random((40, 50), np.float32)
    tiled = apply_tiled(lambda tile, region: tile * region.crop(radius), image, tile_px=16, halo_px=4)
    np.testing.assert_allclose(tiled, image * radius, atol=1e-7)


def test_seams_fade_linearly():
    count = iter(range(2))
    output = apply_tiled(
        lambda tile, _: np.full(tile.shape, next(count), np.float32),
        np.zeros((1, 1, 36), np.float32),
        tile_px=20,
        halo_px=4,
        feather_px=4,
    )
    assert output[0, 0, 15:21].tolist() == [0, 0.125, 0.375, 0.625, 0.875, 1]


@pytest.mark.parametrize(
    "options",
    [{"tile_px": 0, "halo_px": 1}, {"tile_px": 4, "halo_px": -1}, {"tile_px": 4, "halo_px": 1, "align_px": 0}],
)
def test_impossible_tiles_are_refused(options):
    with pytest.raises(ValueError, match="tile_px"):
        apply_tiled(lambda tile, _: tile, np.zeros((1, 9, 9), np.float32), **options)
    with pytest.raises(ValueError, match="shape"):
        apply_tiled(lambda tile, _: tile[..., 1:], np.zeros((1, 9, 9), np.float32), tile_px=4, halo_px=1)


def test_tile_size_keeps_to_the_budget():
    tile_px = tile_size(4000, 6000, bytes_per_pixel=180, halo_px=64, budget_bytes=256 << 20)
    assert (tile_px + 2 * 64) ** 2 * 180 <= 256 << 20 < (tile_px + 2 * 64 + 1) ** 2 * 180
    assert tile_size(400, 600, bytes_per_pixel=180, halo_px=64, budget_bytes=256 << 20) == 600
    assert tile_size(4000, 6000, bytes_per_pixel=180, halo_px=640, budget_bytes=1 << 20) == MIN_TILE_PX


def test_tile_size_accounts_for_the_grid():
    tile_px = tile_size(4000, 6000, bytes_per_pixel=180, halo_px=60, align_px=16, budget_bytes=256 << 20)
    largest = 0

    def measure(tile, _):
        nonlocal largest
        largest = max(largest, tile.size)
        return tile

    apply_tiled(measure, np.zeros((4000, 6000), np.float32), tile_px=tile_px, halo_px=60, align_px=16)
    assert 0.85 * (256 << 20) < largest * 180 <= 256 << 20


def test_the_budget_follows_free_memory_and_is_capped(monkeypatch):
    def with_memory(kilobytes):
        monkeypatch.setattr("refocal.images.tiles._free_bytes", lambda: kilobytes * 1024)
        tile_px = tile_size(40000, 60000, bytes_per_pixel=16, halo_px=0)
        return tile_px**2 * 16

    assert 0.99 * (512 << 20) < with_memory(1 << 30) <= MAX_BUDGET_BYTES == 512 << 20
    assert 0.99 * (64 << 20) < with_memory(128 << 10) <= 64 << 20


def test_memory_is_the_output_and_a_few_tiles():
    import tracemalloc

    image = np.ones((3, 600, 700), np.float32)
    tracemalloc.start()
    apply_tiled(lambda tile, _: tile * 2, image, tile_px=64, halo_px=16)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    tile_bytes = 3 * 96 * 96 * 4
    band_bytes = 3 * 16 * 700 * 4
    assert peak < image.nbytes + 3 * tile_bytes + 4 * band_bytes
