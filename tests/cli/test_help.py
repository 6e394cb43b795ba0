"""Help texts: examples that run, groups of flags, readable lines."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import samples
from refocal.cli import main
from refocal.cli.completion import parser_of
from refocal.cli.examples import EXAMPLES
from refocal.cli.verbs import VERBS
from refocal.images.io import Photo, from_float, write
from refocal.methods import METHODS

COMMANDS = [command for verb in EXAMPLES.values() for command, _ in verb]
QUICK = [
    command
    for command in dict.fromkeys(COMMANDS)
    if command.split()[0] in ("deblur", "map", "blur", "methods", "completion") or "evaluate" in command
]
GROUPED = ("deblur", "blur", "evaluate", "reproduce", "crops", "train", "bundle")


def words_of(command):
    """The words before a shell's redirection."""
    return shlex.split(command.partition(" > ")[0])


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """The files that the examples name."""
    monkeypatch.chdir(tmp_path)
    names = ("photo.jpg", "sharp.jpg", "left.png", "right.png", "photos/a.png", "pairs/sharp/a.png")
    for name in (*names, "pairs/blurred/a.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        write(name, Photo(from_float(samples.picture(3, 48, 64), np.uint8)))
    write("depth.png", Photo(np.full((48, 64, 1), 2000, np.uint16)))
    return tmp_path


def test_every_verb_has_three_examples():
    assert EXAMPLES.keys() == {"", *VERBS}
    assert all(len(examples) == 3 for examples in EXAMPLES.values())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_example_is_understood(command):
    words = words_of(command)
    parser = parser_of(words)
    assert parser.prog == f"refocal {words[0]}"
    if "--help" not in words:
        assert parser.parse_known_intermixed_args(words[1:])[1] == []  # no word is left over


@pytest.mark.parametrize("command", QUICK)
def test_examples_run(desk, command, capsys):
    if "lytro_pairs" in command:
        pytest.skip("needs a public data set")
    assert main(words_of(command)) == 0, capsys.readouterr().err
    if found := re.search(r"-o (\S+)", command):
        assert Path(found[1]).exists()


@pytest.mark.parametrize("columns", [60, 200])
@pytest.mark.parametrize("verb", ["", *VERBS])
def test_lines_of_the_help_fit(verb, columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main([*([verb] if verb else []), "--help"]) == 0
    text = capsys.readouterr().out
    lines = [line for line in text.splitlines() if len(line) > min(columns, 100)]
    assert all(len(line.split()) == 1 for line in lines)  # a single name that is longer
    assert len(lines) <= 1
    examples = text.partition("\nexamples:\n")[2].replace("\\\n", " ")
    listed = [" ".join(line.split()) for line in examples.splitlines() if line.startswith("  refocal ")]
    assert listed == [f"refocal {command}" for command, _ in EXAMPLES[verb]]


@pytest.mark.parametrize("verb", GROUPED)
def test_the_flags_of_a_verb_with_many_are_in_groups(verb, capsys):
    main([verb, "--help"])
    text = capsys.readouterr().out
    plain = text.partition("\noptions:\n")[2].partition("\n\n")[0]
    assert plain.split() == ["-h,", "--help", "show", "this", "help", "message", "and", "exit"]
    assert "positional arguments:" not in text


@pytest.mark.parametrize("name", METHODS)
def test_the_help_of_a_method_has_no_markup(name, capsys):
    main(["deblur", "--method", name, "--help"])
    text = capsys.readouterr().out
    assert "``" not in text and not re.search(r"\d\.\d{6}", text)


def test_the_overview_groups_the_verbs(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    headings = ["photo commands:", "measuring commands:", "training commands:", "examples:"]
    places = [text.index(f"\n{heading}\n") for heading in headings]
    assert places == sorted(places)
    photos, measuring, training, _ = (text[place:] for place in places)
    assert "\n  deblur  " in photos.partition("\n\n")[0] and "\n  evaluate  " in measuring.partition("\n\n")[0]
    assert "\n  train  " in training.partition("\n\n")[0]
