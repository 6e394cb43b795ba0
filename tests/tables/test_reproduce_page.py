"""The figures on docs/reproduce.md are those of the committed cells."""

import csv
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REPRODUCED = ROOT / "benchmarks/reproduce"
PAGE = (ROOT / "docs/reproduce.md").read_text(encoding="utf-8")


def rows_below(heading, place=0):
    """Rows of the table at ``place`` below a heading, without its head."""
    section = re.split(r"^##", PAGE.partition(f"{heading}\n")[2], flags=re.MULTILINE)[0]
    lines = re.findall(r"(?:^\|.*\n)+", section, flags=re.MULTILINE)[place].splitlines()
    return lines[2:]


def test_table_ii_is_the_committed_page():
    committed = (REPRODUCED / "sharpness_loss-II.md").read_text(encoding="utf-8").splitlines()
    rows = rows_below("### sharpness_loss:II")
    assert len(rows) == 14 and set(rows) <= set(committed)


def test_iterative_methods_have_the_committed_means_and_pooled_errors():
    with (REPRODUCED / "sharpness_loss-II.csv").open(encoding="utf-8", newline="") as lines:
        cells = {(row["line"], row["column"]): row for row in csv.DictReader(lines)}
    own = {"aL, 250 iterations": "aL", "mLM, 100 iterations": "mLM", "mRL, 250 iterations": "mRL"}
    rows = rows_below("### sharpness_loss:II", 1)
    assert len(rows) == 6
    for name, mean, pooled, *rest in ([cell.strip() for cell in row.strip("|").split("|")] for row in rows):
        psnr, ssim = (cells[own.get(name, name), column] for column in ("psnr", "ssim"))
        assert (mean, pooled) == tuple(f"{float(psnr[part]):.3f}" for part in ("ours", "pooled")), name
        assert f"{float(ssim['ours']):.3f}" in rest, name


def test_table_1_of_defocusgan_is_the_committed_one():
    spec = importlib.util.spec_from_file_location("readme_tables", ROOT / "benchmarks/readme_tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    file = REPRODUCED / "learnable_blur_kernel_defocusgan-1.csv"
    committed = [
        re.sub(r" [¹²³](?= \|)", "", line) for line in module.on_sets(file, ("psnr", "ssim", "lpips")).splitlines()
    ]
    rows = rows_below("### learnable_blur_kernel_defocusgan:1 to :6")
    assert len(rows) == 6 and set(rows) <= set(committed)


@pytest.mark.parametrize(("scale", "below"), [(4, {}), (2, {"007": 0.01, "009": 0.12})])
def test_scenes_that_defocusgan_makes_worse_are_named(scale, below):
    with (REPRODUCED / "learnable_blur_kernel_defocusgan-1.csv").open(encoding="utf-8", newline="") as lines:
        psnr = {
            row["line"]: float(row["ours"]) for row in csv.DictReader(lines) if row["column"] == "psnr" and row["ours"]
        }
    start = f"Ours | pixel4_dp/{scale} | "
    scenes = [line.removeprefix(start) for line in psnr if line.startswith(start)]
    gains = {scene: psnr[start + scene] - psnr[f"blurred, as given | pixel4_dp/{scale} | {scene}"] for scene in scenes}
    assert len(scenes) == 8
    assert {scene: round(-gain, 2) for scene, gain in gains.items() if gain < 0} == below
