"""Progress of a batch, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def progress(count: int) -> Iterator[Callable[[str, str], None]]:
    """Show the progress of a batch on stderr: a bar with the time left in a terminal, plain lines elsewhere.

    Yields:
        A function that takes a photo's name and a message, and counts it as done.
    """
    if not sys.stderr.isatty():
        done = 0

        def line(name: str, said: str) -> None:
            nonlocal done
            done += 1
            sys.stderr.write(f"[{done}/{count}] {name}: {said}\n")
            sys.stderr.flush()

        yield line
        return

    from rich.console import Console
    from rich.markup import escape
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
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("restoring", total=count)

        def advance(name: str, said: str) -> None:
            bar.console.print(f"{escape(name)}: {escape(said)}", highlight=False)
            bar.advance(task)

        yield advance
