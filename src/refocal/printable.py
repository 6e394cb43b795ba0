"""Text that a terminal shows as it is: names of files may hold any character, also those that command a terminal.

And colours, on a terminal only.

Standard library only: the command line loads this file.
"""

from __future__ import annotations

import os
import re
import sys
from typing import IO, Literal

# C0, DEL and C1; marks, embeddings, overrides and isolates of the direction; line and paragraph separators; what stands
# for the bytes of a name that can't be decoded.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


_COLOURS = {"red": 31, "green": 32, "yellow": 33}


def coloured(text: str, colour: Literal["red", "green", "yellow"], stream: IO[str]) -> str:
    """The text with the codes of a colour, if the stream is a terminal and ``$NO_COLOR`` is not set."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty():
        return text
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def complaint(sentence: str) -> str:
    """A line for stderr that says what went wrong: the program's name, red on a terminal, and the sentence."""
    return f"{coloured('refocal:', 'red', sys.stderr)} {printable(sentence)}"


def printable(text: str, *, lines: bool = False) -> str:
    r"""The text with escapes such as ``\x1b`` and ``\u202e`` for every control character.

    Args:
        text: Text with names of the user's in it.
        lines: Whether line feeds stay: text of several lines, whose names went through this function before.
    """
    return _CONTROL.sub(lambda found: "\n" if lines and found[0] == "\n" else _escape(found[0]), text)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # os.fsdecode's sign for the byte code - 0xDC00
        return f"\\x{code - 0xDC00:02x}"
    return ascii(character)[1:-1]
