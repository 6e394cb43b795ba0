"""Pairs on a GPU: nothing waits for the device, and everything that is chosen is what the CPU makes."""

import pytest

torch = pytest.importorskip("torch")

from camera_samples import crops, seeded
from waits import Waits, as_on_a_gpu

from refocal.learn.pairs import camera, isp, selection
from refocal.learn.pairs.camera import CameraPairs

EVERYTHING = {
    "in_focus": 0.1,
    "ramps": 0.4,
    "layers": 0.6,
    "smooth": 0.3,
    "smooth_noise": 0.5,
    "highlights": 0.5,
    "max_radius_px": 4.0,
}


def test_no_pairs_wait_for_the_device(monkeypatch):
    pixels = crops(12, 64)
    with Waits() as waits:
        CameraPairs(**EVERYTHING)(pixels, seeded())
    assert len(waits.found) > 10  # on the CPU, where it is free
    as_on_a_gpu(monkeypatch)
    isp.jpeg(torch.zeros(1, 1, 8, 8), torch.full((1, 1, 1, 1), 90.0))  # its table is copied once
    with Waits() as waits:
        made = CameraPairs(**EVERYTHING)(pixels, seeded())
    assert waits.found == []
    assert all(torch.isfinite(image).all() for image in made.values())


@pytest.mark.parametrize("only", [{"in_focus": 1.0}, {}, {"ramps": 1.0}])
def test_scenes_of_one_kind_are_the_same_as_on_the_cpu(monkeypatch, only):
    nothing = dict.fromkeys(
        ("in_focus", "ramps", "layers", "noisy", "tone", "sharpening", "compressed", "resized"), 0.0
    )
    pairs = CameraPairs(**{**nothing, "highlights": 0.0, "max_radius_px": 4.0, **only})
    wanted = pairs(crops(6, 64), seeded())
    monkeypatch.setattr(selection, "reads_freely", lambda device: False)
    monkeypatch.setattr(camera, "host_generator", lambda random: random)
    found = pairs(crops(6, 64), seeded())
    for name in ("blurred", "sharp", "radius_px"):
        torch.testing.assert_close(found[name], wanted[name], atol=1.01 / 255, rtol=0)


def test_put_replaces_the_images_of_the_mask(monkeypatch):
    images, found = torch.rand(4, 1, 3, 3), torch.rand(4, 1, 3, 3)
    mask = torch.tensor([True, False, False, True])
    wanted = torch.where(mask[:, None, None, None], found, images)
    before = images.clone()
    assert torch.equal(selection.put(images, mask, found[selection.chosen(mask)]), wanted)
    assert torch.equal(images, before)
    monkeypatch.setattr(selection, "reads_freely", lambda device: False)
    assert torch.equal(selection.put(images, mask, found[selection.chosen(mask)]), wanted)
    assert selection.any_chosen(torch.zeros(3, dtype=torch.bool))


def test_jpeg_tables_are_libjpegs():
    from refocal.images.jpeg import LUMA_TABLE, ijg_table

    quality = torch.arange(1.0, 101)
    wanted = torch.tensor([ijg_table(LUMA_TABLE, int(each)).tolist() for each in quality]).reshape(-1, 8, 8)
    assert torch.equal(isp._tables(quality), wanted.float())
