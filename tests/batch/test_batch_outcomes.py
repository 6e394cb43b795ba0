"""What ``refocal deblur`` leaves on the disk and says, where files are in its way."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import refocal.batch.restore_file
from refocal.cli import main
from refocal.files import records as file_records
from refocal.images.io import Photo, from_float, read, write
from refocal.images.map_files import write_map

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and names that it lacks")
IDENTITY = ["--method", "identity"]
WIENER = ["--method", "wiener", "--radius-px", "2"]
BAD = "a\x1b[31m\x7f\x9b\u202e\nb" + os.fsdecode(b"\xff") + ".png"
SHOWN = r"a\x1b[31m\x7f\x9b\u202e\nb\xff.png"


def save(name, seed=0):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    write(name, Photo(from_float(np.random.default_rng(seed).random((3, 16, 24), np.float32), np.uint8)))


def records(path="log.jsonl"):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def meanwhile(monkeypatch, act):
    """Do something while each photo is being restored."""
    original = refocal.batch.restore_file.restore_photo
    monkeypatch.setattr(
        refocal.batch.restore_file, "restore_photo", lambda *args, **kwargs: (act(), original(*args, **kwargs))[1]
    )


def test_overwrite_keeps_the_mode_and_writes_through_links(here):
    save("private.png"), save("store/real.png")
    Path("private.png").chmod(0o600)
    Path("link.png").symlink_to("store/real.png")
    before = Path("store/real.png").stat().st_ino
    for name in ("private.png", "link.png"):
        assert main(["deblur", name, "-o", name, "--overwrite", *WIENER]) == 0
    assert Path("private.png").stat().st_mode & 0o777 == 0o600
    assert Path("link.png").is_symlink() and Path("store/real.png").stat().st_ino != before
    assert sorted(os.listdir("store")) == ["real.png"]  # noqa: PTH208


def test_a_result_that_appears_meanwhile_is_kept_and_counts_as_skipped(here, capsys, monkeypatch):
    save("in/a.png"), save("in/b.png")

    def other_run():
        if not Path("out/b.png").exists():
            Path("out/b.png").write_bytes(b"theirs")

    meanwhile(monkeypatch, other_run)
    assert main(["deblur", "in", "-o", "out", "--log", "log.jsonl", *IDENTITY]) == 0
    assert "1 restored, 1 skipped because the output exists" in capsys.readouterr().err
    assert Path("out/b.png").read_bytes() == b"theirs"
    assert [record["status"] for record in records()] == ["ok", "skipped"]
    Path("x.png").unlink(missing_ok=True)
    meanwhile(monkeypatch, lambda: Path("x.png").write_bytes(b"theirs"))
    assert main(["deblur", "in/a.png", "-o", "x.png", *IDENTITY]) == 0
    assert "0 restored, 1 skipped" in capsys.readouterr().err and Path("x.png").read_bytes() == b"theirs"


def test_a_map_is_not_replaced(here, capsys):
    """A killed run leaves a map without its photo; the next one must be able to write the photo."""
    save("a.png")
    Path("out").mkdir()
    write_map("out/a_map.png", np.full((16, 24), 7, np.float32))
    before = Path("out/a_map.png").read_bytes()
    assert main(["deblur", "a.png", "-o", "out", "--save-map", *WIENER]) == 0
    assert Path("out/a_map.png").read_bytes() == before and Path("out/a.png").exists()
    assert "out/a_map.png exists already, so it was kept." in capsys.readouterr().err
    assert main(["deblur", "a.png", "-o", "out", "--save-map", "--overwrite", *WIENER]) == 0
    assert (read("out/a_map.png").pixels == 2 * 256).all()
    Path("b_map.png").write_bytes(b"mine")
    assert main(["deblur", "a.png", "-o", "b.png", "--save-map", *WIENER]) == 2
    assert "b_map.png exists already" in capsys.readouterr().err
    assert Path("b_map.png").read_bytes() == b"mine" and not Path("b.png").exists()


def test_what_is_left_out_is_named_in_summary_and_log(here, capsys):
    save("in/a.png"), save("other/b.png")
    Path("in/alias.png").symlink_to("a.png")
    Path("in/linked").symlink_to("../other")
    assert main(["deblur", "in", "-o", "out", "--log", "log.jsonl", *IDENTITY]) == 0
    errors = capsys.readouterr().err
    assert "1 restored, 2 left out.\n" in errors
    assert "refocal: in/linked is left out: it is a link to a folder; name it to restore its photos.\n" in errors
    assert "refocal: in/alias.png is left out: it is the same file as in/a.png.\n" in errors
    assert [(r["status"], r["input"], r["output"]) for r in records()] == [
        ("left out", "in/linked", None),
        ("left out", "in/alias.png", None),
        ("ok", "in/a.png", "out/a.png"),
    ]
    Path("in/c.HEIC").write_bytes(b"x")
    assert main(["deblur", "in", "-o", "out", "--log", "log.jsonl", *IDENTITY]) == 1
    errors = capsys.readouterr().err
    assert "0 restored, 1 skipped because the output exists (--overwrite does them again), 3 left out.\n" in errors
    assert "in/c.HEIC is left out: its name is that of a HEIC photo" in errors
    assert any(r["message"].startswith("in/c.HEIC is left out") for r in records()[3:])


def test_control_characters_reach_no_terminal_log_or_page(here, capsys):
    save("in/a.png"), save("in/b.png")
    Path("in/a.png").rename(f"in/{BAD}")
    Path(f"in/x{BAD}").write_bytes(b"no photo")
    Path(f"in/linked{BAD}").symlink_to("..")
    words = ["deblur", "in", "-o", "out", "--log", "log.jsonl", "--report", "r.html", *IDENTITY]
    assert main(words) == 1
    output = "".join(capsys.readouterr())
    assert SHOWN in output and f"linked{SHOWN} is left out" in output and f"x{SHOWN} isn't a photo" in output
    page = Path("r.html").read_text(encoding="utf-8")
    assert SHOWN in page
    for text in (output, page, Path("log.jsonl").read_text()):
        assert not set(text) & set("\x1b\x7f\x9b\u202e\udcff")
    assert {record["input"] for record in records()} == {f"in/{n}" for n in (BAD, f"x{BAD}", f"linked{BAD}", "b.png")}
    assert main(["deblur", BAD, "-o", "out", *IDENTITY]) == 2
    assert main(["deblur", "in/b.png", "-o", "out2", f"--{BAD}"]) == 2
    assert main(["map", "in/b.png", "-o", f"{BAD}.npy", "--estimator", "zhuo-sim"]) == 0
    output = "".join(capsys.readouterr())
    assert output.count(SHOWN) == 3 and output.count("\n") == 3
    assert not set(output) & set("\x1b\x7f\x9b\u202e\udcff")


def test_a_full_disk_does_not_spoil_the_log_of_the_next_run(here, capsys, monkeypatch):
    save("in/a.png"), save("in/b.png")
    Path("log.jsonl").write_bytes(b'{"status": "killed in the mid')
    assert main(["deblur", "in/a.png", "-o", "out", "--log", "log.jsonl", *IDENTITY]) == 0
    before = Path("log.jsonl").read_bytes()
    original = Path.open

    class Full:
        def __init__(self, file):
            self.file = file

        def __getattr__(self, name):
            return getattr(self.file, name)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, data):
            if self.file.write(data[:9]) == 9:
                raise OSError(28, "No space left on device")

    def full(path, *args, **kwargs):
        file = original(path, *args, **kwargs)
        return Full(file) if path.name == "log.jsonl" else file

    with monkeypatch.context() as patch:
        patch.setattr(file_records.Path, "open", full)
        assert main(["deblur", "in/b.png", "-o", "out", "--log", "log.jsonl", *IDENTITY]) == 2
        assert "log.jsonl can't be written: No space left on device." in capsys.readouterr().err
    assert Path("log.jsonl").read_bytes() == before
    assert main(["deblur", "in", "-o", "out", "--log", "log.jsonl", *IDENTITY]) == 0
    first, *lines = Path("log.jsonl").read_text().splitlines()
    assert first == '{"status": "killed in the mid'
    assert [json.loads(line)["status"] for line in lines] == ["ok", "skipped", "skipped"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--report", "none/r.html"], "there is no folder none"),
        (["--report", "shut/r.html"], "shut/r.html can't be written: the folder shut is not writable."),
        (["--report", "mine.html"], "isn't a report of refocal's"),
        (["--report", "loop.html"], "a link that leads to itself"),
        (["--report", "unread.html"], "unread.html exists and can't be read: Permission denied."),
        (["--report", "r.html", "--log", "r.html"], "r.html is the report"),
        (["--log", "photo.dat"], "photo.dat exists and isn't a log of refocal's"),
        (["--log", "new.HEIC"], "new.HEIC is named like a photo"),
    ],
)
def test_what_cannot_be_written_is_known_before_the_first_photo(here, capsys, monkeypatch, words, said):
    save("a.png")
    Path("photo.dat").write_bytes(Path("a.png").read_bytes())
    before = Path("photo.dat").read_bytes()
    Path("shut").mkdir()
    Path("mine.html").write_text("<p>mine")
    Path("unread.html").write_text("x")
    Path("loop.html").symlink_to("loop.html")
    access, original = os.access, Path.open
    # Root may write and read everything.
    monkeypatch.setattr(os, "access", lambda path, *mode: Path(path).name != "shut" and access(path, *mode))

    def opened(path, *args, **kwargs):
        if path.name == "unread.html":
            raise PermissionError(13, "Permission denied", str(path))
        return original(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", opened)
    assert main(["deblur", "a.png", "photo.dat", "-o", "out", *words, *IDENTITY]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not Path("out").exists() and Path("photo.dat").read_bytes() == before


def test_a_page_of_somebody_else_that_appears_meanwhile_is_kept(here, capsys, monkeypatch):
    save("a.png")
    meanwhile(monkeypatch, lambda: Path("r.html").write_text("theirs"))
    assert main(["deblur", "a.png", "-o", "out", "--report", "r.html", *IDENTITY]) == 2
    errors = capsys.readouterr().err
    assert "1 restored.\n" in errors and "r.html exists already" in errors
    assert Path("r.html").read_text() == "theirs" and Path("out/a.png").exists()
    assert sorted(path.name for path in here.iterdir()) == ["a.png", "out", "r.html"]
