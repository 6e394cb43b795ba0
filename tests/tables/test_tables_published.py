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


BY_LINE = [name for name in TABLES if name.startswith("sharpness_loss")]
SVBR_METHODS = {
    "Zhang 2016 [24]": "Zhang 2016 [24]",
    "[22] & [23]": "Krishnan-Fergus [22] + Levin [23]",
    "SVBR-Net GTB": "SVBR-Net GTB (trained on GT maps only)",
    "SVBR-Net": "SVBR-Net",
    "[8], blind; ours: default": "Ma et al. 2022 [8] (blind)",
    "MAE of the map": "blur map estimate",
}
SVBR_MAPS = {
    "none": "none",
    "given": "GT map",
    "dandres": "D'Andres 2016 [9]",
    "zhuo-sim": "Zhuo-Sim 2011 [10]",
    "ebdb": "Karaali-Jung 2018 EBDB [11]",
    "liu": "Liu 2020 [12]",
    "dmenet": "DMENet 2019 [13]",
}
SVBR_METRICS = {"ssim": "SSIM", "psnr": "PSNR", "map_mae": "map MAE"}


@pytest.mark.parametrize("data", ["kodak22", "dandres"])
def test_published_figures_of_methods_by_maps_are_the_paper_s(data, shared):
    rows = json.loads((shared / "dossier/paper_tables.json").read_text(encoding="utf-8"))["rows"]
    rows = [row for row in rows if row["paper"] == "svbr_net" and row["table"] == "1"]
    expected = {(row["method"], row["map"], row["metric"]): row["value"] for row in rows}
    found = {}
    for line in TABLES["svbr_net:1"].load()().lines:
        method, blur, of = line.label.split(" | ")
        assert blur == line.blur or line.method == "identity"
        if line.published and of == data == line.data:
            for column, figure in zip(line.columns, line.published, strict=True):
                if figure is not None:
                    found[SVBR_METHODS[method], SVBR_MAPS[blur], SVBR_METRICS[column]] = figure
    assert found == expected and len(expected) == 55


@pytest.mark.parametrize("name", BY_LINE)
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
    # A method that isn't here has a published figure, be it on another of the table's data sets.
    known = {line.label.split(" | ")[0] for line in table.lines if line.method or line.published}
    assert known == {label.split(" | ")[0] for label in labels}
    assert {line.data for line in table.lines} <= {"", *table.data, *table.more_data}
    for line in table.lines:
        columns = [column.name for column in table.columns if not line.columns or column.name in line.columns]
        assert len(line.published) in (0, len(columns)) and set(line.columns) <= set(columns)
    told = " ".join((*table.protocol, *table.notes))
    assert ("truncated" in told) == table.truncated and ("nothing rounded" in told) != table.truncated
    assert "11 × 11" in told or "7 × 7" in told
    assert "SqueezeNet" in told or all(column.metric != "lpips" for column in table.columns)


def test_numbers_of_iterations_are_told():
    """The two places where the paper's text and its pictures disagree."""
    lines = {line.label: line for line in TABLES["sharpness_loss:II"].load()().lines}
    assert lines["aL"].options == {"num_iter": 250} and lines["mRL"].options == {"num_iter": 250}
    assert lines["mLM"].options == {"num_iter": 100}
    assert any(
        "100 iterations, where the paper says 250" in note for note in TABLES["sharpness_loss:II"].load()().notes
    )
