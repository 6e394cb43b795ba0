import argparse
import sys
from dataclasses import dataclass, fields, is_dataclass
from typing import Literal

import pytest

from refocal.catalog import Entry
from refocal.cli.flags import Parser, number, whole_number
from refocal.cli.method_flags import add_method, parse_with_method
from refocal.methods import METHODS
from refocal.types import InputError


@dataclass(frozen=True)
class AllTypes:
    """One field of every type.

    Attributes:
        size_px: A length, described
            on two lines (50 % of it).
        count: Number of items.
        name: A word.
        kind: One of two words.
        fast: A switch.
        limit: An optional number.
    """

    size_px: float = 1.5
    count: int = 3
    name: str = "x"
    kind: Literal["mild", "strong"] = "mild"
    fast: bool = False
    limit: float | None = None

    def __post_init__(self):
        if self.count < 0:
            raise ValueError("Give a count of at least 0.")


@pytest.fixture
def every(monkeypatch):
    """The class as the method "every"."""
    monkeypatch.setitem(METHODS, "every", Entry("test_flags:AllTypes", "a field of every type"))
    monkeypatch.setitem(sys.modules, "test_flags", sys.modules[__name__])


def parse(*words):
    parser = Parser("refocal deblur", "Restore photos.")
    parser.add_argument("inputs", nargs="*")
    add_method(parser, "default", prog=parser.prog)
    return parse_with_method(parser, list(words))


def test_fields_become_flags_of_the_same_type(every):
    words = ["--size-px", "2", "--count", "7", "--name=y", "--kind", "strong", "--fast", "--limit", "0.5"]
    values, name, method = parse("a.png", "--method", "every", *words, "b.png")
    assert name == "every"
    assert method == AllTypes(2.0, 7, "y", "strong", True, 0.5)
    assert values.inputs == ["a.png", "b.png"] and values.method == "every"
    assert parse("--method=every", "--no-fast")[2] == AllTypes()


def test_without_a_method_the_default_entry_is_used():
    assert parse("a.png")[2] == parse("--method", "default")[2] == METHODS["default"].make()
    assert parse("--bokeh", "restored")[2] == METHODS["default"].make({"bokeh": "restored"})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--method", "wienr"], "did you mean 'wiener'"),
        (
            ["--method", "every", "--width", "3"],
            "There is no flag --width: the options of every are --size-px, --count,",
        ),
        (["--method", "every", "--size", "3"], "There is no flag --size:"),  # abbreviations are refused
        (["--method", "identity", "--width=3"], "There is no flag --width: identity has no options"),
        (["--width", "3"], "There is no flag --width: the options of default are --weights, --threads"),
        (["--method", "every", "--size-px", "nan"], "nan is not a finite number"),
        (["--method", "every", "--size-px", "wide"], "invalid number value: 'wide'"),
        (["--method", "every", "--count", "1.5"], "invalid int value"),
        (["--method", "every", "--kind", "odd"], "invalid choice: 'odd'"),
        (["--method", "every", "--count", "-1"], r"^Give a count of at least 0\.$"),
        (["--method"], "expected one argument"),
    ],
)
def test_a_mistake_is_reported_in_one_sentence(every, words, message):
    with pytest.raises(InputError, match=message) as caught:
        parse(*words)
    assert "\n" not in str(caught.value) and str(caught.value).endswith((".", "?"))


def test_the_help_is_the_docstrings(every, capsys):
    with pytest.raises(SystemExit):
        parse("--method", "every", "--help")
    text = " ".join(capsys.readouterr().out.split())
    assert "options of every:" in text
    assert "--size-px X A length, described on two lines (50 % of it). [1.5]" in text


@pytest.mark.parametrize("name", METHODS)
def test_every_method_can_be_given_on_the_command_line(name, capsys):
    """Its fields have types that flags support and names that no other flag has, and are documented."""
    from refocal.cli import main

    assert main(["deblur", "--method", name, "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    cls = METHODS[name].load()
    for field in fields(cls) if is_dataclass(cls) else ():
        flag = "--" + field.name.replace("_", "-")
        assert (flag in text) == ("named" not in field.metadata)  # the name of the method decides some
        if flag not in text:
            continue
        assert f"\n    {field.name}: " in "\n".join(line[4:] for line in cls.__doc__.splitlines())


@pytest.mark.parametrize(
    ("read", "good", "bad"),
    [
        (number(), ["-1", "1e9"], ["inf", "nan", "-inf"]),
        (number(0, 1), ["0", "1", "0.5"], ["-0.1", "1.01", "nan"]),
        (number(0), ["0", "250"], ["-1", "inf"]),
        (number(0, above=True), ["0.001"], ["0", "-1"]),
        (whole_number(1), ["1", "99"], ["0", "-3"]),
    ],
)
def test_numbers_have_ranges(read, good, bad):
    assert [read(text) for text in good] == [float(text) for text in good]
    for text in bad:
        with pytest.raises(argparse.ArgumentTypeError, match=f"{text} is not a"):
            read(text)
