"""The words that a published table is told in; no logic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from refocal.tables.cells import Cell
    from refocal.tables.measure import Measured, Show

Picture = Callable[[Sequence["Cell"], "Settings"], bytes]
"""Cells and settings in, a PNG file's bytes out; an ``InputError`` tells why there can be none."""

Page = Callable[["PublishedTable", Sequence["Cell"], Sequence[str]], str]
"""The table, its cells and further sentences in, the page in Markdown out."""

Measure = Callable[["PublishedTable", "Settings", "Show"], tuple[list["Measured"], list[str]]]
"""What ``tables.measure.measure`` is."""


@dataclass(frozen=True)
class Column:
    """One column of figures.

    Attributes:
        name: Of the column in files.
        head: Of the column on the page, with its unit.
        metric: Name in ``METRICS``; empty for the seconds per picture.
    """

    name: str
    head: str
    metric: str = ""


@dataclass(frozen=True)
class Line:
    """One line of a table: what was published, and what is run to measure it again.

    Attributes:
        label: As the paper prints it.
        published: One figure per column, or None; nothing for a line that the paper doesn't have.
        method: Name in ``METHODS``, or of a weights file ``NAME.onnx``; empty where there is nothing to run.
        options: Fields of the method that the protocol sets otherwise than the method itself.
        given: What the method restores: the data set's ``"file"`` (8 bit) under the data set's own blur; or
            ``"circular"``, the sharp picture under the same kernel with periodic boundary, not rounded, the blur a
            function and no more; or ``"circular-psf"``, the same with the kernel known.
        only: Restores only pictures whose names end so.
        limit: How many pictures are restored unless the user says otherwise; None for all.
        own_threads: The method uses all cores for one picture, so pictures are restored one after the other.
        absent: Said in place of our figures where there is nothing to run.
        data: Restores only pictures of this one of the table's data sets.
        blur: What the method is told of the blur: ``"given"``, the data set's own; a name in ``ESTIMATORS``, the map
            that it makes of the blurred picture; or ``"none"``: nothing, the picture is restored as ``refocal deblur``
            does it.
        columns: Names of the columns that it has a figure in; all of the table's where it is empty.
    """

    label: str
    published: tuple[float | None, ...] = ()
    method: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    given: Literal["file", "circular", "circular-psf"] = "file"
    only: str = ""
    limit: int | None = None
    own_threads: bool = False
    absent: str = "not trained"
    data: str = ""
    blur: str = "given"
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class PublishedTable:
    """A published table and how it is measured again.

    Attributes:
        name: Key in ``TABLES``.
        title: What it shows.
        source: Where it was published.
        label_head: Head of the first column.
        columns: Of figures.
        lines: In the order of the paper.
        data: Names of data sets, as ``open_dataset`` takes them; their pictures are taken together.
        truncated: Restored pictures are cut to whole levels of 8 bits (downwards) before they are scored.
        protocol: Sentences that go under the table: how the figures are taken.
        notes: Sentences that go under the table: why ours differ.
        pictures: Name of the figure -> what draws it.
        more_data: Further data sets, measured if they are there.
        page: What writes the page; None for one line per line.
        measure: What measures it; None for ``tables.measure.measure``.
    """

    name: str
    title: str
    source: str
    label_head: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    data: tuple[str, ...]
    truncated: bool
    protocol: tuple[str, ...]
    notes: tuple[str, ...]
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    more_data: tuple[str, ...] = ()
    page: Page | None = None
    measure: Measure | None = None


@dataclass(frozen=True)
class Settings:
    """What a user can say about a run.

    Attributes:
        data_root: Folder that holds the data sets; None looks where ``open_dataset`` looks.
        weights_dir: Folder of ``METHOD.onnx`` files that are run instead of the shipped ones.
        limit: How many pictures per line, evenly spread over the set; None leaves it to the lines.
        jobs: How many pictures are restored at a time by methods that use one core.
        cache: File that keeps the figures of every picture, so that an interrupted run goes on; None keeps nothing.
    """

    data_root: Path | None = None
    weights_dir: Path | None = None
    limit: int | None = None
    jobs: int = 1
    cache: Path | None = None
