"""Pairs with blur maps against the operators of the runtime."""

import json

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from refocal.datasets.radius_maps import KINDS, generate
from refocal.images.colour import luma
from refocal.images.edges import canny
from refocal.learn.crops.blur_maps import pack_maps, spread_from_edges
from refocal.learn.crops.photos import open_crops
from refocal.learn.pairs.mapped import MappedBlur, blur
from refocal.learn.pairs.uniform import luma8
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.kernels import disk
from refocal.propagation.matting import matting_laplacian
from refocal.types import InputError


def seeded(seed=1):
    return torch.Generator().manual_seed(seed)


def crops(count=3, side=64, channels=3, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (count, side, side, channels), dtype=np.uint8))


def photo(side=220, seed=5):
    blocks = np.random.default_rng(seed).integers(0, 256, (side // 20, side // 20, 3))
    return np.kron(blocks, np.ones((20, 20, 1))).astype(np.uint8)


def test_a_drawn_map_is_what_blurred_the_crop():
    made = MappedBlur()(crops(), seeded())
    assert made["radius_px"].shape == (3, 1, 64, 64) and made["sharp"].shape == made["blurred"].shape == (3, 3, 64, 64)
    for i in range(3):
        radius = made["radius_px"][i, 0].numpy()
        gathered = BlurMap(radius, step_px=0.25, boundary="replicate").apply(
            made["sharp"][i].numpy().astype(np.float64)
        )
        levels = np.rint(made["blurred"][i].numpy() * 255)
        assert np.abs(levels - np.floor(gathered * 255 + 1e-3)).max() <= 1  # float32 sums here, float64 there
        assert (levels == np.floor(gathered * 255 + 1e-3)).mean() > 0.99


def test_maps_depend_on_the_seed_alone():
    one, again, other = (MappedBlur()(crops(), seeded(seed))["radius_px"] for seed in (1, 1, 2))
    assert torch.equal(one, again) and not torch.equal(one, other)


def test_uniform_blur_is_that_of_one_disk_and_none_changes_nothing():
    sharp = crops(2)[..., :3].permute(0, 3, 1, 2) / 255
    assert torch.equal(blur(sharp, torch.zeros(2, 64, 64)), sharp)
    wanted = Psf(torch.from_numpy(disk(3.0)).to(sharp.dtype), boundary="replicate").apply(sharp)
    got = blur(sharp, torch.full((2, 64, 64), 3.0))
    assert (wanted - got).max() < 1 / 255 and (got - wanted).max() < 1e-5  # cut downwards


def test_a_border_is_blurred_into_and_then_cut_off():
    cut, whole = (MappedBlur(border_px=border)(crops(), seeded()) for border in (6, 0))
    for name, image in cut.items():
        assert torch.equal(image, whole[name][..., 6:-6, 6:-6])


def test_packed_maps_are_returned_exact_or_propagated():
    packed = crops(2, channels=5)
    packed[..., 3], packed[..., 4] = 8, 12
    exact, spread = (MappedBlur(maps=maps)(packed, seeded()) for maps in ("exact", "packed"))
    assert torch.equal(exact["blurred"], spread["blurred"])
    assert exact["radius_px"].unique().tolist() == [2.0] and spread["radius_px"].unique().tolist() == [3.0]
    with pytest.raises(InputError, match="--maps"):
        MappedBlur(maps="packed")(crops(), seeded())


def test_grey_crops_are_their_luma_three_times():
    made = MappedBlur(grey=True)(crops(), seeded())
    assert torch.equal(made["sharp"], luma8(crops()).expand(-1, 3, -1, -1))
    assert torch.equal(made["radius_px"], MappedBlur()(crops(), seeded())["radius_px"])
    assert torch.equal(made["blurred"], blur(made["sharp"], made["radius_px"][:, 0]))


def test_returned_maps_have_the_given_error():
    packed = crops(300, 64, channels=5)
    packed[..., 3], packed[..., 4] = 8, 20
    plain, noisy = (MappedBlur(maps="packed", noise_px=noise)(packed, seeded()) for noise in (0.0, 0.5))
    assert torch.equal(plain["blurred"], noisy["blurred"])
    error = (noisy["radius_px"] - plain["radius_px"])[:, 0]
    offsets = error.mean((1, 2))
    assert 0.45 < offsets.std() < 0.6 and abs(offsets.mean()) < 0.1
    assert 0.25 < (error - offsets[:, None, None]).std() < 0.5
    assert (error[:, 0] - error[:, 1]).abs().mean() < 0.1  # smooth
    assert noisy["radius_px"].min() >= 0


@pytest.mark.parametrize("way", ["matting", "domain-transform"])
def test_propagated_maps_of_uniform_blur_are_exact(way):
    assert (spread_from_edges(photo(), np.full((220, 220), 2.5, np.float32), way) == 2.5).all()


@pytest.mark.parametrize("way", ["matting", "domain-transform"])
def test_propagated_maps_err_in_places(way):
    exact = generate("ramp-right", np.random.default_rng(1), (220, 220))
    propagated = spread_from_edges(photo(), exact, way)
    assert 0.05 < np.abs(propagated - exact).mean() < 1.0
    assert np.corrcoef(propagated.ravel(), exact.ravel())[0, 1] > 0.8


def test_matting_weights_edges_by_their_radius():
    """Against a dense solution of (L + w D) m = w D s with D = diag(s), as in the authors' program."""
    sharp = np.kron(np.random.default_rng(3).integers(0, 256, (4, 4, 3)), np.ones((10, 10, 1))).astype(np.uint8)
    exact = np.zeros((40, 40), np.float32)
    exact[:, 8:], exact[:, 26:] = 1.5, 4.0
    blurred = blur(torch.from_numpy(sharp.transpose(2, 0, 1) / 255.0).float()[None], torch.from_numpy(exact)[None])[
        0
    ].numpy()
    sparse = canny(luma(blurred)[0]) * exact
    weight = np.diag(1e-3 * sparse.ravel().astype(np.float64))
    laplacian = matting_laplacian(blurred).toarray()
    dense = np.linalg.solve(laplacian + weight, weight @ sparse.ravel())
    propagated = spread_from_edges(sharp, exact, "matting")
    plain = np.linalg.solve(laplacian + 1e-3 * np.diag((sparse > 0).ravel()), 1e-3 * sparse.ravel())
    right, wrong = (np.abs(propagated - np.clip(found.reshape(40, 40), 0, 6)).mean() for found in (dense, plain))
    assert right < 0.15  # half of a quarter from rounding
    assert wrong > 1.5 * right  # as if all known values weighed the same


def test_both_propagations_make_half_of_the_maps(tmp_path, monkeypatch):
    Image.fromarray(photo(300, 2)).save(tmp_path / "a.png")
    ways = []
    monkeypatch.setattr(
        "refocal.learn.crops.blur_maps.spread_from_edges", lambda photo, exact, way: ways.append(way) or exact
    )
    pack_maps([tmp_path], tmp_path / "maps.npy", 52, 200)
    assert ways == 2 * (13 * ["domain-transform"] + 13 * ["matting"])


def test_packing_writes_what_the_pairs_read(tmp_path):
    for i in range(2):
        Image.fromarray(photo(300, i)).save(tmp_path / f"{i}.png")
    Image.fromarray(photo(180)).save(tmp_path / "small.png")
    assert pack_maps([tmp_path], tmp_path / "maps.npy", 14, 200) == 28
    packed = open_crops(tmp_path / "maps.npy")
    about = json.loads((tmp_path / "maps.json").read_text())
    assert [photo["count"] for photo in about["photos"]] == [14, 14] and about["maps"] == 14
    exact, spread = packed.pixels[..., 3], packed.pixels[..., 4]
    uniform = KINDS.index("uniform")
    assert (exact[uniform] == exact[uniform, 0, 0]).all() and np.array_equal(exact[uniform], spread[uniform])
    assert ((exact == 0) | ((exact >= 3) & (exact <= 24))).all() and (
        (spread == 0) | ((spread >= 3) & (spread <= 24))
    ).all()
    made = MappedBlur(maps="packed")(torch.from_numpy(packed.batch(0, 4, 64, 0)), seeded())
    assert 0 < (made["blurred"] - made["sharp"]).abs().mean() < 0.2
    with pytest.raises(InputError, match="at least 200"):
        pack_maps([tmp_path], tmp_path / "small.npy", 1, 100)
