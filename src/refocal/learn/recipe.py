"""A training as data: a frozen dataclass with a source for each number."""

from __future__ import annotations

import dataclasses
import difflib
import json
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from refocal.types import InputError


@dataclass(frozen=True)
class Term:
    """A summand of the loss.

    Attributes:
        loss: A name from ``LOSSES``.
        weight: Factor of the loss.
        options: Keyword arguments of the loss function.
    """

    loss: str
    weight: float = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Phase:
    """A part of a training with one size of crops and batches.

    Attributes:
        steps: Number of steps.
        crop_px: Side of the crops in pixels.
        batch: Crops per step, over all processes.
        pairs_options: Fields of the pairs' dataclass that replace the recipe's in this phase.
        loss: Terms that replace the recipe's in this phase; empty keeps them.
    """

    steps: int
    crop_px: int = 128
    batch: int = 32
    pairs_options: Mapping[str, Any] = field(default_factory=dict)
    loss: tuple[Term, ...] = ()


class Place(NamedTuple):
    """Phase of a step, its index, and the index of the step within it; all from 0."""

    number: int
    phase: Phase
    step: int


@dataclass(frozen=True)
class Recipe:
    """A training.

    Attributes:
        about: Result of the training, in one line.
        network: A name from ``NETWORKS``.
        pairs: A name from ``PAIRS``.
        phases: Phases in order.
        loss: Terms whose weighted sum is minimised.
        config: Fields of the network's ``Config`` that differ from its defaults.
        pairs_options: Fields of the pairs' dataclass that differ from its defaults.
        start: Initial weights: a name from ``WEIGHTS`` or a file; empty for random ones.
        task: A name from ``TASKS``.
        task_options: Fields of the task's ``Options`` that differ from its defaults.
        optimiser: ``adam``; ``adamw`` with decoupled weight decay; or ``muon``, which orthogonalises the updates of
            convolutions and leaves the rest to Adam.
        learning_rate: Learning rate at the beginning, after warm-up.
        final_learning_rate: Learning rate at the end.
        schedule: Decay of the rate: ``cosine``, ``constant``, or ``stairs`` (times ``stair_factor`` every
            ``stair_steps``).
        warmup_steps: Steps over which the rate rises linearly.
        hold_steps: Steps before the rate decays, warm-up included.
        stair_steps: See ``schedule``.
        stair_offset: Number of steps by which the first stair is shorter than the others.
        stair_factor: See ``schedule``.
        weight_decay: Weight decay of the optimiser.
        clip_norm: Maximum norm of the gradient; 0 doesn't clip.
        ema: Decay of the averaged weights, which are validated and exported; 0 takes the last weights.
        precision: ``32-true``, ``bf16-mixed`` or ``16-mixed``. Losses are computed in float32 in any case.
        channels_last: Memory layout of images.
        compile: Whether to compile the network; faster on a GPU, slower on the CPUs tried.
        validation_steps: Steps between validations.
        validation_crops: Number of held-out crops that a validation measures.
        seed: Seed of everything random.
        source: Source of each number, by field.
    """

    about: str
    network: str
    pairs: str
    phases: tuple[Phase, ...]
    loss: tuple[Term, ...] = (Term("l1"),)
    config: Mapping[str, Any] = field(default_factory=dict)
    pairs_options: Mapping[str, Any] = field(default_factory=dict)
    start: str = ""
    task: str = "restore"
    task_options: Mapping[str, Any] = field(default_factory=dict)
    optimiser: Literal["adam", "adamw", "muon"] = "adam"
    learning_rate: float = 1e-4
    final_learning_rate: float = 0.0
    schedule: Literal["cosine", "constant", "stairs"] = "cosine"
    warmup_steps: int = 0
    hold_steps: int = 0
    stair_steps: int = 0
    stair_offset: int = 0
    stair_factor: float = 0.1
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    ema: float = 0.0
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    channels_last: bool = True
    compile: bool = False
    validation_steps: int = 1000
    validation_crops: int = 256
    seed: int = 0
    source: Mapping[str, str] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """Number of steps of all phases."""
        return sum(phase.steps for phase in self.phases)

    def phase_at(self, step: int) -> Place:
        """The place of a step, counted from 0.

        Raises:
            IndexError: If the recipe has fewer steps.
        """
        for number, phase in enumerate(self.phases):
            if step < phase.steps:
                return Place(number, phase, step)
            step -= phase.steps
        raise IndexError(f"The recipe ends before step {step}.")

    def loss_at(self, step: int) -> tuple[Term, ...]:
        """The terms of the loss of a step, counted from 0."""
        return self.phase_at(step).phase.loss or self.loss

    def rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        import math

        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        since = max(0, step - max(self.hold_steps, self.warmup_steps))
        if self.schedule == "constant":
            return self.learning_rate
        if self.schedule == "stairs":
            stair = (since + self.stair_offset) // max(1, self.stair_steps)
            return max(self.final_learning_rate, self.learning_rate * self.stair_factor**stair)
        done = since / max(1, self.steps - 1 - max(self.hold_steps, self.warmup_steps))
        fall = (1 + math.cos(math.pi * min(1.0, done))) / 2
        return self.final_learning_rate + (self.learning_rate - self.final_learning_rate) * fall


def to_json(recipe: Recipe) -> str:
    """The recipe as JSON, for checkpoints and exported networks."""
    return json.dumps(dataclasses.asdict(recipe))


def from_json(text: str) -> Recipe:
    """The recipe from its JSON."""
    known = json.loads(text)
    known["phases"] = tuple(Phase(**{**phase, "loss": _terms(phase.get("loss", ()))}) for phase in known["phases"])
    return Recipe(**{**known, "loss": _terms(known["loss"])})


def _terms(known: Iterable[Mapping[str, Any]]) -> tuple[Term, ...]:
    return tuple(Term(**term) for term in known)


def override(recipe: Recipe, given: Mapping[str, str]) -> Recipe:
    """A copy with fields changed by name.

    Args:
        recipe: Not changed.
        given: Name -> value as text: ``{"learning_rate": "1e-3", "phases.0.steps": "2000", "loss.1.weight": "0.1"}``.
            Dashes in names are underscores. Fields of mappings, ``config.glue``, take JSON (numbers, true, false, null,
            lists), or else text; ``recipe_fields.check_fields`` refuses unknown ones.

    Raises:
        InputError: If there is no such field (the message names the nearest), or the value is of another type.
    """
    for name, text in given.items():
        recipe = _replaced(recipe, name.replace("-", "_").split("."), text, name, recipe)
    return recipe


def field_names(value: Any, lead: str = "") -> list[str]:
    """All names that ``override`` takes: ``seed``, ``phases.0.steps``, ...; of mappings, their present keys."""
    parts: Iterable[tuple[str, Any]]
    if dataclasses.is_dataclass(value):
        parts = [(f.name, getattr(value, f.name)) for f in dataclasses.fields(value) if f.name != "source"]
    elif isinstance(value, Mapping):
        parts = value.items()
    elif isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
        parts = [(str(i), part) for i, part in enumerate(value)]
    else:
        return [lead] if value is None or isinstance(value, (bool, int, float, str, list)) or value else []
    return [name for key, part in parts for name in field_names(part, f"{lead}.{key}" if lead else key)]


def _replaced(value: Any, path: list[str], text: str, name: str, recipe: Recipe) -> Any:
    """``value`` with the field that ``path`` leads to read from ``text``."""
    key, rest = path[0], path[1:]
    if isinstance(value, Mapping) and key:
        new = _replaced(value.get(key, {}), rest, text, name, recipe) if rest else _literal(text)
        return {**value, key: new}
    if isinstance(value, tuple) and key.isdigit() and int(key) < len(value) and rest:
        i = int(key)
        return (*value[:i], _replaced(value[i], rest, text, name, recipe), *value[i + 1 :])
    if not dataclasses.is_dataclass(value) or key not in {f.name for f in dataclasses.fields(value)} - {"source"}:
        return _no_field(name, recipe)
    old = getattr(value, key)
    if rest:
        new = _replaced(old, rest, text, name, recipe)
    elif isinstance(old, (bool, int, float, str)):
        new = _read(text, typing.get_type_hints(type(value))[key], name)
    else:
        return _no_field(name, recipe)
    return dataclasses.replace(value, **{key: new})  # type: ignore[type-var]


def _literal(text: str) -> Any:
    """A number, true, false, null or a list of such, from JSON; any other text is itself."""
    try:
        value = json.loads(text, parse_constant=str)  # NaN and Infinity aren't valid values
    except ValueError:
        return text
    return tuple(value) if isinstance(value, list) else value


def _no_field(name: str, recipe: Recipe) -> Any:
    names = field_names(recipe)
    near = difflib.get_close_matches(name.replace("-", "_"), names, n=1, cutoff=0.4)
    inside = [known for known in names if known.rpartition(".")[2] == name.replace("-", "_")]
    hint = f"did you mean {(inside or near)[0]!r}?" if inside or near else f"there are {', '.join(names)}."
    raise InputError(f"A recipe has no field {name!r}: {hint}")


def _read(text: str, kind: Any, name: str) -> Any:
    if isinstance(kind, types.UnionType):
        kind = typing.get_args(kind)[0]
    if typing.get_origin(kind) is Literal:
        if text in typing.get_args(kind):
            return text
        raise InputError(f"The recipe's {name} is one of {', '.join(typing.get_args(kind))}, not {text!r}.")
    if kind is bool:
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise InputError(f"The recipe's {name} is true or false, not {text!r}.")
    try:
        value = kind(text)
    except ValueError:
        raise InputError(
            f"The recipe's {name} is a {'whole number' if kind is int else 'number'}, not {text!r}."
        ) from None
    if kind in (int, float) and not 0 <= value < float("inf"):
        raise InputError(f"The recipe's {name} is a number of at least 0, not {text}.")
    return value
