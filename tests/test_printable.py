import os

import pytest

from refocal.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Straße 写真 👩‍👩‍👧.png", "Straße 写真 👩‍👩‍👧.png"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("a\nb\r\tc\x00", r"a\nb\r\tc\x00"),
        ("\x7f\x80\x9b31m", r"\x7f\x80\x9b31m"),  # DEL, and CSI as one character
        ("photo\u202egpj.exe\u2066\u200f\u061c", r"photo\u202egpj.exe\u2066\u200f\u061c"),
        ("a\u2028b\u2029", r"a\u2028b\u2029"),
        (os.fsdecode(b"bad\xff.png"), r"bad\xff.png"),
        ("\ud800", r"\ud800"),
    ],
)
def test_control_characters_become_escapes(text, shown):
    assert printable(text) == shown


def test_lines_stay_where_they_are_wanted():
    assert printable("a\nb\x1b", lines=True) == "a\nb\\x1b"
