"""Every figure that the papers print is in the tables, at its place."""

import json

import pytest

from refocal.methods import METHODS
from refocal.metrics import METRICS
from refocal.tables import TABLES
from refocal.tables.runnable import loss_of, make_runnable
from refocal.weights import MIXED

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
    for line in TABLES["svbr_net:1"].make().lines:
        method, blur = line.row, line.blur_head or line.blur
        assert line.label == f"{method} | {blur} | {line.data}"
        if line.published and data == line.data:
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
    table = TABLES[name].make()
    found = {
        (plain(line.label), column.name): figure
        for line in table.lines
        if line.published
        for column, figure in zip(table.columns, line.published, strict=True)
    }
    assert found == expected and len(expected) >= 20


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_consistent(name):
    table = TABLES[name].make()
    assert table.name == name
    labels = [line.label for line in table.lines]
    assert len(set(labels)) == len(labels)
    assert all(column.metric in METRICS for column in table.columns if column.metric)
    # A method that isn't here has a published figure, be it on another of the table's data sets.
    known = {line.row or line.label for line in table.lines if line.method or line.published}
    assert known == {line.row or line.label for line in table.lines}
    assert {line.data for line in table.lines} <= {"", *table.data, *table.more_data}
    for line in table.lines:
        columns = [column.name for column in table.columns if not line.columns or column.name in line.columns]
        assert len(line.published) in (0, len(columns)) and set(line.columns) <= set(columns)
    text = " ".join((*table.protocol, *table.notes))
    assert ("truncated" in text) == table.truncated and ("nothing rounded" in text) != table.truncated
    assert "11 × 11" in text or "7 × 7" in text
    assert "SqueezeNet" in text or all(column.metric != "lpips" for column in table.columns)


def test_numbers_of_iterations_are_stated():
    """The two places where the paper's text and its pictures disagree."""
    lines = {line.label: line for line in TABLES["sharpness_loss:II"].make().lines}
    assert lines["aL"].options == {"num_iter": 250} and lines["mRL"].options == {"num_iter": 250}
    assert lines["mLM"].options == {"num_iter": 100}
    assert any("100 iterations, where the paper says 250" in note for note in TABLES["sharpness_loss:II"].make().notes)


def rows_with_a_loss():
    """Every line that names the loss of its weights, as parameters named after it."""
    tables = {name: TABLES[name].make() for name in TABLES}
    lines = [(table, line) for table in tables.values() for line in table.lines if line.loss]
    return [pytest.param(table, line, id=f"{table.name}-{line.label}") for table, line in lines]


@pytest.mark.parametrize(("table", "line"), rows_with_a_loss())
def test_a_row_runs_only_weights_that_were_trained_with_the_loss_it_names(table, line):
    """The recipe inside the weights has exactly these terms; else the row says that it isn't trained."""
    runnable = make_runnable(line, table.max_radius_px)
    if isinstance(runnable, str):
        assert runnable == "not trained"
        return
    method = METHODS[line.method].make(line.options)
    assert method.network.name not in MIXED
    trained = loss_of(json.loads(method.network.recipe))
    assert trained.keys() == line.loss.keys()
    assert all(weight is None or trained[name] == weight for name, weight in line.loss.items())


def test_which_rows_are_trained():
    """Shipped: L1 and the sharpness loss at two weights. DefocusGAN's files are a mix, and L1 without Lp."""
    trained = {
        (table.name, line.row or line.label)
        for table, line in (param.values for param in rows_with_a_loss())
        if not isinstance(make_runnable(line, table.max_radius_px), str)
    }
    assert trained == {
        *(("sharpness_loss:I", beta) for beta in ("0", "0.01", "0.1")),
        *(("sharpness_loss:II", row) for row in ("Ours (w/o. FT)", "Ours (w. FT)")),
        *(("sharpness_loss:III", f"Ours ({ft} FT){level}") for ft in ("w/o", "w.") for level in LEVELS),
        ("learnable_blur_kernel_defocusgan:1", "Ours, L1 only"),
    }


LEVELS = ("", ", medium blur", ", high blur")


@pytest.mark.parametrize(
    ("recipe", "loss"),
    [
        ({"task": "restore", "loss": [{"loss": "l1", "weight": 1.0}]}, {"l1": 1.0}),
        (
            {"task": "restore", "loss": [{"loss": "l1", "weight": 1.0}, {"loss": "sharpness", "weight": 0.0}]},
            {"l1": 1.0},
        ),
        ({"task": "restore-adversarial"}, {"l1": 1.0, "perceptual": None, "adversarial": None}),
        ({"task": "restore-adversarial", "task_options": {"critics": [], "perceptual_weight": 0.0}}, {"l1": 1.0}),
        (
            {"task": "restore-adversarial", "task_options": {"critics": [], "perceptual_weight": 0.5}},
            {"l1": 1.0, "perceptual": 0.5},
        ),
    ],
)
def test_the_loss_of_a_recipe(recipe, loss):
    assert loss_of(recipe) == loss


def test_the_adversarial_task_has_its_terms_by_default():
    """``loss_of`` counts a term whose weight a recipe leaves at its default."""
    pytest.importorskip("torch")
    from refocal.learn.tasks.restore_adversarial import Options

    assert Options().critics and Options().adversarial_weight > 0 and Options().perceptual_weight > 0
