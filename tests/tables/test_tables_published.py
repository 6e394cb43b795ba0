"""Every figure that the papers print is in the tables, at its place."""

import json

import pytest

from refocal.metrics import METRICS
from refocal.tables import TABLES

COLUMNS = {"PSNR": "psnr", "SSIM": "ssim", "Q": "q", "LPIPS": "lpips", "time_s": "seconds"}


def label_of(row):
    """A line's label from how the list of published figures names it."""
    if row.get("variant", "").startswith("beta="):
        return row["variant"].removeprefix("beta=")
    return plain(row["method"])


def plain(label):
    return label.replace("w/o.", "w/o").replace("w.", "w").replace("(", "").replace(")", "")


@pytest.mark.parametrize("name", TABLES)
def test_published_figures_are_the_paper_s(name, shared):
    paper, _, number = name.partition(":")
    rows = json.loads((shared / "dossier/paper_tables.json").read_text(encoding="utf-8"))["rows"]
    expected = {
        (label_of(row), COLUMNS[row["metric"]]): row["value"]
        for row in rows
        if row["paper"] == paper and row["table"] == number
    }
    table = TABLES[name].load()()
    found = {
        (plain(line.label), column.name): figure
        for line in table.lines
        if line.published
        for column, figure in zip(table.columns, line.published, strict=True)
    }
    assert found == expected and len(expected) >= 20


@pytest.mark.parametrize("name", TABLES)
def test_tables_hang_together(name):
    table = TABLES[name].load()()
    assert table.name == name
    labels = [line.label for line in table.lines]
    assert len(set(labels)) == len(labels)
    assert all(column.metric in METRICS for column in table.columns if column.metric)
    assert all(line.method or line.published for line in table.lines)
    told = " ".join((*table.protocol, *table.notes))
    assert "truncated" in told and "SqueezeNet" in told and "11 × 11" in told


def test_numbers_of_iterations_are_told():
    """The two places where the paper's text and its pictures disagree."""
    lines = {line.label: line for line in TABLES["sharpness_loss:II"].load()().lines}
    assert lines["aL"].options == {"num_iter": 250} and lines["mRL"].options == {"num_iter": 250}
    assert lines["mLM"].options == {"num_iter": 100}
    assert any("100 iterations, where the paper says 250" in note for note in TABLES["sharpness_loss:II"].load()().notes)
