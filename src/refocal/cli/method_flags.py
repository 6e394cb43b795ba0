"""The fields of a method's dataclass as command-line flags.

Standard library only.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Sequence
from typing import Any

from refocal.catalog import Entry, find
from refocal.cli.flags import Group, Parser, flag, number
from refocal.types import Deblurrer, InputError


def add_method(parser: Parser | Group, default: str, *, prog: str) -> None:
    """Add the flag ``--method``, for ``parse_with_method``."""
    from refocal.methods import METHODS

    names = dict.fromkeys([default, *METHODS])
    about = f"{', '.join(names)}; options of one: {prog} --method M --help"
    parser.add_argument("--method", default=default, metavar="M", help=about)


def add_methods(parser: Parser | Group, *, prog: str) -> None:
    """Add the flag ``--method`` that takes several, for ``parse_with_methods``."""
    from refocal.methods import METHODS

    about = f"{', '.join(METHODS)}; several: A,B or the flag again; options of one: {prog} --method M --help"
    parser.add_argument("--method", action="append", metavar="M", help=about)


def parse_with_methods(parser: Parser, words: list[str]) -> tuple[argparse.Namespace, dict[str, Deblurrer]]:
    """Parse words that may name several methods; the options of a method are flags where it is the only one.

    Args:
        parser: Has the flags of ``add_methods``.
        words: The words after the verb.

    Returns:
        The values, and name -> method; empty where none is named.

    Raises:
        InputError: As ``parse_with_method``; also for a flag that no other than a method has, beside several methods.
    """
    from refocal.methods import METHODS, make_method

    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--method", action="append", nargs="?", const="", default=[])
    given = ",".join(first.parse_known_args(words)[0].method).split(",")
    names = list(dict.fromkeys(name.strip() for name in given if name.strip()))
    for name in names:
        find(METHODS, name, "method")
    if len(names) == 1:
        values, method = _parse_named(parser, words, names[0])
        return values, {names[0]: method}
    values, unknown = parser.parse_known_intermixed_args(words)
    _refuse_unknown(unknown, parser.prog, "the options of a method are flags where one method is named")
    return values, {name: make_method(name) for name in names}


def parse_with_method(
    parser: argparse.ArgumentParser, words: list[str], with_blur: tuple[Sequence[str], str] | None = None
) -> tuple[argparse.Namespace, str, Deblurrer]:
    """Parse words whose flags depend on the method that they name.

    Args:
        parser: Has the flag ``--method``, see ``add_method``.
        words: The words after the verb.
        with_blur: Flags that give the blur, and the method that replaces "default" if any of them is given.

    Returns:
        The values, the name of the method, and the method.

    Raises:
        InputError: If there is no such method or flag, or a value is refused.
    """
    flags, instead = with_blur or ((), "")
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for word in ("--method", *flags):
        first.add_argument(word, nargs="?", const="")
    seen = first.parse_known_args(words)[0]
    name = seen.method or parser.get_default("method")
    if name == "default" and any(value is not None for key, value in vars(seen).items() if key != "method"):
        name = instead
    values, method = _parse_named(parser, words, name)
    return values, name, method


def _parse_named(parser: argparse.ArgumentParser, words: list[str], name: str) -> tuple[argparse.Namespace, Deblurrer]:
    """Parse words with the options of one method as flags.

    Raises:
        InputError: If there is no such method or flag, or a value is refused.
    """
    from refocal.methods import METHODS, make_method

    entry = find(METHODS, name, "method")
    own = [field for field in dataclasses.fields(_dataclass(entry)) if not field.metadata.get("named")]
    _add_fields(parser, entry, name)
    values, unknown = parser.parse_known_intermixed_args(words)
    options = ", ".join(flag(field.name) for field in own)
    hint = f"the options of {name} are {options}" if own else f"{name} has no options"
    _refuse_unknown(unknown, parser.prog, hint)
    return values, make_method(name, {f.name: getattr(values, f.name) for f in own if hasattr(values, f.name)})


def _add_fields(parser: argparse.ArgumentParser, entry: Entry[Deblurrer], name: str) -> None:
    """Add a flag for every field of a method's dataclass: ``noise_to_signal`` becomes ``--noise-to-signal``.

    Args:
        parser: Gets a group of flags named after the method.
        entry: Of a dataclass with fields of type float, int, bool, str, ``Literal``, or one of these or None.
        name: Name of the method.

    Raises:
        TypeError: If a field is of another type, as no text could give it a value.
    """
    cls = _dataclass(entry)
    group = parser.add_argument_group(f"options of {name}")
    sentences = _attribute_sentences(cls)
    annotations = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        if field.metadata.get("named"):  # the name of the method decides it
            continue
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        about = sentences.get(field.name, "")
        default = entry.options.get(field.name, field.default)
        if default is not None and default is not dataclasses.MISSING:
            about = f"{about} [{default:.4g}]" if isinstance(default, float) else f"{about} [{default}]"
        group.add_argument(
            flag(field.name),
            required=required and field.name not in entry.options,
            default=argparse.SUPPRESS,  # the dataclass has the defaults
            help=about.strip().replace("%", "%%"),
            **_reading(annotations[field.name], f"{cls.__name__}.{field.name}"),
        )


def _dataclass(entry: Entry[Deblurrer]) -> type[Any]:
    cls: Any = entry.load()
    return cls


def _refuse_unknown(unknown: list[str], prog: str, hint: str) -> None:
    """Refuse a flag that doesn't exist.

    Args:
        unknown: Words that the parser left over.
        prog: The command.
        hint: Which flags there are.

    Raises:
        InputError: If ``unknown`` holds anything.
    """
    if unknown:
        first = next((word for word in unknown if word.startswith("-")), unknown[0]).partition("=")[0]
        raise InputError(f"There is no flag {first}: {hint}; see {prog} --help.")


def _reading(annotation: Any, where: str) -> dict[str, Any]:
    """How argparse reads a value of this type."""
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        inner = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
        annotation = inner[0] if len(inner) == 1 else annotation
    if typing.get_origin(annotation) is typing.Literal:
        choices = typing.get_args(annotation)
        return {"choices": choices, "type": type(choices[0])}
    if annotation is bool:
        return {"action": argparse.BooleanOptionalAction}
    if annotation in (float, int, str):
        metavar = {float: "X", int: "N", str: "TEXT"}[annotation]
        return {"type": number() if annotation is float else annotation, "metavar": metavar}
    raise TypeError(f"{where} is a {annotation}, which no flag can hold.")


def _attribute_sentences(cls: type) -> dict[str, str]:
    """Field -> what the class docstring says of it under Attributes, without the marks of literal text."""
    section = inspect.getdoc(cls) or ""
    section = section.partition("Attributes:\n")[2].partition("\n\n")[0]
    entries = re.split(r"^    (\w+): ", section, flags=re.MULTILINE)[1:]
    return {
        name: " ".join(text.replace("``", "").split()) for name, text in zip(entries[::2], entries[1::2], strict=True)
    }
