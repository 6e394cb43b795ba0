"""Progress on stderr: bars with the time left in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from refocal.printable import printable

SECONDS_BETWEEN_LINES = 20  # of one label in ``labelled_progress``, without a terminal


@contextmanager
def progress(count: int) -> Iterator[Callable[[str, str], None]]:
    """Show the progress of a batch of photos on stderr.

    Yields:
        A function that takes a photo's name and a message, and counts it as done.
    """
    if not sys.stderr.isatty():
        done = 0

        def line(name: str, message: str) -> None:
            nonlocal done
            done += 1
            sys.stderr.write(f"[{done}/{count}] {printable(f'{name}: {message}')}\n")
            sys.stderr.flush()

        yield line
        return

    from rich.markup import escape

    with _bars() as bars:
        task = bars.add_task("restoring", total=count)

        def advance(name: str, message: str) -> None:
            bars.console.print(escape(printable(f"{name}: {message}")), highlight=False)
            bars.advance(task)

        yield advance


@contextmanager
def labelled_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show the progress of several loops on stderr, one bar or series of lines per label.

    Yields:
        A function that takes a label, the number of images done and the number of all images.
    """
    if not sys.stderr.isatty():
        began: dict[str, tuple[float, int]] = {}
        written: dict[str, float] = {}

        def line(label: str, done: int, count: int) -> None:
            now = time.monotonic()
            start, done_before = began.setdefault(label, (now, done))
            if done < count and now - written.setdefault(label, now) < SECONDS_BETWEEN_LINES:
                return
            written[label] = now
            left = ""
            if done_before < done < count:
                left = f", {(now - start) / (done - done_before) * (count - done):.0f} s left"
            sys.stderr.write(f"{printable(label)}: {done} of {count} images{left}\n")
            sys.stderr.flush()

        yield line
        return

    tasks: dict[str, Any] = {}
    with _bars() as bars:

        def show(label: str, done: int, count: int) -> None:
            if label not in tasks:
                tasks[label] = bars.add_task(printable(label), total=count)
            bars.update(tasks[label], completed=done, total=count)  # a second data set may continue under one label

        yield show


def _bars() -> Any:
    """Bars with counts, elapsed time and time left."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns: list[Any] = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    columns += [TimeElapsedColumn(), TextColumn("left:"), TimeRemainingColumn()]
    return Progress(*columns, console=Console(stderr=True))
