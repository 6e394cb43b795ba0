"""``refocal list`` names every entry of every table, in text and in JSON."""

import json

import numpy as np
import pytest

from refocal.cli import main
from refocal.datasets import DATASETS
from refocal.estimators import ESTIMATORS
from refocal.images.io import Photo, write
from refocal.learn.recipes import RECIPES
from refocal.methods import METHODS
from refocal.metrics import METRICS
from refocal.tables import TABLES

KINDS = {
    "methods": METHODS,
    "estimators": ESTIMATORS,
    "datasets": DATASETS,
    "metrics": METRICS,
    "recipes": RECIPES,
    "tables": TABLES,
}


@pytest.fixture
def root(tmp_path):
    """A data root with two of the Kodak photos, and a folder of DPDD without its photos."""
    for name in ("kodim01", "kodim02"):
        (tmp_path / "kodak24").mkdir(exist_ok=True)
        write(tmp_path / f"kodak24/{name}.png", Photo(np.zeros((16, 24, 3), np.uint8)))
    (tmp_path / "DPDD").mkdir()
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
def test_every_entry_has_a_line_and_a_record(kind, capsys):
    assert main(["list", kind]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[0] == "name" and [line.split()[0] for line in lines] == list(KINDS[kind])
    assert all(entry.about in line for entry, line in zip(KINDS[kind].values(), lines, strict=True))
    assert main(["list", kind, "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert [record["name"] for record in records] == list(KINDS[kind])
    assert [record["about"] for record in records] == [entry.about for entry in KINDS[kind].values()]


def test_methods_is_the_same_as_list_methods(capsys):
    for more in ([], ["--json"]):
        assert main(["methods", *more]) == main(["list", "methods", *more]) == 0
        text = capsys.readouterr().out
        assert text[: len(text) // 2] == text[len(text) // 2 :]


def test_what_a_network_was_made_for_is_listed(capsys):
    assert main(["list", "methods"]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("sharpness-unet "))
    assert line.endswith("luma under a mean of 5 x 5 pixels, not a lens's blur")


def test_data_sets_say_whether_they_are_found_and_where_to_get_them(root, capsys):
    assert main(["list", "datasets", "--data-root", str(root), "--json"]) == 0
    records = {record["name"]: record for record in json.loads(capsys.readouterr().out)}
    kodak, dpdd, realdof = (records[name] for name in ("kodak24", "dpdd", "realdof"))
    assert (kodak["folder"], kodak["images"], kodak["problem"]) == (str(root / "kodak24"), 2, "")
    assert (dpdd["folder"], dpdd["images"]) == (str(root / "DPDD"), None) and str(root / "DPDD") in dpdd["problem"]
    assert (realdof["folder"], realdof["images"], realdof["problem"]) == (None, None, "")
    assert realdof["source"] == DATASETS["realdof"].source and realdof["folders"] == ["RealDOF", "realdof"]
    assert main(["list", "datasets", "--data-root", str(root)]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "  2 images    https://r0k.us" in lines["kodak24"] and "  no " in lines["realdof"]
    assert "  incomplete  " in lines["dpdd"] and "  -  " in lines["folder"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "The following arguments are required: WHAT"),
        (["recipe"], "There is no list named 'recipe': did you mean 'recipes'?"),
        (["methods", "--data-root", "x"], "--data-root goes with refocal list datasets."),
    ],
)
def test_mistakes_are_one_sentence(words, sentence, capsys):
    assert main(["list", *words]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"refocal: {sentence}") and said.err.count("\n") == 1 and said.out == ""
