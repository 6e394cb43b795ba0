"""Pieces of a table's page in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from refocal.tables.published import Cell

NONE = "–"  # where there is no figure
SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
PLACES = {"psnr": 2, "parameters": 2, "seconds": 2}  # as papers print; the others have three
MEASURED = ("measured", "left out")

Sections = tuple[list[str], tuple[list[str], list[str]]]
"""Sections of a page, and the notes before and after the table's own."""


def bullets(sentences: Sequence[str]) -> str:
    """A list, in Markdown."""
    return "\n".join(f"- {sentence}" for sentence in sentences)


def digits(value: float | None, places: int = 3) -> str:
    """A figure, or a dash where there is none."""
    return NONE if value is None else f"{value:.{places}f}"


def footnotes(found: Sequence[Cell]) -> str:
    """The footnotes of the rows, numbered in the order of the rows."""
    return "\n\n".join(f"{SUPERSCRIPTS[place]} {sentence}" for sentence, place in _footnote_places(found).items())


def marked(row: str, found: Sequence[Cell]) -> str:
    """The name of a row with the number of its footnote."""
    sentence = next((cell.line.footnote for cell in found if cell.row == row and cell.line.footnote), "")
    return f"{row} {SUPERSCRIPTS[_footnote_places(found)[sentence]]}" if sentence else row


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """A table, its first line as the head."""
    head, *rows = lines
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ["---"] * len(head), *rows))


def _footnote_places(found: Sequence[Cell]) -> dict[str, int]:
    sentences = dict.fromkeys(cell.line.footnote for cell in found if cell.line.footnote)
    return {sentence: place for place, sentence in enumerate(sentences, start=1)}
