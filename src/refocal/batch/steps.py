"""How long the steps of one photo took."""

from __future__ import annotations

import time
from dataclasses import dataclass

from refocal.types import Progress


@dataclass(frozen=True)
class Steps:
    """Seconds of each step, and the number of tiles.

    Attributes:
        read: Reading the file.
        estimate: Estimating the blur, or the survey of a method that predicts it.
        restore: Restoring the tiles.
        write: Writing the result, and what is written beside it.
        tiles: Number of tiles; 0 where nothing was restored, as at strength 0.
    """

    read: float = 0.0
    estimate: float = 0.0
    restore: float = 0.0
    write: float = 0.0
    tiles: int = 0

    def __str__(self) -> str:
        tiles = f" in {self.tiles} tile{'s' if self.tiles != 1 else ''}" if self.tiles else ""
        return (
            f"read {self.read:.2f} s, estimate {self.estimate:.2f} s, restore {self.restore:.2f} s{tiles}, "
            f"write {self.write:.2f} s"
        )


NO_STEPS = Steps()


class Stopwatch:
    """Measures the steps of one photo while they are done, and passes the tiles on to ``progress``."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._ends = {"began": time.perf_counter()}
        self._tiles = 0
        if progress is not None:
            progress(0, 0)

    def has(self, step: str) -> None:
        """A step, ``read`` or ``restored``, has ended."""
        self._ends[step] = time.perf_counter()

    def tile(self, done: int, count: int) -> None:
        """A tile is done."""
        self._tiles = count
        if self._progress is not None:
            self._progress(done, count)

    def steps(self, estimate_seconds: float) -> Steps:
        """All steps; the last ends now."""
        began, read, restored = (self._ends[step] for step in ("began", "read", "restored"))
        write = time.perf_counter() - restored
        return Steps(read - began, estimate_seconds, restored - read - estimate_seconds, write, self._tiles)
