"""The verb ``list``: what there is to choose from, as a table or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from refocal.catalog import Entry, find
from refocal.cli.flags import Parser, put
from refocal.types import InputError

Record: TypeAlias = "dict[str, Any]"


@dataclass(frozen=True)
class Listing:
    """One kind of entries.

    Attributes:
        records: Reads them, given the folder of the data sets; one record each, as ``--json`` shows it.
        columns: Field of a record -> head of its column in the text.
    """

    records: Callable[[Path | None], list[Record]]
    columns: Mapping[str, str]


def command(words: list[str]) -> int:
    """Print one of the tables."""
    parser = Parser(prog="refocal list", description="List what there is to choose from, one line each.")
    parser.add_argument("kind", metavar="WHAT", help=", ".join(LISTINGS))
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--data-root", type=Path, metavar="DIR", help="folder that holds the data sets [$REFOCAL_DATA]")
    values = parser.parse_intermixed_args(words)
    find(LISTINGS, values.kind, "list")
    if values.data_root is not None and values.kind != "datasets":
        raise InputError("--data-root goes with refocal list datasets.")
    show(values.kind, as_json=values.json, data_root=values.data_root)
    return 0


def show(kind: str, *, as_json: bool, data_root: Path | None = None) -> None:
    """Print the entries of a kind in ``LISTINGS`` on stdout."""
    listing = LISTINGS[kind]
    records = listing.records(data_root)
    if as_json:
        import json

        put(json.dumps(records, indent=1), lines=True)
        return
    lines = [tuple(listing.columns.values())]
    lines += [tuple(str(record[field] or "-") for field in listing.columns) for record in records]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        put("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _methods(_: Path | None) -> list[Record]:
    from refocal.methods import METHODS

    return [{**_plain(name, entry), "made_for": entry.made_for} for name, entry in METHODS.items()]


def _estimators(_: Path | None) -> list[Record]:
    from refocal.estimators import ESTIMATORS

    return [{**_plain(name, entry), "made_for": entry.made_for} for name, entry in ESTIMATORS.items()]


def _metrics(_: Path | None) -> list[Record]:
    from refocal.metrics import METRICS

    return [_plain(name, entry) for name, entry in METRICS.items()]


def _datasets(data_root: Path | None) -> list[Record]:
    from refocal.datasets import DATASETS
    from refocal.datasets.search import search

    records = []
    for name, entry in DATASETS.items():
        found = search(name, data_root)
        folder = None if found.folder is None else str(found.folder)
        about = {"name": name, "about": entry.about, "paper": entry.paper, "source": entry.source}
        where = {"folders": list(entry.folders), "folder": folder, "images": found.images, "problem": found.problem}
        records.append({**about, **where, "found": found.summary})
    return records


def _recipes(_: Path | None) -> list[Record]:
    from refocal.learn.recipes import RECIPES

    return [{"name": name, "network": recipe.network, "about": recipe.about} for name, recipe in RECIPES.items()]


def _tables(_: Path | None) -> list[Record]:
    from refocal.tables import TABLES

    return [{"name": name, "about": entry.about, "paper": entry.paper} for name, entry in TABLES.items()]


def _plain(name: str, entry: Entry[Any]) -> Record:
    return {"name": name, "needs": entry.needs, "about": entry.about, "paper": entry.paper}


_SHARED = {"name": "name", "needs": "needs", "about": "what it does", "paper": "paper"}
LISTINGS: dict[str, Listing] = {
    "methods": Listing(_methods, {**_SHARED, "made_for": "made for"}),
    "estimators": Listing(_estimators, {**_SHARED, "made_for": "made for"}),
    "datasets": Listing(
        _datasets,
        {"name": "name", "about": "what it holds", "found": "found", "source": "where to get it", "paper": "paper"},
    ),
    "metrics": Listing(_metrics, _SHARED),
    "recipes": Listing(_recipes, {"name": "name", "network": "network", "about": "what it trains"}),
    "tables": Listing(_tables, {"name": "name", "about": "what it compares", "paper": "paper"}),
}
"""What ``refocal list`` takes -> its entries."""
