"""Restore what appears in folders, until Ctrl-C.

The folders are looked at once a second. A photo is taken when its size and its time of change are the same in two
looks, so that it isn't read while a camera or a copy still writes it. Which photos there are, and where their results
go, is decided by the same plan as in a single run.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from refocal.batch.find import is_folder
from refocal.batch.lines import Verbosity, about_method, line_of, sentence_of
from refocal.batch.log import append_record, check_log
from refocal.batch.plan import NothingFound, Outcome, Plan, run
from refocal.batch.restore_file import worker
from refocal.batch.settings import Settings
from refocal.files.whole import sweep
from refocal.printable import complaint, printable
from refocal.progress import progress
from refocal.types import InputError

State: TypeAlias = "tuple[int, int]"
"""Size and time of the last change: a file in which both stay the same is not being written."""

SECONDS_BETWEEN_LOOKS = 1.0


def check_watch(inputs: Sequence[str], report: Path | None) -> None:
    """Refuse what can't be watched.

    Raises:
        InputError: If an input is no folder, or a report is asked for.
    """
    for name in inputs:
        if not is_folder(Path(name)):
            raise InputError(f"{name} is no folder that exists: --watch takes folders.")
    if report is not None:
        raise InputError("--watch writes no report; give --report afterwards, in the same command without --watch.")


def watch(
    folders: Sequence[str],
    planned: Callable[[], Plan],
    settings: Settings,
    *,
    log: Path | None = None,
    verbosity: Verbosity = "usual",
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Restore the photos that lack a result and those that appear, with a line for each on stderr.

    A photo that fails is named, and tried again only if it changes.

    Args:
        folders: The folders, which exist.
        planned: Makes the plan anew: the photos that are there now.
        settings: The settings of every photo.
        log: Append one JSON object per photo.
        verbosity: How much is said on stderr.
        sleep: Waits for a number of seconds.

    Returns:
        The exit code after Ctrl-C, which is how watching ends: 0; 1 if a photo failed or is damaged; 130 if a photo was
        being restored, of which nothing is left.

    Raises:
        InputError: If the first plan or the log is refused.
    """
    if log is not None:
        check_log(log, None)
    with suppress(NothingFound):
        sweep({job.target.parent for job in planned().jobs})
    if verbosity == "verbose":
        sys.stderr.write(about_method(settings) + "\n")
    if verbosity != "quiet":
        sys.stderr.write(f"Watching {printable(', '.join(folders))}; Ctrl-C ends.\n")
    counts: Counter[str] = Counter()
    damaged: set[str] = set()
    at_work = False
    try:
        for ready in _arrivals(folders, planned, settings.overwrite, damaged, sleep):
            at_work = True
            for outcome in _restored(ready, settings, damaged, verbosity):
                counts[outcome.status] += 1
                if outcome.result is not None and outcome.result.before.damaged:
                    damaged.add(_key(outcome.job.source))
                else:
                    damaged.discard(_key(outcome.job.source))
                counts["mistakes"] += outcome.status == "left out" and outcome.mistake
                if log is not None:
                    append_record(log, outcome, settings)
            at_work = False
    except KeyboardInterrupt:
        if verbosity != "quiet":
            ended = "Interrupted" if at_work else "Watching ended"
            failed = f", {counts['failed']} failed" if counts["failed"] else ""
            sys.stderr.write(f"{ended}: {counts['ok']} restored{failed}; the same command goes on.\n")
    return 130 if at_work else 1 if counts["failed"] or damaged or counts["mistakes"] else 0


def _restored(ready: Plan, settings: Settings, damaged: set[str], verbosity: Verbosity) -> Iterator[Outcome]:
    with progress(0, quiet=verbosity == "quiet") as shown:
        yield from ready.refused
        for job in ready.jobs:
            # A photo whose copy paused was restored as far as it went: that result is ours, and is replaced.
            one = replace(settings, overwrite=settings.overwrite or _key(job.source) in damaged)
            (outcome,) = run([job], worker(one, shown), overwrite=one.overwrite)
            if outcome.status != "failed":
                shown.advance(str(outcome.job.source), line_of(outcome, verbosity), outcome.status == "ok")
            else:
                sys.stderr.write(complaint(sentence_of(outcome)) + "\n")
            yield outcome
    for outcome in ready.refused:
        sys.stderr.write(complaint(sentence_of(outcome)) + "\n")


def _arrivals(
    folders: Sequence[str],
    planned: Callable[[], Plan],
    overwrite: bool,
    damaged: set[str],
    sleep: Callable[[float], None],
) -> Iterator[Plan]:
    """Plans of what is ready and was not tried in this state; waits between two looks."""
    before: dict[str, State] = {}
    tried: dict[str, State | None] = {}
    results: set[str] = set()
    refusal = ""
    while True:
        now = _states(folders)
        ready = {path for path, state in now.items() if before.get(path) == state != tried.get(path)}
        if ready:
            try:
                everything, refusal = planned(), ""
            except NothingFound:
                everything = Plan(())
            except InputError as error:  # such as two photos that would become one file
                everything = Plan(())
                if str(error) != refusal:
                    refusal = str(error)
                    sys.stderr.write(f"refocal: {printable(refusal)}\n")
            jobs = [job for job in everything.jobs if _key(job.source) in ready - results]
            jobs = [job for job in jobs if overwrite or _key(job.source) in damaged or not os.path.lexists(job.target)]
            places = {_key(outcome.job.source) for outcome in everything.refused} - now.keys()
            refused = [o for o in everything.refused if _key(o.job.source) in ready | places - tried.keys()]
            if not refusal:  # else the plan is made again at the next look
                tried |= {path: now[path] for path in ready} | dict.fromkeys(places)
            results |= {_key(job.target) for job in jobs}
            if jobs or refused:
                yield Plan(tuple(jobs), tuple(refused))
        before = now
        sleep(SECONDS_BETWEEN_LOOKS)


def _key(path: Path) -> str:
    return os.path.normpath(path.absolute())


def _states(folders: Sequence[str]) -> dict[str, State]:
    """The state of every file beneath the folders, hidden ones left out."""
    found: dict[str, State] = {}
    waiting = [_key(Path(folder)) for folder in folders]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:  # a folder that is gone again
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                with suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        status = entry.stat()
                        found[entry.path] = status.st_size, status.st_mtime_ns
    return found
