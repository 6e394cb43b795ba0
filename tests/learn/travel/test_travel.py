"""A bundle: what it holds, and its training, run and continued as its run.sh does."""

import json
import subprocess
import sys
import zipfile
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from learn_samples import block_pixels, tiny_recipe, write_crops

from refocal.cli import main
from refocal.learn.crops.compressed import encode, read_compressed, write_compressed
from refocal.learn.crops.photos import open_crops
from refocal.learn.pairs.uniform import luma8
from refocal.learn.recipe import Phase
from refocal.learn.train import Run, train
from refocal.learn.training import checkpoint
from refocal.learn.travel import bundle as bundles
from refocal.learn.travel import run as travel
from refocal.learn.travel.parts import read_parts, write_parts
from refocal.metrics import psnr
from refocal.types import InputError


@pytest.fixture
def wheels(tmp_path):
    """Empty wheels, as what they hold is installed here."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name in bundles.WHEELS:
        with zipfile.ZipFile(folder / f"{name.replace('-', '_')}-1.0-py3-none-any.whl", "w") as file:
            file.writestr(f"{name}.txt", "")
    return folder


def recipe():
    return tiny_recipe(phases=(Phase(8, 16, 4), Phase(4, 24, 2)), ema=0.9, validation_steps=12)


def test_crops_survive_compression(tmp_path):
    from scipy.ndimage import gaussian_filter

    photos = gaussian_filter(np.random.default_rng(0).random((6, 160, 160, 3)), (0, 2, 2, 0))
    photos = np.clip(0.5 + 6 * (photos - 0.5), 0, 1)
    pixels = (255 * photos).astype(np.uint8)
    for luma in (True, False):
        write_compressed(tmp_path / "crops.npz", [encode(crop, luma) for crop in pixels], luma)
        found = open_crops(tmp_path / "crops.npz").pixels
        assert found.shape == (6, 160, 160, 1 if luma else 3)
    write_compressed(tmp_path / "crops.npz", [encode(crop, True) for crop in pixels], True)
    found = luma8(torch.from_numpy(read_compressed(tmp_path / "crops.npz").copy()))
    assert psnr(found, luma8(torch.from_numpy(pixels))).min() > 36
    assert (tmp_path / "crops.npz").stat().st_size < pixels.nbytes / 8


def test_other_files_are_no_compressed_crops(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"nothing")
    np.savez(tmp_path / "b.npz", streams=np.zeros(3, np.uint8), ends=np.array([3]), luma=True)
    for name in ("a.npz", "b.npz", "c.npz"):
        with pytest.raises(InputError, match="no file of compressed crops: refocal bundle writes one"):
            open_crops(tmp_path / name)


def test_a_bundle_trains_and_continues_elsewhere(tmp_path, wheels):
    """Eight of twelve steps in one place; then, from the parts that were carried back, the rest in another."""
    crops = write_crops(tmp_path, 24, 32)
    folder = tmp_path / "bundle"
    kept, count, size_mb = bundles.write_bundle(recipe(), crops, folder, wheels=wheels)
    assert (kept, count) == (24, 24) and size_mb < 3
    assert not list((folder / "source").rglob("*.onnx")) and (folder / "source/refocal/weights/__init__.py").exists()
    assert not list(tmp_path.glob(".refocal-*"))

    assert travel.main([str(folder), "--out", str(tmp_path / "one"), "--device", "cpu", "--minutes", "1e-9"]) == 0
    first = checkpoint.load(tmp_path / "one" / "checkpoint.safetensors")
    assert first.step == 1
    scores = json.loads((tmp_path / "one" / "scores.json").read_text())
    assert (tmp_path / "one" / "curve.png").exists()  # of a stopped training too
    assert scores["step"] == 1 and scores["steps"] == 12 and 10 < scores["validation"]["psnr"] < 60
    (tmp_path / "one" / "back").rename(folder / "back")
    moved = folder.rename(tmp_path / "moved")

    script = ["sh", str(moved / "run.sh"), "--device", "cpu"]
    place = {"PYTHON": sys.executable, "OUT": str(tmp_path / "two"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(script, env=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Continuing after step 1." in done.stderr
    last = checkpoint.load(tmp_path / "two" / "checkpoint.safetensors")
    assert last.step == 12
    assert (tmp_path / "two" / "curve.png").exists() and (tmp_path / "two" / "log.jsonl").exists()
    again = subprocess.run(script, env=place, capture_output=True, text=True, check=False)
    assert again.returncode == 2 and "is complete: it has 12 steps" in again.stderr
    assert "Continuing" not in again.stderr


def test_initial_weights_travel(tmp_path, wheels):
    crops = write_crops(tmp_path)
    path = train(recipe(), crops, Run(tmp_path / "before", device="cpu"))
    folder = tmp_path / "bundle"
    bundles.write_bundle(replace(recipe(), start=str(path)), crops, folder, wheels=wheels)
    started = checkpoint.load(folder / "start.safetensors").best()
    for name, weight in checkpoint.load(path).best().items():
        torch.testing.assert_close(started[name].to(weight.dtype), weight, atol=1e-3, rtol=1e-3)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/log.jsonl").write_text("of a run that was killed before its first checkpoint")
    words = [str(folder), "--out", str(tmp_path / "out"), "--device", "cpu", "--set", "learning_rate=0", "--set"]
    assert travel.main([*words, "validation_steps=100"]) == 0
    assert (tmp_path / "out/log-1.jsonl").read_text() == "of a run that was killed before its first checkpoint"
    ended = checkpoint.load(tmp_path / "out" / "checkpoint.safetensors").part("weights/network")
    assert all(torch.equal(ended[name], started[name].float()) for name in ended if name.endswith("weight"))


def test_the_parts_hold_the_weights_and_not_the_momentum(tmp_path, monkeypatch):
    saved = checkpoint.load(train(recipe(), write_crops(tmp_path), Run(tmp_path / "run", device="cpu")))
    monkeypatch.setattr("refocal.learn.travel.parts.MAX_BYTES", 1500)
    paths = write_parts(saved, tmp_path / "back")
    assert len(paths) > 1
    found = read_parts(tmp_path / "back")
    assert (found.step, found.recipe.phases) == (12, saved.recipe.phases)
    assert found.tensors.keys() == {name for name in saved.tensors if not name.startswith("optimiser/")}
    for name, tensor in found.tensors.items():
        torch.testing.assert_close(tensor, saved.tensors[name], atol=1e-3, rtol=1e-3)
    paths[0].unlink()
    with pytest.raises(InputError, match=rf"Of the {len(paths)} parts of a checkpoint, .* holds {len(paths) - 1}"):
        read_parts(tmp_path / "back")
    assert read_parts(tmp_path) is None


def test_the_steps_fit_a_given_time(tmp_path, wheels, monkeypatch):
    folder = tmp_path / "bundle"
    long = replace(recipe(), phases=(Phase(40_000, 16, 4), Phase(10_000, 16, 4)))
    bundles.write_bundle(long, write_crops(tmp_path), folder, wheels=wheels)
    monkeypatch.setattr(travel, "TRIAL_MINUTES", 0.02)
    assert travel.main([str(folder), "--out", str(tmp_path / "out"), "--device", "cpu", "--fit", "0.02"]) == 0
    phases = checkpoint.load(tmp_path / "out" / "checkpoint.safetensors").recipe.phases
    assert 5 < phases[1].steps < 2000 and phases[0].steps == pytest.approx(4 * phases[1].steps, abs=4)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"most_mb": 1.0}, "don't fit into the bundle: allow a larger --most-mb"),
        ({"wheels": "none"}, "There is no wheel of array-api-compat in"),
        ({"recipe": Phase(8, 64, 4)}, r"needs crops of 64 px, these are 32 px"),
        ({"channels": 4}, "carries crops of sharp photos"),
    ],
)
def test_what_can_not_be_packed_is_refused_and_leaves_nothing(tmp_path, wheels, changes, sentence):
    crops = write_crops(tmp_path, channels=changes.get("channels", 3))
    chosen = replace(recipe(), phases=(changes["recipe"],)) if "recipe" in changes else recipe()
    given = tmp_path if changes.get("wheels") else wheels
    before = set(tmp_path.iterdir())
    with pytest.raises(InputError, match=sentence):
        bundles.write_bundle(chosen, crops, tmp_path / "bundle", changes.get("most_mb", 60.0), wheels=given)
    assert set(tmp_path.iterdir()) == before


def test_crops_are_left_out_evenly_until_the_rest_fits(tmp_path, wheels):
    pixels = block_pixels(300, 64)
    np.save(tmp_path / "crops.npy", pixels)
    bundles.write_bundle(recipe(), tmp_path / "crops.npy", tmp_path / "whole", wheels=wheels)
    whole = bundles.folder_bytes(tmp_path / "whole")
    taken = (tmp_path / "whole" / "crops.npz").stat().st_size
    most_mb = (whole - taken / 2) / 1e6
    kept, count, size_mb = bundles.write_bundle(
        recipe(), tmp_path / "crops.npy", tmp_path / "half", most_mb, wheels=wheels
    )
    assert count == 300 and 140 < kept < 151 and size_mb <= most_mb
    assert bundles.folder_bytes(tmp_path / "half") / 1e6 == pytest.approx(size_mb)


def test_the_verb_writes_the_folder_and_says_what_to_do(tmp_path, wheels, capsys):
    crops = write_crops(tmp_path, 24, 128)
    words = ["bundle", "default", "--data", str(crops), "--wheels", str(wheels), "-o", str(tmp_path / "b")]
    assert main([*words, "--phases.0.steps", "5"]) == 0
    assert "24 of 24 crops. There: sh run.sh --minutes 9" in capsys.readouterr().err
    assert json.loads((tmp_path / "b" / "recipe.json").read_text())["phases"][0]["steps"] == 5
    assert main(words) == 2
    assert "exists already: choose another folder for the bundle" in capsys.readouterr().err
    assert main(["bundle", "default"]) == 2
    assert "Give --data too" in capsys.readouterr().err
