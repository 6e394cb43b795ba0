"""The figure of quality against cost: the selected rows and the placement of the names."""

from dataclasses import fields, replace
from xml.etree import ElementTree

import numpy as np
import pytest

from refocal.evaluation.results import Row
from refocal.methods import METHODS


def scored(method, value, date="2026-01-01", **more):
    empty = {field.name: "" for field in fields(Row)}
    return replace(Row(**empty), method=method, value=value, data="pixel4_dp/4", metric="psnr", date=date, **more)


def timed(method, megapixels, pace, gflop=""):
    figures = {"megapixels": megapixels, "seconds_per_megapixel": pace, "gflop_per_megapixel": gflop}
    return figures | {"method": method, "seconds": "1.000" if pace else "skipped", "cores": "2"}


def test_gain_of_the_newest_row_of_the_method_as_it_is_now(script):
    usual = f"noise_to_signal={METHODS['wiener'].make().noise_to_signal}"
    rows = [
        scored("identity", 26.5, blur="none"),
        scored("wiener", 27.25, "2026-01-02", blur="estimated:zhuo-sim", options=usual),
        scored("wiener", 25.0, "2026-01-01", blur="estimated:zhuo-sim", options=usual),
        scored("wiener", 31.0, "2026-01-03", blur="given", options=usual),
        scored("wiener", 32.0, "2026-01-03", blur="estimated:zhuo-sim", options="noise_to_signal=0.5"),
        replace(scored("wiener", 33.0, "2026-01-03", blur="estimated:zhuo-sim"), data="pixel4_dp"),
        replace(scored("wiener", 0.8, "2026-01-03", blur="estimated:zhuo-sim"), metric="ssim"),
        scored("unsharp-mask", 26.25, blur="none"),
        scored("gone", 40.0, blur="none"),
    ]
    assert script("quality_cost").gains(rows) == {"wiener": 0.75, "unsharp-mask": -0.25}
    assert script("quality_cost").gains(rows[1:]) == {}


def test_cost_at_two_megapixels_or_the_nearest_size(script):
    points = script("quality_cost").points
    rows = [
        timed("wiener", "0.5", "9"),
        timed("wiener", "2", "3"),
        timed("wiener", "24", "8"),
        timed("unsharp-mask", "0.5", "0.5"),
        timed("unsharp-mask", "6", "0.25"),
        timed("sharpness-unet", "1", "7", "216.4"),
        timed("sharpness-unet", "2", ""),
        timed("identity", "2", "0.1"),
    ]
    gained = {"wiener": 0.5, "unsharp-mask": -0.1, "sharpness-unet-beta-0": 0.25, "levin-sparse": 1.0}
    found = {point.name: (point.kind, point.seconds, point.gain, point.gflop) for point in points(rows, gained)}
    assert found == {
        "wiener": ("classical", 3.0, 0.5, 0.0),
        "unsharp-mask": ("classical", 0.25, -0.1, 0.0),
        "sharpness-unet-beta-0": ("network of a paper", 7.0, 0.25, 216.4),  # the cost of a network of the same shape
    }


def test_names_are_apart(script):
    """A crowd as in the figure: no name covers a mark, another name or the legend, or leaves the figure."""
    rng = np.random.default_rng(3)
    marks = np.c_[rng.uniform(250, 400, 14), rng.uniform(100, 200, 14), rng.choice([3.0, 12.0], 14)]
    sizes = np.c_[rng.uniform(30, 90, 14), rng.choice([11.0, 22.0], 14)]
    fixed, bounds = np.array([[10.0, 250, 200, 310]]), np.array([0.0, 0, 540, 320])
    boxes, ends = script("names_apart").apart(marks, sizes, fixed, bounds)
    assert np.allclose(boxes[:, 2:] - boxes[:, :2], sizes)
    assert (boxes[:, :2] >= bounds[:2]).all() and (boxes[:, 2:] <= bounds[2:]).all()
    squares = np.c_[marks[:, :2] - marks[:, 2:], marks[:, :2] + marks[:, 2:]]
    everything = np.concatenate([boxes, squares, fixed])
    for place, box in enumerate(boxes):
        rest = np.delete(everything, place, axis=0)
        assert not ((box[:2] < rest[:, 2:]) & (box[2:] > rest[:, :2])).all(1).any()
        if not np.array_equal(ends[place], marks[place, :2]):  # a line that ends at the name
            assert np.allclose(np.clip(ends[place], box[:2], box[2:]), ends[place])


def test_a_single_name_is_placed_to_the_right(script):
    boxes, ends = script("names_apart").apart(
        np.array([[50.0, 50, 4]]), np.array([[30.0, 10]]), np.empty((0, 4)), np.array([0.0, 0, 200, 100])
    )
    assert boxes.tolist() == [[56.0, 45.0, 86.0, 55.0]] and ends.tolist() == [[50.0, 50.0]]


def test_the_figure_is_small_and_reproducible(script, tmp_path):
    pytest.importorskip("matplotlib")
    module = script("quality_cost")
    shown = [
        module.Point("default", "ours", 1.7, 2.1, 137),
        module.Point("fast", "ours", 0.5, 1.5, 62),
        module.Point("svbr-net", "network of a paper", 2.6, 0.82, 234),
        module.Point("wiener", "classical", 2.1, 0.7, 0),
    ]
    for name in ("a.svg", "b.svg", "c.png"):
        module.paint(shown, "2", tmp_path / name)
    text = (tmp_path / "a.svg").read_bytes()
    assert text == (tmp_path / "b.svg").read_bytes() and len(text) < 60_000
    svg = "{http://www.w3.org/2000/svg}"
    words = " ".join("".join(each.itertext()).strip() for each in ElementTree.fromstring(text).iter(f"{svg}text"))
    for name in ("default", "137 GFLOP/MP", "fast", "62 GFLOP/MP", "svbr-net", "wiener", "on 2 cores", "ours"):
        assert name in words
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
