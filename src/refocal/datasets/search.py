"""Whether a data set is on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from refocal.datasets import DATASETS, find_folder, open_dataset
from refocal.types import InputError


@dataclass(frozen=True)
class Found:
    """Where a data set lies.

    Attributes:
        folder: Its folder; None where it isn't found.
        images: Number of images of the set as it opens without an option; None where it doesn't open.
        problem: Why a folder that is there doesn't open, in one sentence; else empty.
        anywhere: Whether the set has no folder of its own: the user's pairs, which are named by their path.
    """

    folder: Path | None = None
    images: int | None = None
    problem: str = ""
    anywhere: bool = False

    @property
    def summary(self) -> str:
        """A word or two for a table; empty where nothing is searched."""
        if self.anywhere:
            return ""
        if self.images is not None:
            return f"{self.images} images"
        return "incomplete" if self.problem else "no"


def search(name: str, data_root: str | Path | None = None) -> Found:
    """Look for a data set where ``open_dataset`` looks.

    Args:
        name: Key in ``DATASETS``.
        data_root: Folder that holds the data sets; by default the places of ``open_dataset``.
    """
    if not DATASETS[name].folders:
        return Found(anywhere=True)
    folder = find_folder(name, data_root)
    if folder is None:
        return Found()
    try:
        return Found(folder, len(open_dataset(name, data_root)))
    except InputError as error:
        return Found(folder, None, str(error))
