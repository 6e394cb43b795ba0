"""Data classes that describe a published table: what is run, under which protocol, and what was published."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Picture = Callable[["PublishedTable", Sequence["Cell"], "Settings"], bytes]
"""Draws a figure from the table, its cells and the settings, as the bytes of a PNG file; an ``InputError`` says why it
can't be drawn."""


@dataclass(frozen=True)
class Column:
    """One column of figures.

    Attributes:
        name: Name of the column in files.
        head: Head of the column on the page, with its unit.
        metric: Key in ``METRICS``; empty for the seconds per image and the number of parameters.
    """

    name: str
    head: str
    metric: str = ""


@dataclass(frozen=True)
class Line:
    """One line of a table: what was published, and what is run to measure it again.

    Attributes:
        label: Unique name of the line, in files and progress messages.
        published: One figure per column, or None; empty for a line that the paper doesn't have.
        method: Key in ``METHODS``, or the name of a weights file ``NAME.onnx``; empty where there is nothing to run.
        options: Fields of the method that the protocol sets to other values than the method's defaults.
        given: What the method restores: ``"file"``, the 8-bit image of the data set, under its own blur;
            ``"circular"``, the sharp image under the same kernel with periodic boundary, not rounded, with the blur as
            a function only; or ``"circular-psf"``, the same with the kernel known.
        run: ``"bare"`` calls the method itself; ``"restore"`` runs it through the engine, as ``refocal deblur`` does.
        only: Suffix of the names of the images that are restored.
        limit: Number of images that are restored unless the user says otherwise; None for all.
        own_threads: Whether the method uses all cores for one image, so that images are restored one after the other.
        absent: Reason that is shown instead of our figures where there is nothing to run.
        data: The one of the table's data sets whose images are restored; empty for all of them together.
        blur: Blur that the method gets: ``"given"``, the data set's own; a key in ``ESTIMATORS``, whose map of the
            blurred image is used; or ``"none"``.
        columns: Names of the columns that the line has figures in; all of the table's where it is empty.
        row: Name of the row on the page; the label where it is empty.
        blur_head: Key of the line's column in ``PublishedTable.blur_heads``; ``blur`` where it is empty.
        picture: Name of the one image whose figures the line holds; empty for a mean.
        loss: Terms of the loss that the weights of this row must have been trained with, and their weights (None: any
            weight). Weights with another training, or mixed from several, are not run. Empty where the row names none.
        footnote: Sentence under the table about this row.
    """

    label: str
    published: tuple[float | None, ...] = ()
    method: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    given: Literal["file", "circular", "circular-psf"] = "file"
    run: Literal["bare", "restore"] = "bare"
    only: str = ""
    limit: int | None = None
    own_threads: bool = False
    absent: str = "not trained"
    data: str = ""
    blur: str = "given"
    columns: tuple[str, ...] = ()
    row: str = ""
    blur_head: str = ""
    picture: str = ""
    loss: Mapping[str, float | None] = field(default_factory=dict)
    footnote: str = ""


@dataclass(frozen=True)
class Cell:
    """One figure of ours beside the published one, and everything it depends on.

    Attributes:
        table: Key in ``TABLES``.
        line: The line.
        column: Name of the column.
        ours: Mean over the images, or the median of seconds; None where nothing was measured.
        published: None for a line that the paper doesn't have.
        pooled: PSNR only: PSNR of the squared error of all images together, instead of the mean in dB.
        lowest: Minimum of the figures per image.
        highest: Maximum of the figures per image.
        n: Number of images that were measured.
        of: Number of images that there are.
        status: ``measured``, or why nothing was.
        method: Key in ``METHODS``.
        options: The method's fields.
        weights_sha256: SHA-256 of the method's weights; empty where it has none.
        data: Names of the data sets.
        given: What was restored, as in ``Line``.
        scored: Depth of the scored images: ``8-bit`` (truncated) or ``float``.
        blur: ``given``, the estimator whose map was given, ``none`` when the method gets no blur, or ``estimated`` when
            it gets none but needs one.
        metric: Key in ``METRICS``; empty for seconds.
        ssim_window: Window of an SSIM.
        lpips_net: Network of an LPIPS.
        version: Version of refocal.
        commit: Short git hash, with ``-dirty`` when files were changed; empty outside a checkout.
        date: ISO 8601 day, UTC.
    """

    table: str
    line: Line
    column: str
    ours: float | None
    published: float | None
    pooled: float | None
    lowest: float | None
    highest: float | None
    n: int
    of: int
    status: str
    method: str
    options: str
    weights_sha256: str
    data: str
    given: str
    scored: str
    blur: str
    metric: str
    ssim_window: str
    lpips_net: str
    version: str
    commit: str
    date: str

    @property
    def row(self) -> str:
        """Name of the row on the page."""
        return self.line.row or self.line.label


@dataclass(frozen=True)
class PublishedTable:
    """A published table and how it is measured again.

    Attributes:
        name: Key in ``TABLES``.
        title: What the table shows.
        source: Where it was published.
        label_head: Head of the first column.
        columns: Columns of figures.
        lines: Lines in the order of the paper.
        data: Names of data sets, as ``open_dataset`` takes them.
        truncated: Whether restored images are truncated to 8 bits before they are scored.
        protocol: Sentences under the table: how the figures are taken.
        notes: Sentences under the table: why ours differ.
        pictures: Name of the figure -> the function that draws it.
        more_data: Further data sets, measured if they are there.
        layout: ``"lines"``, one row per line; ``"by-map"``, one grid per data set with a column per blur map;
            ``"by-set"``, one grid per data set, and real scenes one by one.
        every_line: Whether lines that can't be measured stay in the table even where nothing was published for them.
        max_radius_px: Estimated maps are cut to this radius.
        disks: Whether estimated maps are given as disks on stored values, whatever kernel blurred the photos.
        blur_heads: For ``"by-map"``: blur of a line -> head of its column.
        compared: For ``"by-map"``: the estimators of the paper, whose worst is compared with the true map.
        claims: For ``"by-map"``: sentences that compare the paper's claims with our figures of a grid.
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
    layout: Literal["lines", "by-map", "by-set"] = "lines"
    every_line: bool = False
    max_radius_px: float = 6.0
    disks: bool = False
    blur_heads: Mapping[str, str] = field(default_factory=dict)
    compared: tuple[str, ...] = ()
    claims: Callable[[Any], list[str]] | None = None


@dataclass(frozen=True)
class Settings:
    """What a user can set for a run.

    Attributes:
        data_root: Folder that holds the data sets; None looks where ``open_dataset`` looks.
        weights_dir: Folder of ``METHOD.onnx`` files that are run instead of the shipped ones.
        limit: Number of images per line, evenly spread over the set; None leaves it to the lines.
        jobs: Number of images that are restored at a time by methods that use one core.
        cache: File that keeps the figures of every image, so that an interrupted run resumes; None keeps nothing.
    """

    data_root: Path | None = None
    weights_dir: Path | None = None
    limit: int | None = None
    jobs: int = 1
    cache: Path | None = None
