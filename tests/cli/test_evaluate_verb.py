"""``refocal evaluate``: several methods and sets, rows per picture, saved and finished results."""

import csv
from pathlib import Path

import numpy as np
import pytest

from refocal.cli import main
from refocal.evaluation.results import read_rows
from refocal.images.io import Photo, read, write

BOTH = ["--data", "near", "--data", "deep"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Two sets of two pairs, ``near`` with 8 bits and ``deep`` with 16."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    for name, dtype in (("near", np.uint8), ("deep", np.uint16)):
        top = np.iinfo(dtype).max
        for picture in ("a", "b"):
            sharp = np.kron(rng.integers(0, top, (5, 7, 3)), np.ones((8, 8, 1)))
            noisy = np.clip(sharp + rng.normal(0, 0.03 * top, sharp.shape), 0, top)
            for kind, pixels in (("sharp", sharp), ("blurred", noisy)):
                Path(name, kind).mkdir(parents=True, exist_ok=True)
                write(f"{name}/{kind}/{picture}.png", Photo(pixels.astype(dtype)))
    return tmp_path


def lines(path):
    return list(csv.DictReader(Path(path).read_text().splitlines()))


def psnr_of(restored, sharp):
    pixels = [read(path).pixels for path in (restored, sharp)]
    first, second = (image.astype(float) / np.iinfo(image.dtype).max for image in pixels)
    return -10 * np.log10(np.mean((first - second) ** 2))


def test_every_method_is_measured_on_every_set(here, capsys):
    words = ["evaluate", "--method", "identity,unsharp-mask", *BOTH, "--metrics", "psnr", "--csv", "r.csv"]
    assert main(words) == 0
    said = capsys.readouterr()
    rows = read_rows("r.csv")
    assert [(row.method, row.data) for row in rows] == [
        ("identity", "near"),
        ("identity", "deep"),
        ("unsharp-mask", "near"),
        ("unsharp-mask", "deep"),
    ]
    expected = np.mean([psnr_of(f"deep/blurred/{name}.png", f"deep/sharp/{name}.png") for name in "ab"])
    assert rows[1].value == pytest.approx(expected, abs=1e-3) and rows[1].depth == "16-bit"
    assert len(said.out.splitlines()) == 5 and "identity on deep:\n[1/2] a\n[2/2] b\n" in said.err
    again = ["evaluate", "--method", "identity", "--method", "unsharp-mask,identity", "--data", "near", "--metrics"]
    assert main([*again, "psnr", "--csv", "r.csv"]) == 0
    assert [row.method for row in read_rows("r.csv")[4:]] == ["identity", "unsharp-mask"]


def test_rows_per_picture_carry_the_stamps_of_the_rows(here):
    words = ["evaluate", "--method", "sharpness-unet", "--data", "near", "--csv", "r.csv", "--per-picture", "p.csv"]
    assert main(words) == 0
    rows = {row["metric"]: row for row in lines("r.csv")}
    pictures = lines("p.csv")
    assert [(row["picture"], row["metric"]) for row in pictures] == [
        ("a", "psnr"),
        ("a", "ssim"),
        ("b", "psnr"),
        ("b", "ssim"),
    ]
    own = {"picture", "value", "seconds_per_megapixel"}
    for row in pictures:
        whole = rows[row["metric"]]
        assert {name: whole[name] for name in row if name not in own} == {n: row[n] for n in row if n not in own}
    assert len(rows["psnr"]["weights_sha256"]) == 64
    for metric, row in rows.items():
        values = [float(one["value"]) for one in pictures if one["metric"] == metric]
        assert (np.mean(values), min(values), max(values)) == pytest.approx(
            tuple(float(row[name]) for name in ("value", "lowest", "highest"))
        )
    assert main(words) == 0  # rows are appended
    assert len(lines("p.csv")) == 8


def test_saved_results_have_the_depth_of_the_set_and_score_the_same_later(here):
    words = ["--metrics", "psnr", *BOTH]
    assert main(["evaluate", "--method", "unsharp-mask", *words, "--save", "out/saved", "--csv", "r.csv"]) == 0
    saved = sorted(str(path.relative_to("out/saved")) for path in Path("out/saved").rglob("*.png"))
    assert saved == [f"unsharp-mask/{data}/{name}.png" for data in ("deep", "near") for name in "ab"]
    assert read("out/saved/unsharp-mask/near/a.png").pixels.dtype == np.uint8
    assert read("out/saved/unsharp-mask/deep/a.png").pixels.dtype == np.uint16
    assert main(["evaluate", "--results", "out/saved/unsharp-mask", *words, "--csv", "r.csv"]) == 0
    rows = read_rows("r.csv")
    for row, data in zip(rows[2:], ("near", "deep"), strict=True):
        found = [psnr_of(f"out/saved/unsharp-mask/{data}/{name}.png", f"{data}/sharp/{name}.png") for name in "ab"]
        assert row.value == pytest.approx(np.mean(found), abs=1e-3)
        assert (row.method, row.data, row.n) == ("results:out/saved/unsharp-mask", data, 2)
        assert np.isnan(row.seconds_per_megapixel) and row.options == "" and row.blur == "none"
    assert rows[3].value == pytest.approx(rows[1].value, abs=1e-3)


def test_saved_results_are_replaced_only_when_asked(here, capsys):
    words = ["evaluate", "--method", "identity", "--data", "near", "--save", "out"]
    assert main(words) == 0
    Path("out/identity/near/a.png").write_bytes(b"mine")
    assert main(words) == 2
    assert "out/identity/near holds files already" in capsys.readouterr().err
    assert Path("out/identity/near/a.png").read_bytes() == b"mine"
    assert main([*words, "--overwrite"]) == 0
    np.testing.assert_array_equal(read("out/identity/near/a.png").pixels, read("near/blurred/a.png").pixels)


def test_what_is_measured_stays_when_a_later_set_fails(here, capsys):
    """The first set's rows are written although the second has no results."""
    Path("done").mkdir()
    for name in "ab":
        Path(f"done/{name}.png").write_bytes(Path(f"near/sharp/{name}.png").read_bytes())
    Path("done/deep").mkdir()
    assert main(["evaluate", "--results", "done", *BOTH, "--metrics", "mae", "--csv", "r.csv"]) == 2
    assert "done/deep has no a.png: one result is expected for the image 'a'." in capsys.readouterr().err
    assert [(row.data, row.value) for row in read_rows("r.csv")] == [("near", 0.0)]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--data", "near"], "Name a method with --method, or a folder of finished results with --results."),
        (["--method", "identity,winer", "--data", "near"], "There is no method named 'winer': did you mean 'wiener'?"),
        (
            ["--method", "unsharp-mask,wiener", "--amount", "1", "--data", "near"],
            "There is no flag --amount: the options of a method are flags where one method is named",
        ),
        (["--method", "identity", "--results", "near", "--data", "near"], "Give --results or --method, not both"),
        (["--results", "near", "--save", "out", "--data", "near"], "Give --results or --save, not both"),
        (["--results", "none", "--data", "near"], "There is no folder of results none."),
        (["--method", "identity", "--data", "near", "--data", "other"], "There is no data set or folder named 'other'"),
        (["--method", "identity", "--data", "near", "--data", "copy/near", "--save", "out"], "Two of the data sets"),
        (["--method", "identity", "--data", "near", "--save", "near/sharp/a.png"], "near/sharp/a.png can't be written"),
        (["--method", "identity", "--data", "near", "--per-picture", "p.txt"], "give a name that ends in .csv"),
        (["--method", "identity", "--data", "near", "--per-picture", "rows.csv"], "rows.csv doesn't hold rows"),
        (["--method", "identity", "--data", "near", "--per-picture", "x.csv", "--csv", "./x.csv"], "x.csv can't hold"),
    ],
)
def test_mistakes_are_one_sentence_and_write_nothing(here, capsys, words, sentence):
    assert main(["evaluate", "--method", "identity", "--data", "near", "--csv", "rows.csv"]) == 0
    capsys.readouterr()
    Path("copy/near").mkdir(parents=True)
    for kind in ("sharp", "blurred"):
        Path(f"copy/near/{kind}").symlink_to(f"../../near/{kind}")
    before = sorted(here.rglob("*"))
    assert main(["evaluate", *words]) == 2
    said = capsys.readouterr()
    assert sentence in said.err and said.err.count("\n") == 1 and said.out == ""
    assert sorted(here.rglob("*")) == before
