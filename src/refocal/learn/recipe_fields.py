"""Checks of a recipe's mappings against the fields of the network's ``Config``, the pairs, the task and the losses."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from refocal.catalog import Entry, find
from refocal.learn.losses.pixelwise import LOSSES
from refocal.learn.nets import NETWORKS
from refocal.learn.pairs.uniform import PAIRS
from refocal.learn.recipe import Recipe, Term
from refocal.learn.tasks import TASKS
from refocal.types import InputError


def check_fields(recipe: Recipe) -> None:
    """Refuse unknown fields, and values of another type, before anything is built.

    Raises:
        InputError: If a mapping of the recipe has such a field; the message names the known ones.
    """
    pairs = find(PAIRS, recipe.pairs, "kind of pairs")
    _check("config", recipe.config, _beside(find(NETWORKS, recipe.network, "network"), "Config"), recipe.network)
    _check("task_options", recipe.task_options, _beside(find(TASKS, recipe.task, "task"), "Options"), recipe.task)
    _check("pairs_options", recipe.pairs_options, _kinds(pairs.load()), recipe.pairs)
    for i, phase in enumerate(recipe.phases):
        _check(f"phases.{i}.pairs_options", phase.pairs_options, _kinds(pairs.load()), recipe.pairs)
        pairs.make({**recipe.pairs_options, **phase.pairs_options})  # it refuses values out of range
        _check_terms(f"phases.{i}.loss", phase.loss)
    _check_terms("loss", recipe.loss)


def _check_terms(place: str, terms: tuple[Term, ...]) -> None:
    for i, term in enumerate(terms):
        loss = find(LOSSES, term.loss, "loss").load()
        names = list(inspect.signature(loss).parameters)[2:]  # after the two images
        kinds = typing.get_type_hints(loss)
        _check(f"{place}.{i}.options", term.options, {name: kinds[name] for name in names}, term.loss)


def _beside(entry: Entry, name: str) -> dict[str, Any]:
    """The fields of the dataclass ``name`` in the module of an entry; none if it has no such class."""
    made = getattr(importlib.import_module(entry.target.partition(":")[0]), name, None)
    return {} if made is None else _kinds(made)


def _kinds(made: Any) -> dict[str, Any]:
    kinds = typing.get_type_hints(made)
    return {field.name: kinds[field.name] for field in dataclasses.fields(made)}


def _check(place: str, given: Mapping[str, Any], known: Mapping[str, Any], owner: str) -> None:
    for name, value in given.items():
        if name not in known:
            hint = f"there are {', '.join(known)}." if known else "there is none at all."
            raise InputError(f"{owner} has no field {place}.{name}: {hint}")
        if not _fits(value, known[name]):
            raise InputError(f"The recipe's {place}.{name} is {_described(known[name])}, not {value!r}.")


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value from a recipe, or from its JSON, is of a field's type."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is Literal:
        return value in parts
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if origin is tuple:
        return isinstance(value, (tuple, list)) and all(_fits(part, parts[0]) for part in value)
    if origin in (dict, Mapping):
        return isinstance(value, Mapping)
    return not isinstance(kind, type) or isinstance(value, kind)


def _described(kind: Any) -> str:
    if typing.get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, typing.get_args(kind)))}"
    if typing.get_origin(kind) is tuple:
        return "a list such as [3, 5]"
    return {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}.get(
        kind, f"of the type {kind}"
    )
