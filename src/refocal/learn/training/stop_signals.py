"""Stopping a training between two steps."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Yield a function: whether SIGINT (Ctrl-C) or SIGTERM came. A second one raises ``KeyboardInterrupt`` at once."""
    caught: list[int] = []

    def note(number: int, frame: Any) -> None:  # noqa: ARG001
        if caught:
            raise KeyboardInterrupt
        caught.append(number)

    try:
        old = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not in the main thread, where alone signals can be handled
        old = {}
    try:
        yield lambda: bool(caught)
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
