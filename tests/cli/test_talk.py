"""How much ``refocal deblur`` says, its hint, and Ctrl-C within a photo."""

import io
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import samples
from refocal.cli import main
from refocal.images.io import Photo, from_float, write
from refocal.inference.network_file import weights_sha256
from refocal.methods.focus import Focus
from refocal.methods.unsharp_mask import UnsharpMask


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    Path("in").mkdir()
    for name in ("a", "b"):
        write(f"in/{name}.png", Photo(from_float(samples.picture(3, 64, 96), np.uint8)))
    return tmp_path


def test_verbose_names_method_weights_device_steps_and_tiles(desk, capsys):
    assert main(["deblur", "in/a.png", "-o", "out.png", "-v", "--tile-px", "40"]) == 0
    first, second, _ = capsys.readouterr().err.splitlines()
    assert first.startswith("method default; ") and first.endswith(f"weights {weights_sha256(Focus())}; on cpu")
    number = r"[\d.]+ s"
    steps = rf"read {number}, estimate {number}, restore {number} in (\d+) tiles, write {number}\."
    found = re.search(rf"\[1/1\] in/a.png: out.png, ([\d.]+) s: {steps}", second)
    assert found and int(found[2]) == 8  # 2 x 4: neighbours of 40 px share 16 of them
    parts = [float(text) for text in re.findall(r"(?:read|estimate|restore|write) ([\d.]+)", second)]
    assert sum(parts) == pytest.approx(float(found[1]), abs=0.1)


def test_quiet_says_errors_alone(desk, capsys):
    Path("in/bad.jpg").write_text("no photo")
    assert main(["deblur", "in", "-o", "out", "--quiet", "--method", "unsharp-mask", "--radius-px", "2"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("refocal: in/bad.jpg isn't a photo")
    assert captured.err.count("\n") == 1
    assert main(["deblur", "in/a.png", "-o", "again.png", "-q", "--method", "identity"]) == 0
    assert capsys.readouterr().err == ""


def test_quiet_and_verbose_exclude_each_other(desk, capsys):
    assert main(["deblur", "in", "-o", "out", "-q", "-v"]) == 2
    assert "not allowed with" in capsys.readouterr().err


def in_a_terminal(monkeypatch, *words):
    """What a run writes to a terminal."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert main(["deblur", *words, "--method", "identity"]) == 0
    return sys.stderr.getvalue()


def test_the_hint_comes_once_after_a_run_in_a_terminal_without_a_report(desk, monkeypatch, capsys):
    assert main(["deblur", "in", "-o", "o1", "--method", "identity"]) == 0
    assert "Hint" not in capsys.readouterr().err
    assert "Hint" not in in_a_terminal(monkeypatch, "in", "-o", "o2", "-q")
    assert "Hint" not in in_a_terminal(monkeypatch, "in", "-o", "o3", "--report", "r.html")
    assert not Path("state").exists()
    assert "Hint: " in in_a_terminal(monkeypatch, "in", "-o", "o4")
    assert Path("state/refocal/hint-report").exists()
    assert "Hint" not in in_a_terminal(monkeypatch, "in", "-o", "o5")


def test_the_hint_never_fails(desk, monkeypatch):
    Path("state").write_text("a file, not a folder")
    assert "Hint" not in in_a_terminal(monkeypatch, "in", "-o", "out")


def test_ctrl_c_ends_within_a_tile_and_leaves_nothing_of_the_photo(desk, monkeypatch, capsys):
    calls = []

    def interrupted(self, image, blur=None):
        calls.append(image.shape)
        if len(calls) == 10:  # the second tile of the second photo
            raise KeyboardInterrupt
        return image

    monkeypatch.setattr(UnsharpMask, "__call__", interrupted)
    words = ["deblur", "in", "-o", "out", "--method", "unsharp-mask", "--tile-px", "40", "--save-map"]
    assert main(words) == 130
    assert len(calls) == 10 and [path.name for path in Path("out").iterdir()] == ["a.png"]
    errors = capsys.readouterr().err
    assert errors.endswith("Interrupted. Of 2: 1 restored; the same command restores the rest.\n")
    monkeypatch.undo()
    monkeypatch.chdir(desk)
    assert main(words) == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "b.png"]
