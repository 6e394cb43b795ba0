"""One line of a table of methods, estimators, metrics or data sets; standard library only."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from refocal.types import InputError

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """Where a method, estimator, metric or data set lives, told without importing it.

    Attributes:
        target: ``"package.module:Name"``.
        about: One line for ``refocal methods`` and the README.
        needs: What a call must be given besides the image: ``"blur"`` (a ``Psf`` or ``BlurMap``), ``"psf"``, ``"map"``
            (a ``BlurMap``; the true one, for metrics), ``"sharp"`` (metrics with a reference), ``"views"`` (left and
            right view of a dual-pixel photo, in its place), ``"learn"`` (the extra ``refocal[learn]``) or nothing.
        paper: Authors (or name) and year, as a citation.
        options: Fields that this line sets otherwise than the class's own defaults.
    """

    target: str
    about: str
    needs: Literal["", "blur", "psf", "map", "sharp", "views", "learn"] = ""
    paper: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> Any:
        """Import the module and return the named class or function."""
        module, _, name = self.target.partition(":")
        return getattr(importlib.import_module(module), name)

    def make(self, given: Mapping[str, Any] | None = None) -> Any:
        """Build the object, from the class's defaults, this line's ``options`` and the fields ``given``, the last
        ruling.
        """
        return self.load()(**{**self.options, **(given or {})})


def find(table: Mapping[str, T], name: str, kind: str) -> T:
    """Look ``name`` up in ``table``, of ``Entry`` or of anything else that has names.

    Raises:
        InputError: If it isn't there; the sentence names the nearest entry, or all of them.
    """
    if name in table:
        return table[name]
    near = difflib.get_close_matches(name, table, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"choose one of: {', '.join(table)}."
    raise InputError(f"There is no {kind} named {name!r}: {hint}")


def lines_of(table: Mapping[str, Entry], made: object) -> list[str]:
    """Names of the lines that make objects of ``made``'s class; none for a class of the user's own."""
    target = f"{type(made).__module__}:{type(made).__name__}"
    return [name for name, entry in table.items() if entry.target == target]
