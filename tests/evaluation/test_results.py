import csv
import io
import json
import subprocess
import sys
from dataclasses import replace

import pytest
from rich.console import Console

from refocal.evaluation.results import COLUMNS, Row, append_rows, read_rows, to_table, to_text, write_rows
from refocal.types import InputError

ROW = Row(
    "wiener", "noise_std=0.01, x=[1]", "", "pixel4_dp/4", "float", "green", 16, "gain-offset", "estimated", "psnr",
    "", "", 26.629, 24.5, 28.75, 8, 1.25, "0.1.0", "abc1234", "2026-01-31",
)  # fmt: skip
SSIM = replace(ROW, metric="ssim", ssim_window="uniform7", value=0.75884)
PERFECT = replace(ROW, method="identity", value=float("inf"), highest=float("inf"))


@pytest.mark.parametrize("name", ["rows.csv", "rows.json"])
def test_rows_come_back_as_they_went(tmp_path, name):
    write_rows(tmp_path / name, [ROW, SSIM, PERFECT])
    assert read_rows(tmp_path / name) == [ROW, SSIM, PERFECT]
    append_rows(tmp_path / name, [SSIM])
    append_rows(tmp_path / f"new_{name}", [ROW])
    assert read_rows(tmp_path / name) == [ROW, SSIM, PERFECT, SSIM]
    assert read_rows(tmp_path / f"new_{name}") == [ROW]
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"new_{name}", name]


def test_files_are_plain_csv_and_strict_json(tmp_path):
    write_rows(tmp_path / "a.csv", [ROW])
    write_rows(tmp_path / "a.json", [PERFECT])
    with (tmp_path / "a.csv").open(newline="") as file:
        head, line = csv.reader(file)
    assert tuple(head) == COLUMNS and line[1] == "noise_std=0.01, x=[1]" and line[COLUMNS.index("value")] == "26.629"
    (record,) = json.loads((tmp_path / "a.json").read_text(), parse_constant=pytest.fail)
    assert record["value"] == "inf" and record["border_px"] == 16


def test_a_file_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "a.csv").write_text("method,score\nwiener,3\n")
    with pytest.raises(InputError, match="expected the columns method, options"):
        append_rows(tmp_path / "a.csv", [ROW])
    assert (tmp_path / "a.csv").read_text() == "method,score\nwiener,3\n"
    (tmp_path / "b.csv").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(InputError, match="expected the columns method, options"):
        append_rows(tmp_path / "b.csv", [ROW])
    with pytest.raises(InputError, match=r"not to 'a\.txt'"):
        write_rows(tmp_path / "a.txt", [ROW])


def test_metrics_of_one_run_share_a_line():
    lines = to_text([PERFECT, ROW, SSIM]).splitlines()
    assert lines[0].split() == ["method", "options", "data", "blur", "n", "psnr", "ssim", "s/MP"]
    assert lines[1].split() == ["identity", "noise_std=0.01,", "x=[1]", "pixel4_dp/4", "estimated", "8", "inf", "1.25"]
    assert lines[2].split()[-3:] == ["26.63", "0.7588", "1.25"]
    assert len(lines) == 3


def test_rich_shows_the_same_cells():
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(to_table([ROW, SSIM]))
    shown = console.export_text()
    assert all(cell in shown for cell in ("wiener", "x=[1]", "pixel4_dp/4", "26.63", "0.7588", "1.25"))


APPEND = """
import sys
from dataclasses import replace
from refocal.evaluation.results import append_rows, read_rows
(row,) = read_rows("one.csv")
for number in range(8):
    append_rows(sys.argv[1], [replace(row, method=sys.argv[2], n=number)])
"""


@pytest.mark.parametrize("name", ["rows.csv", "rows.json"])
def test_no_row_is_lost_when_several_processes_append(tmp_path, name):
    write_rows(tmp_path / "one.csv", [ROW])
    words = [sys.executable, "-c", APPEND, name]
    running = [subprocess.Popen([*words, f"m{number}"], cwd=tmp_path) for number in range(4)]
    assert [process.wait() for process in running] == [0] * 4
    found = [(row.method, row.n) for row in read_rows(tmp_path / name)]
    assert sorted(found) == [(f"m{number}", n) for number in range(4) for n in range(8)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.csv", name]


def test_names_command_no_terminal():
    assert r"a\x1b[31m\n" in to_text([replace(ROW, data="a\x1b[31m\n")])
