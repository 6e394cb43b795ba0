"""From the measured lines of a table to its cells, and the cells as CSV."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from refocal.evaluation.evaluate import LPIPS_NETS, SSIM_WINDOWS
from refocal.provenance import commit, version
from refocal.tables.measure import Measured
from refocal.tables.published import Cell, Line, PublishedTable
from refocal.tables.runnable import Runnable


def cells(table: PublishedTable, measured: Sequence[Measured]) -> list[Cell]:
    """Every cell of the table, line by line."""
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    found = []
    for one in measured:
        runnable = one.runnable if isinstance(one.runnable, Runnable) else None
        columns = [column for column in table.columns if not one.line.columns or column.name in one.line.columns]
        for place, column in enumerate(columns):
            values = np.asarray(one.values.get(column.name, ()), dtype=float)
            middle = np.mean if column.metric else np.median
            found.append(
                Cell(
                    table=table.name,
                    line=one.line,
                    column=column.name,
                    ours=float(middle(values)) if values.size else None,
                    published=one.line.published[place] if one.line.published else None,
                    pooled=pooled_psnr(values) if column.metric == "psnr" and values.size else None,
                    lowest=float(values.min()) if values.size else None,
                    highest=float(values.max()) if values.size else None,
                    n=values.size,
                    of=one.of,
                    status=one.runnable if isinstance(one.runnable, str) else "measured" if values.size else "left out",
                    method=one.line.method,
                    options=runnable.options if runnable else "",
                    weights_sha256=runnable.weights_sha256 if runnable else "",
                    data=(one.line.data or " + ".join(table.data)) + (f", *{one.line.only}" if one.line.only else ""),
                    given=one.line.given,
                    scored="8-bit" if table.truncated else "float",
                    blur=_blur(one.line, runnable),
                    metric=column.metric,
                    ssim_window=SSIM_WINDOWS.get(column.metric, ""),
                    lpips_net=LPIPS_NETS.get(column.metric, ""),
                    version=version(),
                    commit=commit(),
                    date=date,
                )
            )
    return found


def pooled_psnr(values: np.ndarray) -> float:
    """PSNR of the mean squared error of images of one size, from the PSNR of each (dB)."""
    return float(-10 * np.log10(np.mean(10 ** (-values / 10))))


def to_csv(found: Sequence[Cell]) -> str:
    """One row per cell with a header; numbers in full precision, nothing where there is none."""
    text = io.StringIO()
    names = [field.name for field in fields(Cell)]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for cell in found:
        writer.writerow({name: getattr(cell, name) for name in names} | {"line": cell.line.label})
    return text.getvalue()


def _blur(line: Line, runnable: Runnable | None) -> str:
    if line.blur == "given":
        return "given" if runnable and runnable.uses_blur else "none"
    if line.blur == "none":
        return "estimated" if runnable and runnable.uses_blur else "none"
    return line.blur
