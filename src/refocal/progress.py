"""Progress on stderr: bars with the time left in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from refocal.printable import printable

SECONDS_BETWEEN_LINES = 20  # of one label in ``labelled_progress``, without a terminal


@dataclass(frozen=True)
class Shown:
    """Where a batch of photos says how far it is.

    Attributes:
        tile: Takes the name of the current photo, the number of its tiles that are done and of all; 0 and 0 where
            its work begins.
        advance: Takes a photo's name, a message and whether it took work, and counts the photo as done.
    """

    tile: Callable[[str, int, int], None]
    advance: Callable[[str, str, bool], None]


@contextmanager
def progress(count: int, *, quiet: bool = False) -> Iterator[Shown]:
    """Show the progress of a batch of photos on stderr: of all photos and, by tiles, of the current one.

    Args:
        count: Number of photos; 0 if it isn't known.
        quiet: Whether nothing is shown.

    Yields:
        The functions to call.
    """
    if quiet:
        yield Shown(lambda *_: None, lambda *_: None)
    elif not sys.stderr.isatty():
        yield _lines(count)
    else:
        with _bars() as bars:
            yield _two_bars(bars, count)


def _lines(count: int) -> Shown:
    done = worked = 0
    began = photo_began = written = time.monotonic()

    def place(more: int) -> str:
        return f"[{done + more}/{count}] " if count else ""

    def tile(name: str, tiles: int, of: int) -> None:
        nonlocal photo_began, written
        now = time.monotonic()
        if not tiles:
            photo_began = written = now
        elif tiles < of and now - written >= SECONDS_BETWEEN_LINES:
            written = now
            left = time_left((now - photo_began) / tiles * (of - tiles))
            _write(f"{place(1)}{printable(name)}: tile {tiles} of {of}, {left}")

    def advance(name: str, message: str, work: bool) -> None:
        nonlocal done, worked
        done, worked = done + 1, worked + work
        left = ""
        if work and done < count:
            spent = time.monotonic() - began
            left = f"{'' if message.endswith('.') else ','} {time_left(spent / worked * (count - done))}"
        _write(f"{place(0)}{printable(f'{name}: {message}')}{left}")

    return Shown(tile, advance)


def _two_bars(bars: Any, count: int) -> Shown:
    from rich.markup import escape

    batch = bars.add_task("photos", total=count, visible=count > 1)
    photo = bars.add_task("", total=None, visible=False)

    def tile(name: str, tiles: int, of: int) -> None:
        if not tiles:  # a bar without an end until the first tile is done
            bars.reset(photo, total=None, description=escape(_shortened(printable(name))), visible=True)
        else:
            bars.update(photo, completed=tiles, total=of)

    def advance(name: str, message: str, work: bool) -> None:
        style = "red" if message.startswith("failed") else "" if work else "bright_black"
        bars.console.print(escape(printable(f"{name}: {message}")), style=style, highlight=False, soft_wrap=True)
        bars.update(photo, visible=False)
        bars.advance(batch)

    return Shown(tile, advance)


def time_left(seconds: float) -> str:
    """A duration as a person says it: ``40 s left``, ``3 min left``, ``2 h left``."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.0f} {unit} left"
    return f"{max(seconds, 1):.0f} s left"


def _shortened(name: str, most: int = 28) -> str:
    """The end of a long name, which is what differs."""
    return name if len(name) <= most else "…" + name[1 - most :]


def _write(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


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
                left = f", {time_left((now - start) / (done - done_before) * (count - done))}"
            _write(f"{printable(label)}: {done} of {count} images{left}")

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
