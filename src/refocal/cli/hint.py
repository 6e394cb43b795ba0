"""Hints that a user sees once, after the first run that they fit."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from refocal.cli.flags import say


def hint_once(name: str, sentence: str) -> None:
    """Say a sentence in a terminal, unless it was said before on this account; never fails.

    An empty file ``hint-NAME`` in ``$XDG_STATE_HOME/refocal``, or in ``~/.local/state/refocal``, records that it was
    said. Where it can't be written, nothing is said, as it would be said after every run.
    """
    if not sys.stderr.isatty():
        return
    try:
        state = os.environ.get("XDG_STATE_HOME", "")
        folder = (Path(state) if Path(state).is_absolute() else Path.home() / ".local/state") / "refocal"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"hint-{name}").touch(exist_ok=False)
    except (OSError, RuntimeError):  # said before, or no place to record it, or no home
        return
    say(f"Hint: {sentence}")
