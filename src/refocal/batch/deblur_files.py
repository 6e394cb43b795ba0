"""Restore photo files into photo files."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

from refocal.batch.lines import Verbosity, about_method, line_of, sentence_of
from refocal.batch.log import append_record, check_log
from refocal.batch.plan import Outcome, Plan, run
from refocal.batch.report import check_page, open_page
from refocal.batch.restore_file import worker
from refocal.batch.sections import add_section
from refocal.batch.settings import Settings
from refocal.files.whole import sweep
from refocal.printable import coloured, complaint
from refocal.progress import progress
from refocal.types import InputError


def deblur_files(
    plan: Plan,
    settings: Settings,
    *,
    report: Path | None = None,
    log: Path | None = None,
    verbosity: Verbosity = "usual",
) -> int:
    """Restore the photos of a plan one after the other, with progress on stderr.

    Args:
        plan: From ``batch.plan``.
        settings: The settings of every photo.
        report: Write a page with every photo before and after.
        log: Append one JSON object per photo.
        verbosity: How much is said on stderr.

    Returns:
        The exit code: 0 all done, 1 some failed or are incomplete because the file is damaged, 130 Ctrl-C.

    Raises:
        InputError: If the report or the log can't be written, or the only photo asked for fails by the user's mistake.
    """
    if report is not None:
        check_page(report)
        if report.exists() and not settings.overwrite and all(os.path.lexists(job.target) for job in plan.jobs):
            report = None  # nothing will be restored, and the existing page has more than this run
    if log is not None:
        check_log(log, report)
    sweep({job.target.parent for job in plan.jobs} | ({report.parent} if report is not None else set()))
    counts = {"ok": 0, "skipped": 0, "left out": 0, "failed": 0, "damaged": 0}
    named: list[Outcome] = []
    asked, interrupted = len(plan.refused) + len(plan.jobs), False
    with ExitStack() as page:
        add = page.enter_context(open_page(report, "Before and after")) if report is not None else None
        if verbosity == "verbose":
            sys.stderr.write(about_method(settings) + "\n")
        with progress(asked, quiet=verbosity == "quiet") as shown:
            try:
                work = worker(settings, shown)
                outcomes = run(plan.jobs, work, overwrite=settings.overwrite)
                for outcome in chain(plan.refused, outcomes):
                    if log is not None:
                        append_record(log, outcome, settings)
                    if asked == 1 and outcome.mistake:
                        raise InputError(sentence_of(outcome))
                    counts[outcome.status] += 1
                    counts["damaged"] += outcome.result is not None and outcome.result.before.damaged
                    if outcome.status in ("left out", "failed"):
                        named.append(outcome)
                    shown.advance(str(outcome.job.source), line_of(outcome, verbosity), outcome.status == "ok")
                    if add is not None:
                        add_section(add, outcome, settings)
            except KeyboardInterrupt:
                interrupted = True
        _summarise(counts, named, asked if interrupted else None, verbosity)  # also where the page can't be finished
    failed = any(outcome.status == "failed" or outcome.mistake for outcome in named)
    return 130 if interrupted else 1 if failed or counts["damaged"] else 0


def _summarise(counts: dict[str, int], named: list[Outcome], interrupted_of: int | None, verbosity: Verbosity) -> None:
    """Print the counts, unless only errors are wanted, and a sentence for everything that failed or was left out."""
    said = [f"{counts['ok']} restored"]
    if counts["damaged"]:
        said.append(f"{counts['damaged']} of them incomplete because the file is damaged")
    if counts["skipped"]:
        said.append(f"{counts['skipped']} skipped because the output exists (--overwrite does them again)")
    said += [f"{counts[status]} {status}" for status in ("left out", "failed") if counts[status]]
    if interrupted_of is not None:
        sys.stderr.write(f"Interrupted. Of {interrupted_of}: {', '.join(said)}; the same command restores the rest.\n")
    elif verbosity != "quiet" or counts["damaged"]:
        clean = not counts["failed"] and not counts["damaged"]
        sys.stderr.write(coloured(f"{', '.join(said)}.", "green" if clean else "yellow", sys.stderr) + "\n")
    for outcome in named:
        sys.stderr.write(complaint(sentence_of(outcome)) + "\n")
