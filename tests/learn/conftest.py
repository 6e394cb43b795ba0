"""Fixtures of the tests of ``refocal.learn``; this file makes ``learn_samples`` importable in the folders below."""

import importlib.util

import pytest

HAS_TORCH = importlib.util.find_spec("torch") is not None


@pytest.fixture(autouse=True)
def seeded_torch():
    """Every test starts from the same state of torch's global generator."""
    if HAS_TORCH:
        import torch

        torch.manual_seed(0)


@pytest.fixture(scope="session")
def crops_file(tmp_path_factory):
    """A file of 24 crops of 32 px."""
    from learn_samples import write_crops

    return write_crops(tmp_path_factory.mktemp("crops"))


@pytest.fixture
def toy(monkeypatch):
    """A task of two toy networks in the table, and its recipe with the given task options."""
    from learn_samples import tiny_recipe

    from refocal.catalog import Entry
    from refocal.learn.recipe import Phase
    from refocal.learn.tasks import TASKS

    monkeypatch.setitem(TASKS, "toy", Entry("toy_task:TOY", "a toy"))

    def make(**options):
        changes = {"network": "denoiser", "config": {}, "precision": "32-true", "ema": 0.9, "task_options": options}
        pairs = {"pairs": "noise", "pairs_options": {"noise_std": 0.1}}
        return tiny_recipe(task="toy", phases=(Phase(12, 16, 4),), validation_steps=100, **pairs, **changes)

    return make
