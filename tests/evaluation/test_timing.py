"""The time of an image holds neither the start-up of a method nor the making of an estimator."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from refocal.catalog import Entry
from refocal.datasets import Pair, Protocol
from refocal.estimators import ESTIMATORS
from refocal.evaluation import warm_up, workers
from refocal.evaluation.evaluate import evaluate_images
from refocal.optics.blur import BlurMap, Psf
from refocal.types import Tiling
from samples import InMemory, picture

CLOCK = SimpleNamespace(now=0.0, loaded=False, made=0)


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    CLOCK.now, CLOCK.loaded, CLOCK.made = 0.0, False, 0
    monkeypatch.setattr(workers, "time", SimpleNamespace(perf_counter=lambda: CLOCK.now))


@dataclass(frozen=True)
class Loads:
    """Takes 100 s to load, and 2 s per megapixel."""

    needs = "blur"

    def tiling(self, half_px):
        return Tiling(half_px)

    def __call__(self, image, blur=None):
        CLOCK.now += 2e-6 * image[0].size + (0 if CLOCK.loaded else 100)
        CLOCK.loaded = True
        return image


@dataclass(frozen=True)
class Made:
    """An estimator that counts how often it is made."""

    def __post_init__(self):
        CLOCK.made += 1

    def __call__(self, image):
        return BlurMap(np.full(image.shape[1:], 1.0, np.float32))


def pairs(**extras):
    images = [picture(1, 40, 52, seed=seed) for seed in range(3)]
    return InMemory([Pair(image, image, str(i), extras) for i, image in enumerate(images)], Protocol("memory", ""))


@pytest.mark.parametrize("limit", [1, 3])
def test_loading_is_not_in_the_time_of_an_image(limit):
    data = pairs(blur=Psf(np.ones((1, 1))))
    found = evaluate_images(Loads(), data, ("mae",), blur="given", limit=limit)
    assert found.seconds_per_megapixel == pytest.approx([2.0] * limit)
    assert found.rows[0].seconds_per_megapixel == pytest.approx(2.0)


def test_a_plain_function_is_called_once_per_image():
    seen = []
    evaluate_images(lambda image, blur: seen.append(image.shape) or image, pairs(), ("mae",))
    assert seen == [(1, 40, 52)] * 3


@pytest.mark.parametrize("name", ["counted", "default"])
def test_an_estimator_is_made_once(name, monkeypatch):
    monkeypatch.setitem(ESTIMATORS, name, Entry(f"{__name__}:Made", "of this test"))
    evaluate_images(Loads(), pairs(), ("mae",), blur=None if name == "default" else name)
    assert CLOCK.made == 1


def test_the_corner_of_a_pair_has_the_corner_of_its_views_and_of_its_map():
    radius_px, views = (
        picture(40, 52, seed=7),
        {"left": picture(1, 40, 52, seed=8), "right": picture(1, 40, 52, seed=9)},
    )
    image = picture(1, 40, 52)
    corner = warm_up.corner_of(Pair(image, image, "a", {"blur": BlurMap(radius_px), **views, "mask": radius_px}), 32)
    np.testing.assert_array_equal(corner.blurred, image[:, :32, :32])
    np.testing.assert_array_equal(corner.extras["blur"].radius_px, radius_px[:32, :32])
    np.testing.assert_array_equal(corner.extras["left"], views["left"][:, :32, :32])
    np.testing.assert_array_equal(corner.extras["right"], views["right"][:, :32, :32])
    psf = Psf(np.ones((1, 1)))
    assert warm_up.corner_of(Pair(image, None, "a", {"blur": psf}), 32).extras["blur"] is psf
