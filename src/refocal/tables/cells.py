"""The cells of a measured table: as CSV with everything that each depends on, and as a page to read."""

from __future__ import annotations

import csv
import datetime
import io
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np

from refocal.evaluation import evaluate
from refocal.provenance import commit, version
from refocal.tables.measure import Measured
from refocal.tables.published import Line, PublishedTable
from refocal.tables.runnable import Ready

NONE = "–"  # on the page, where there is no figure


@dataclass(frozen=True)
class Cell:
    """One figure of ours beside the published one, and everything it depends on.

    Attributes:
        table: Key in ``TABLES``.
        line: Label of the line.
        column: Of the table.
        ours: Mean over the pictures, or the median of seconds; None where nothing was measured.
        published: None for a line that the paper doesn't have.
        pooled: PSNR only: of the squared error taken over all pictures together, instead of the mean in dB.
        lowest: Of the figures per picture.
        highest: Of the figures per picture.
        n: How many pictures were measured.
        of: How many there are.
        status: ``measured``, or why nothing was.
        method: Name in ``METHODS``.
        options: The method's fields.
        weights_sha256: Of the method's file; empty where it has none.
        data: Names of the data sets.
        given: What was restored, as in ``Line``.
        scored: Depth of the scored pictures: ``8-bit`` (truncated) or ``float``.
        blur: ``given``, the estimator whose map was given, ``none`` when the method isn't told the blur, or
            ``estimated`` when it isn't but needs to know it.
        metric: Name in ``METRICS``; empty for seconds.
        ssim_window: Of an SSIM.
        lpips_net: Of an LPIPS.
        version: Of refocal.
        commit: Short git hash, with ``-dirty`` after it when files were changed; empty outside a checkout.
        date: ISO 8601 day, UTC.
    """

    table: str
    line: str
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


def cells(table: PublishedTable, measured: Sequence[Measured]) -> list[Cell]:
    """Every cell of the table, line by line."""
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    found = []
    for one in measured:
        ready = one.ready if isinstance(one.ready, Ready) else None
        columns = [column for column in table.columns if not one.line.columns or column.name in one.line.columns]
        for place, column in enumerate(columns):
            values = np.asarray(one.values.get(column.name, ()), dtype=float)
            middle = np.mean if column.metric else np.median
            found.append(
                Cell(
                    table=table.name,
                    line=one.line.label,
                    column=column.name,
                    ours=float(middle(values)) if values.size else None,
                    published=one.line.published[place] if one.line.published else None,
                    pooled=pooled_psnr(values) if column.metric == "psnr" and values.size else None,
                    lowest=float(values.min()) if values.size else None,
                    highest=float(values.max()) if values.size else None,
                    n=values.size,
                    of=one.of,
                    status=one.ready if isinstance(one.ready, str) else "measured" if values.size else "left out",
                    method=one.line.method,
                    options=ready.options if ready else "",
                    weights_sha256=ready.weights_sha256 if ready else "",
                    data=(one.line.data or " + ".join(table.data)) + (f", *{one.line.only}" if one.line.only else ""),
                    given=one.line.given,
                    scored="8-bit" if table.truncated else "float",
                    blur=_blur(one.line, ready),
                    metric=column.metric,
                    ssim_window=evaluate.SSIM_WINDOWS.get(column.metric, ""),
                    lpips_net=evaluate.LPIPS_NETS.get(column.metric, ""),
                    version=version(),
                    commit=commit(),
                    date=date,
                )
            )
    return found


def _blur(line: Line, ready: Ready | None) -> str:
    if line.blur == "given":
        return "given" if ready and ready.uses_blur else "none"
    if line.blur == "none":
        return "estimated" if ready and ready.uses_blur else "none"
    return line.blur


def pooled_psnr(values: np.ndarray) -> float:
    """PSNR of the mean squared error of pictures of one size, from the PSNR of each (dB)."""
    return float(-10 * np.log10(np.mean(10 ** (-values / 10))))


def to_csv(found: Sequence[Cell]) -> str:
    """One row per cell with a header; numbers in full precision, nothing where there is none."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Cell)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(cell) for cell in found)
    return text.getvalue()


def to_markdown(table: PublishedTable, found: Sequence[Cell], more: Sequence[str] = ()) -> str:
    """The table as a page: ours / published in every cell, the protocol and the notes under it.

    Args:
        table: The table.
        found: Its cells, from ``cells``.
        more: Further sentences for the notes.
    """
    paper, _, number = table.name.partition(":")
    notes = [*more, *table.notes, *_pooled(found)]
    parts = [
        f"# {paper}, Table {number}",
        f"{table.title}. In every cell: refocal / published ({table.source}).",
        grid(table, found),
        "## Protocol\n\n" + bullets(table.protocol),
        "## Notes\n\n" + bullets(notes),
        f"Measured {when_measured(found)}.",
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def grid(table: PublishedTable, found: Sequence[Cell]) -> str:
    """The table alone, in Markdown."""
    lines = [
        (table.label_head, "pictures", *(column.head for column in table.columns)),
        ["---"] * (len(table.columns) + 2),
    ]
    for label in dict.fromkeys(cell.line for cell in found):
        row = [cell for cell in found if cell.line == label]
        lines.append((label, _count(row), *(f"{digits(cell.ours)} / {digits(cell.published)}" for cell in row)))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _count(row: Sequence[Cell]) -> str:
    """How many pictures a line was measured on, or why on none."""
    best = max(row, key=lambda cell: cell.n)
    if best.n == 0:
        return best.status
    return str(best.n) if best.n == best.of else f"{best.n} of {best.of}"


def _pooled(found: Sequence[Cell]) -> list[str]:
    figures = [
        f"{cell.line} {digits(cell.pooled)} / {digits(cell.published)}" for cell in found if cell.pooled is not None
    ]
    return [f"PSNR in dB of the squared error pooled over all pictures: {'; '.join(figures)}."] if figures else []


def when_measured(found: Sequence[Cell]) -> str:
    """Date, version, machine and weights."""
    first = found[0]
    weights = {cell.method: cell.weights_sha256[:12] for cell in found if cell.weights_sha256}
    told = f"{first.date} with refocal {first.version} {first.commit}".rstrip()
    told += f" on {platform.machine()}, {os.cpu_count()} cores"
    return told + (
        f"; weights (SHA-256): {', '.join(f'{name} {sha}' for name, sha in weights.items())}" if weights else ""
    )


def bullets(sentences: Sequence[str]) -> str:
    """A list, in Markdown."""
    return "\n".join(f"- {sentence}" for sentence in sentences)


def digits(value: float | None, places: int = 3) -> str:
    """A figure, or a dash where there is none; three places as in Aurangabadkar et al. 2024."""
    return NONE if value is None else f"{value:.{places}f}"
