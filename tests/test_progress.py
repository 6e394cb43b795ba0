"""Progress without a terminal: lines with the time left; the clock is the test's."""

import io
import sys

import pytest

import refocal.progress
from refocal.printable import coloured
from refocal.progress import labelled_progress, progress, time_left


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until the test moves it."""
    now = [100.0]
    monkeypatch.setattr(refocal.progress.time, "monotonic", lambda: now[0])

    def move(seconds):
        now[0] += seconds

    return move


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_line_per_photo_has_the_time_left(clock, capsys):
    with progress(5) as shown:
        shown.advance("a.jpg", "skipped, b exists", False)
        clock(60)
        shown.advance("b.jpg", "out/b.jpg, 60.0 s.", True)
        clock(100)
        shown.advance("c\x1b.jpg", "out/c.jpg, 100.0 s", True)
        shown.advance("d.jpg", "failed", False)
        shown.advance("e.jpg", "out/e.jpg, 1.0 s.", True)
    assert capsys.readouterr().err.splitlines() == [
        "[1/5] a.jpg: skipped, b exists",
        "[2/5] b.jpg: out/b.jpg, 60.0 s. 3 min left",  # 3 more of 60 s
        "[3/5] c\\x1b.jpg: out/c.jpg, 100.0 s, 3 min left",  # 2 more of 80 s
        "[4/5] d.jpg: failed",
        "[5/5] e.jpg: out/e.jpg, 1.0 s.",
    ]


def test_tiles_are_shown_every_20_seconds_at_most(clock, capsys):
    with progress(2) as shown:
        shown.tile("a.jpg", 0, 0)
        for done in range(1, 9):
            clock(8)
            shown.tile("a.jpg", done, 8)
        shown.advance("a.jpg", "done", False)
    lines = ["[1/2] a.jpg: tile 3 of 8, 40 s left", "[1/2] a.jpg: tile 6 of 8, 16 s left", "[1/2] a.jpg: done"]
    assert capsys.readouterr().err.splitlines() == lines


def test_quiet_shows_nothing(capsys):
    with progress(2, quiet=True) as shown:
        shown.tile("a.jpg", 1, 2)
        shown.advance("a.jpg", "done", True)
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar_of_the_photo_and_messages_in_full(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    with progress(2) as shown:
        shown.tile("a[red].jpg", 0, 0)
        shown.tile("a[red].jpg", 3, 9)
        shown.advance("a[red].jpg", "long " * 40 + "end.", True)
        shown.advance("b.jpg", "failed", False)
    text = sys.stderr.getvalue()
    assert "a[red].jpg" in text and "long " * 40 + "end." in text and "2/2" in text
    assert "\x1b[3" not in text and "\x1b[9" not in text  # no colours


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s left"), (89, "89 s left"), (91, "2 min left"), (5300, "88 min left"), (9000, "2 h left")],
)
def test_durations(seconds, text):
    assert time_left(seconds) == text


def test_several_loops_have_the_time_left(clock, capsys):
    with labelled_progress() as show:
        show("line", 0, 4)
        clock(100)
        show("line", 1, 4)
    assert capsys.readouterr().err == "line: 1 of 4 images, 5 min left\n"


def test_colours_are_for_terminals_without_no_color(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert coloured("x", "red", Terminal()) == "\x1b[31mx\x1b[0m"
    assert coloured("x", "red", io.StringIO()) == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert coloured("x", "red", Terminal()) == "x"
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert coloured("x", "red", Terminal()) == "x"
