"""Version and commit of the code that runs: every row of results carries both.

Standard library only: the command line loads this file.
"""

from __future__ import annotations

import subprocess
from pathlib import Path


def version() -> str:
    """The version of refocal that is installed; empty when it runs from a folder of sources."""
    import importlib.metadata  # takes longer than the rest of the start

    try:
        return importlib.metadata.version("refocal")
    except importlib.metadata.PackageNotFoundError:
        return ""


def commit() -> str:
    """Short hash of this checkout's commit, with -dirty after it when files were changed; empty outside a checkout."""
    checkout = Path(__file__).resolve().parents[2]
    if not (checkout / ".git").exists():  # installed: a repository further up is another project
        return ""
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # no git on this machine
        return ""
    return result.stdout.strip()
