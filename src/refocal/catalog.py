"""One line of a table of methods, estimators, metrics or data sets; standard library only."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from refocal.types import InputError

T = TypeVar("T")
Made = TypeVar("Made", covariant=True)


@dataclass(frozen=True)
class Entry(Generic[Made]):
    """Where a method, estimator, metric or data set is defined, so that a listing imports none of them.

    Attributes:
        target: ``"package.module:Name"`` of a class or function; calling it returns ``Made``.
        about: One line for ``refocal methods`` and the README.
        needs: What a call needs besides the image: ``"blur"`` (a ``Psf`` or ``BlurMap``), ``"psf"``, ``"map"`` (a
            ``BlurMap``; the true one, for metrics), ``"sharp"`` (metrics with a reference), ``"views"`` (left and right
            view of a dual-pixel photo, instead of the image), ``"learn"`` (the extra ``refocal[learn]``) or nothing.
        paper: Authors (or name) and year, as a citation.
        options: Fields that this line sets to other values than the class's defaults.
        folders: Names that the folder of a data set may have beneath the data root; the first that exists is taken.
        source: Where to get a data set.
        made_for: The photos that a paper's network was trained for, as words after "made for"; empty for what is meant
            for any photo.
    """

    target: str
    about: str
    needs: Literal["", "blur", "psf", "map", "sharp", "views", "learn"] = ""
    paper: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    source: str = ""
    made_for: str = ""

    def load(self) -> Callable[..., Made]:
        """Import the module and return the named class or function."""
        module, _, name = self.target.partition(":")
        loaded: Callable[..., Made] = getattr(importlib.import_module(module), name)
        return loaded

    def make(self, options: Mapping[str, Any] | None = None) -> Made:
        """Build the object from the class's defaults, this line's ``options`` and those given here, the last first."""
        return self.load()(**{**self.options, **(options or {})})


def find(table: Mapping[str, T], name: str, kind: str) -> T:
    """Look up ``name`` in ``table``, which maps names to an ``Entry`` or anything else.

    Raises:
        InputError: If it isn't there; the sentence names the nearest entry, or all of them.
    """
    if name in table:
        return table[name]
    near = difflib.get_close_matches(name, table, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"choose one of: {', '.join(table)}."
    raise InputError(f"There is no {kind} named {name!r}: {hint}")
