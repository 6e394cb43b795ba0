"""Choice of an estimator by name and number of views."""

import pytest

from refocal.catalog import Entry
from refocal.estimators import ESTIMATORS
from refocal.estimators.choose import DEFAULT_FOR_VIEWS, find_estimator
from refocal.estimators.focus import FocusMap
from refocal.estimators.network_map import NetworkMap
from refocal.estimators.zhuo_sim import ZhuoSim
from refocal.types import InputError
from samples import save_network


def difference(path):
    """A network with two views as its inputs: radius_px = left - right."""
    nodes = [("Sub", ["left", "right"], ["radius_px"])]
    return save_network(path, nodes, {}, ("left", "right"), "luma", "radius_px")


def test_an_estimator_is_found_only_for_the_number_of_views_that_it_takes(tmp_path, monkeypatch):
    file = difference(tmp_path / "a.onnx")
    for name in (DEFAULT_FOR_VIEWS, "bambnet"):
        line = Entry("refocal.estimators.network_map:NetworkMap", "left minus right", "views", "", {"weights": file})
        monkeypatch.setitem(ESTIMATORS, name, line)
    made = NetworkMap(file)
    assert find_estimator("default", 2) == find_estimator(file, 2) == find_estimator(made, 2) == made
    assert find_estimator("default", 1) == FocusMap()
    for one in ("zhuo-sim", ZhuoSim()):
        with pytest.raises(InputError, match=r"takes one photo, not two views.*of two: dual-pixel-learned, bambnet\.$"):
            find_estimator(one, 2)
    for two, name in ((DEFAULT_FOR_VIEWS, DEFAULT_FOR_VIEWS), (made, "NetworkMap"), (file, "a.onnx")):
        with pytest.raises(InputError, match=rf"{name} takes two views.*--left L --right R.*of one photo: default,"):
            find_estimator(two, 1)
    with pytest.raises(InputError, match="no estimator named 'zhuo'"):
        find_estimator("zhuo", 2)
