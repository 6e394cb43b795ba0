import argparse
import subprocess
import sys
from dataclasses import dataclass, fields, is_dataclass
from typing import Literal

import pytest

from refocal.catalog import Entry
from refocal.cli.flags import Parser, add_method, number, parse_with_method, whole_number
from refocal.methods import METHODS
from refocal.types import InputError


@dataclass(frozen=True)
class Every:
    """One of every kind.

    Attributes:
        size_px: A length, which may
            take two lines (50 % of it).
        count: How many.
        name: What.
        kind: Which.
        fast: Whether.
        limit: At most.
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
    monkeypatch.setitem(METHODS, "every", Entry("test_flags:Every", "every kind of field"))
    monkeypatch.setitem(sys.modules, "test_flags", sys.modules[__name__])


def parse(*words):
    parser = Parser("refocal deblur", "Restore photos.")
    parser.add_argument("inputs", nargs="*")
    add_method(parser, "default")
    return parse_with_method(parser, list(words))


def test_fields_become_flags_of_their_type(every):
    words = ["--size-px", "2", "--count", "7", "--name=y", "--kind", "strong", "--fast", "--limit", "0.5"]
    values, name, method = parse("a.png", "--method", "every", *words, "b.png")
    assert name == "every"
    assert method == Every(2.0, 7, "y", "strong", True, 0.5)
    assert values.inputs == ["a.png", "b.png"] and values.method == "every"
    assert parse("--method=every", "--no-fast")[2] == Every()


def test_without_a_method_the_default_line_makes_it():
    assert parse("a.png")[2] == parse("--method", "default")[2] == METHODS["default"].make()
    assert parse("--bokeh", "restored")[2] == METHODS["default"].make({"bokeh": "restored"})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--method", "wienr"], "did you mean 'wiener'"),
        (
            ["--method", "every", "--width", "3"],
            "There is no flag --width: the options of every are --size-px, --count,",
        ),
        (["--method", "every", "--size", "3"], "There is no flag --size:"),  # no guessing at beginnings
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
def test_mistakes_are_one_sentence(every, words, said):
    with pytest.raises(InputError, match=said) as caught:
        parse(*words)
    assert "\n" not in str(caught.value) and str(caught.value).endswith((".", "?"))


def test_help_tells_what_the_docstring_tells(every, capsys):
    with pytest.raises(SystemExit):
        parse("--method", "every", "--help")
    text = " ".join(capsys.readouterr().out.split())
    assert "options of every:" in text
    assert "--size-px X A length, which may take two lines (50 % of it). [1.5]" in text


@pytest.mark.parametrize("name", METHODS)
def test_every_method_can_be_given_on_the_command_line(name, capsys):
    """Its fields are of types that flags can hold, take no other flag's name, and are explained."""
    from refocal.cli import main

    assert main(["deblur", "--method", name, "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    cls = METHODS[name].load()
    for field in fields(cls) if is_dataclass(cls) else ():
        flag = "--" + field.name.replace("_", "-")
        assert flag in text
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


def test_start_imports_nothing_heavy():
    code = (
        "import sys; from refocal.cli import main; main(['methods']); main(['--help']);"
        "sys.exit(sorted({'numpy', 'scipy', 'PIL', 'rich', 'tifffile', 'importlib.metadata'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def environment():
    """This process's import path, for one started from here."""
    import os

    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
