"""Learned kernels in a file: normalised, with initial rings where there was nothing to learn; and the shipped file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from learn_samples import tiny_recipe, write_crops

import refocal.weights
from refocal.files.whole import Exists
from refocal.learn.export.kernel_file import export_kernels, finished_kernels, trained_radius
from refocal.learn.recipe import Phase
from refocal.learn.recipes.learnable_blur_kernel_defocusgan import MAP, RECIPES
from refocal.learn.train import Run, train
from refocal.learn.training import checkpoint
from refocal.optics.kernels import butterworth_ring
from refocal.types import InputError

SHIPPED = Path(refocal.weights.__file__).parent / "dual-pixel-kernels.npz"
SIDES = ("front", "behind")


def test_shipped_kernels_sum_to_one_and_only_those_up_to_9_px_were_trained():
    with np.load(SHIPPED) as kernels:
        assert set(kernels.files) == {f"{side}-{radius}" for side in SIDES for radius in range(25)}
        for side in SIDES:
            for radius in range(25):
                kernel, ring = kernels[f"{side}-{radius}"], butterworth_ring(radius).astype(np.float32)
                assert kernel.shape == ring.shape
                assert kernel.sum(dtype=np.float64) == pytest.approx(1, abs=1e-6)
                if radius > 9:
                    assert np.array_equal(kernel, ring)
                elif radius > 0:  # a single pixel has no freedom left
                    assert np.abs(kernel - ring).max() > 1e-3


def test_trained_kernels_are_normalised_and_the_others_initial():
    trained = [3 * butterworth_ring(radius) for radius in range(5)]
    trained[2] = trained[2] + 0.1
    finished = finished_kernels(trained, "learned", 2)
    for radius in (0, 1, 3, 4):
        np.testing.assert_allclose(finished[radius], butterworth_ring(radius), atol=1e-7)
    np.testing.assert_allclose(finished[2], trained[2] / trained[2].sum(), atol=1e-7)
    with pytest.raises(InputError, match="kernel of radius 1 px sums to 0"):
        finished_kernels([np.ones((1, 1)), np.zeros((3, 3))], "learned", 2)


def test_the_trained_radius_is_the_largest_of_all_phases():
    assert trained_radius(RECIPES["dual-pixel-map-short"]) == 9
    assert trained_radius(MAP) == 24
    phases = (Phase(1, 32, 1, {"max_radius_px": 2.5}), Phase(1, 32, 1, {"max_radius_px": 1.0}))
    assert trained_radius(replace(MAP, phases=phases)) == 3  # its kernel has a weight from 2 px on


def test_a_trained_checkpoint_is_exported(tmp_path):
    recipe = replace(
        MAP,
        config={"branches": (1, 4)},
        pairs_options={"max_radius_px": 3.0, "kernels": "first"},
        phases=(Phase(2, 32, 1),),
        task_options={"turn_steps": 10},
        learning_rate=1e-2,
        validation_steps=2,
        validation_crops=1,
    )
    train(recipe, write_crops(tmp_path), Run(tmp_path / "run", device="cpu"))
    path = tmp_path / "run" / "checkpoint.safetensors"
    learned = checkpoint.load(path).part("weights/kernels")
    assert export_kernels(path, tmp_path / "kernels.npz") == 50
    with np.load(tmp_path / "kernels.npz") as kernels:
        for radius in (0, 2, 3):
            expected = learned[f"front.{radius}"].double().numpy()
            np.testing.assert_allclose(kernels[f"front-{radius}"], expected / expected.sum(), rtol=1e-6)
        assert np.abs(kernels["front-2"] - butterworth_ring(2)).max() > 1e-3
        assert np.array_equal(kernels["behind-24"], butterworth_ring(24).astype(np.float32))
    before = (tmp_path / "kernels.npz").read_bytes()
    with pytest.raises(Exists, match="exists already"):
        export_kernels(path, tmp_path / "kernels.npz")
    assert (tmp_path / "kernels.npz").read_bytes() == before
    assert export_kernels(path, tmp_path / "kernels.npz", overwrite=True) == 50


def test_another_checkpoint_has_no_kernels(tmp_path):
    recipe = tiny_recipe(phases=(Phase(1, 16, 1),), validation_steps=1)
    path = train(recipe, write_crops(tmp_path), Run(tmp_path / "run", device="cpu"))
    with pytest.raises(InputError, match="holds no blur kernels"):
        export_kernels(path, tmp_path / "kernels.npz")
    assert not list(tmp_path.glob("*.npz"))
