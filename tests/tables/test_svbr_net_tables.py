"""The page of methods by maps, on the paper's own figures and on changed ones."""

from dataclasses import replace

import pytest

from refocal.tables import TABLES
from refocal.tables.by_map import by_map
from refocal.tables.cells import cells
from refocal.tables.measure import Measured
from refocal.tables.page import page
from refocal.tables.svbr_net import MAPS, SVBR

TABLE = TABLES["svbr_net:1"].make()


def measured_as_published(data="kodak22", n=22):
    """Cells in which our figures are the paper's."""
    lines = [line for line in TABLE.lines if line.published and line.data == data]
    measured = []
    for line in lines:
        of_line = zip(line.columns, line.published, strict=True)
        values = {column: (figure,) * n for column, figure in of_line if figure is not None}
        measured.append(Measured(line, "not run", values, 22))
    return cells(TABLE, measured)


def changed(found, line, column, ours):
    return [replace(cell, ours=ours) if (cell.line.label, cell.column) == (line, column) else cell for cell in found]


def claims(found):
    """The sentences about the paper's claims, under the grid of kodak22."""
    ((_, _, sentences), _) = by_map(TABLE, found)
    return [sentence.removeprefix("- ") for sentence in sentences.splitlines()]


def test_the_paper_s_figures_support_its_claims():
    said = claims(measured_as_published())
    assert "0.21 dB (Zhuo & Sim [10], 5 of 5 estimators); published 0.21 dB. **Holds.**" in said[0]
    assert "4.22 dB (Zhuo & Sim [10], 5 of 5 estimators); published 4.22 dB. **Holds.**" in said[1]
    assert "at least 0.894 (Zhuo & Sim [10]) against at most 0.865 ([22] & [23] with Liu [12])" in said[2]
    assert said[2].endswith("published 0.894 against 0.865. **Holds.**")


@pytest.mark.parametrize(
    ("line", "column", "ours", "broken"),
    [
        ("SVBR-Net | ebdb | kodak22", "psnr", 26.31, 0),  # 0.31 dB below the true map
        ("SVBR-Net GTB | zhuo-sim | kodak22", "psnr", 26.0, None),  # others still lose more
        ("SVBR-Net GTB | given | kodak22", "psnr", 24.2, 1),
        ("[22] & [23] | ebdb | kodak22", "ssim", 0.895, 2),
        ("[22] & [23] | given | kodak22", "ssim", 0.99, None),  # with the true map it may be better
    ],
)
def test_other_figures_break_the_claim_that_is_about_them(line, column, ours, broken):
    said = claims(changed(measured_as_published(), line, column, ours))
    assert [place for place, sentence in enumerate(said) if "**Doesn't hold.**" in sentence] == (
        [] if broken is None else [broken]
    )


def test_estimators_beyond_the_paper_are_named_apart():
    extra = next(line for line in TABLE.lines if line.label == "SVBR-Net | jnb | kodak22")
    found = measured_as_published() + cells(TABLE, [Measured(extra, "not run", {"psnr": (25.62,) * 22}, 22)])
    said = claims(found)[0]
    assert "0.21 dB" in said and said.endswith(
        "**Holds.** With the map of JNB, which isn't in the paper, it loses 1.00 dB."
    )


def test_what_isn_t_measured_supports_no_claim():
    said = claims([cell for cell in measured_as_published() if "SVBR" not in cell.row])
    assert all("not measured" in sentence for sentence in said)


def test_each_cell_is_in_its_place():
    ((_, text, _), _) = by_map(TABLE, measured_as_published())
    lines = [line.strip("| ").split(" | ") for line in text.splitlines()]
    heads = lines[0]
    assert heads[2:] == ["no map", *MAPS.values(), "worst − GT"]
    rows = [dict(zip(heads, [cell.strip() for cell in line], strict=False)) for line in lines[2:]]
    place = next(number for number, row in enumerate(rows) if row["method"] == SVBR)
    assert rows[place]["EBDB [11]"] == "0.898 / 0.898" and rows[place]["worst − GT"] == "-0.008 / -0.008"
    assert "|  | PSNR (dB) |  | 26.62 / 26.62 | 26.59 / 26.59 | 26.41 / 26.41 | 26.52 / 26.52 |" in text
    assert "| MAE of the map | px |  |  | 0.197 / 0.197 | 0.589 / 0.589 | 0.378 / 0.378 |" in text
    assert "| [8], blind; ours: default | SSIM | 0.855 / 0.855 |" in text


def test_a_part_of_the_pictures_shows_no_claim():
    (said,) = claims(measured_as_published(n=21))
    assert said == "Measured on a part of the pictures, so nothing is said of the paper's claims."
    assert "Holds" not in page(TABLE, measured_as_published(n=21), [])


def test_photos_without_truth_get_q_and_a_sentence():
    names = ("blurred, as given | none | dandres", "SVBR-Net | zhuo-sim | dandres", "SVBR-Net | ebdb | dandres")
    lines = [line for line in TABLE.lines if line.label in names]
    real = cells(TABLE, [Measured(line, "not run", {"q": (0.1 + place,)}, 3) for place, line in enumerate(lines)])
    text = page(TABLE, measured_as_published(n=2) + real, ["Something was left out."])
    before, _, after = text.partition("## `dandres`, 1 of 3 pictures")
    assert "## `kodak22`, 2 of 22 pictures" in before and "There are no sharp versions" in after
    assert "| method | measure | no map | Zhuo & Sim [10] | EBDB [11] |\n" in after
    assert "| SVBR-Net | Q |  | 1.100 | 2.100 |\n" in after
    assert "- Something was left out.\n" in after and after.count("Holds") == 0
