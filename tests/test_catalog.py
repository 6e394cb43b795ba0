import pytest

from refocal.catalog import Entry, find
from refocal.methods import METHODS
from refocal.methods.wiener import Wiener
from refocal.types import InputError


def test_options_of_the_line_override_the_class_and_those_of_the_caller_both():
    plain = Entry("refocal.methods.wiener:Wiener", "")
    line = Entry("refocal.methods.wiener:Wiener", "", options={"noise_to_signal": 0.5})
    assert plain.make() == Wiener()
    assert line.make() == Wiener(0.5)
    assert line.make({"noise_to_signal": 0.25}) == Wiener(0.25)


def test_find_names_the_nearest_or_all():
    assert find(METHODS, "wiener", "method") is METHODS["wiener"]
    with pytest.raises(InputError, match="no method named 'weiner': did you mean 'wiener'"):
        find(METHODS, "weiner", "method")
    with pytest.raises(InputError, match="choose one of: default, fast, classical, identity, "):
        find(METHODS, "zzz", "method")
