"""The fields of a method's dataclass as command-line flags, and numbers that are checked while they are read.

Standard library only: ``refocal --help`` loads this file.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import math
import os
import re
import sys
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from refocal.catalog import Entry, find
from refocal.printable import printable
from refocal.provenance import version
from refocal.types import Deblurrer, InputError


class Parser(argparse.ArgumentParser):
    """An ``ArgumentParser`` that raises ``InputError`` with one sentence, and takes no abbreviated flags."""

    def __init__(
        self,
        prog: str,
        description: str,
        usage: str | None = None,
        epilog: str | None = None,
        formatter_class: type[argparse.HelpFormatter] = argparse.HelpFormatter,
    ) -> None:
        super().__init__(prog, usage, description, epilog, formatter_class=formatter_class, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage and leaving."""
        raise InputError(f"{message[:1].upper()}{message[1:].rstrip('.')}; see {self.prog} --help.")


def say(sentence: str) -> None:
    """Print a line on stderr."""
    sys.stderr.write(printable(sentence) + "\n")


def put(text: str, *, lines: bool = False) -> None:
    """Print a line, or several, on stdout."""
    sys.stdout.write(printable(text, lines=lines) + "\n")


def require_learn(*, export: bool = False) -> None:
    """Refuse to go on without the packages of the extra ``refocal[learn]``.

    Args:
        export: Whether an ONNX file is to be written, too.

    Raises:
        InputError: Naming the packages that are missing.
    """
    import importlib.util

    needed = ("torch", "lightning_fabric", "safetensors", *(("onnx", "onnxscript") if export else ()))
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"This needs {' and '.join(missing)}: pip install 'refocal[learn]'.")


def estimator_names() -> list[str]:
    """Keys of ``ESTIMATORS``."""
    from refocal.estimators import ESTIMATORS

    return list(ESTIMATORS)


def check_estimator(name: str | None) -> None:
    """Refuse an estimator that doesn't exist or can't be named alone.

    Raises:
        InputError: Naming the estimators.
    """
    from refocal.estimators import make_estimator

    if name == "from-file":
        raise InputError("The estimator from-file reads a map that you have: name it, refocal deblur --map FILE.")
    if name is not None:
        make_estimator(name)


def number(low: float = -math.inf, high: float = math.inf, *, above: bool = False) -> Callable[[str], float]:
    """Type of a flag: a finite number from ``low`` to ``high``; ``above`` excludes ``low`` itself."""

    def read(text: str) -> float:
        value = float(text)
        if not math.isfinite(value) or not low <= value <= high or (above and value == low):
            raise argparse.ArgumentTypeError(f"{text} is not {_range(low, high, above)}")
        return value

    read.__name__ = "number"  # argparse says "invalid number value"
    return read


def whole_number(low: int) -> Callable[[str], int]:
    """Type of a flag: a whole number, at least ``low``."""

    def read(text: str) -> int:
        value = int(text)
        if value < low:
            raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least {low}")
        return value

    read.__name__ = "whole number"
    return read


class Version(argparse.Action):
    """Look the version up when it is asked for: that takes longer than all the rest of the start."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(nargs=0, **settings)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print it and leave."""
        sys.stdout.write(f"refocal {version()}\n")
        parser.exit()


def add_overwrite(parser: argparse.ArgumentParser) -> None:
    """Add the flag that allows existing files to be replaced."""
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")


def check_out(source: str | Path, out: Path, overwrite: bool) -> None:
    """Refuse a name under which no file can be written, before any work.

    Raises:
        InputError: If ``out`` exists and isn't to be replaced, or can't be written.
    """
    from refocal.files.whole import check_target

    if not overwrite and out.exists() and Path(source).exists() and out.samefile(source):
        raise InputError(f"{out} is the input itself; choose another name, or add --overwrite.")
    if not overwrite and os.path.lexists(out):
        raise InputError(f"{out} exists already; choose another name, or add --overwrite.")
    check_target(out, overwrite=overwrite)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the flag for the device of networks, for ``use_device``."""
    # inference.device.VARIABLE, written out, as this file loads the standard library only.
    about = "where networks run: cpu, or cuda (NVIDIA, with refocal[gpu]) [$REFOCAL_DEVICE or cpu]"
    parser.add_argument("--device", default=os.environ.get("REFOCAL_DEVICE") or "cpu", metavar="D", help=about)


def add_method(parser: argparse.ArgumentParser, default: str | None) -> None:
    """Add the flag ``--method``; without a default it must be given."""
    from refocal.methods import METHODS

    names = dict.fromkeys([*([default] if default else []), *METHODS])
    about = f"{', '.join(names)}; options of one: {parser.prog} --method M --help"
    parser.add_argument("--method", default=default, required=default is None, metavar="M", help=about)


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
    from refocal.methods import METHODS, make_method

    flags, instead = with_blur or ((), "")
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for word in ("--method", *flags):
        first.add_argument(word, nargs="?", const="")
    seen = first.parse_known_args(words)[0]
    name = seen.method or parser.get_default("method")
    if name is None:
        parser.parse_known_intermixed_args(words)  # complains that --method is missing, or prints the help
        raise InputError(f"Name a method; see {parser.prog} --help.")
    if name == "default" and any(value is not None for key, value in vars(seen).items() if key != "method"):
        name = instead
    entry = find(METHODS, name, "method")
    own = [field for field in dataclasses.fields(_dataclass(entry)) if not field.metadata.get("named")]
    _add_fields(parser, entry, name)
    values, unknown = parser.parse_known_intermixed_args(words)
    _refuse_unknown(unknown, parser.prog, name, own)
    return values, name, make_method(name, {f.name: getattr(values, f.name) for f in own if hasattr(values, f.name)})


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
            about = f"{about} [{default}]"
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


def _refuse_unknown(unknown: list[str], prog: str, method: str, own: list[dataclasses.Field[Any]]) -> None:
    """Refuse a flag that doesn't exist, and list those that do.

    Args:
        unknown: Words that the parser left over.
        prog: The command.
        method: Name of the method.
        own: Its fields.

    Raises:
        InputError: If ``unknown`` holds anything.
    """
    if not unknown:
        return
    first = next((word for word in unknown if word.startswith("-")), unknown[0]).partition("=")[0]
    hint = (
        f"the options of {method} are {', '.join(flag(field.name) for field in own)}"
        if own
        else f"{method} has no options"
    )
    raise InputError(f"There is no flag {first}: {hint}; see {prog} --help.")


def flag(field: str) -> str:
    """``noise_to_signal`` as a flag: ``--noise-to-signal``."""
    return "--" + field.replace("_", "-")


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
    """Field -> what the class docstring says of it under Attributes."""
    section = inspect.getdoc(cls) or ""
    section = section.partition("Attributes:\n")[2].partition("\n\n")[0]
    entries = re.split(r"^    (\w+): ", section, flags=re.MULTILINE)[1:]
    return {name: " ".join(text.split()) for name, text in zip(entries[::2], entries[1::2], strict=True)}


def _range(low: float, high: float, above: bool) -> str:
    if math.isinf(low):
        return "a finite number"
    if math.isfinite(high):
        return f"a number from {low:g} to {high:g}"
    return f"a finite number {'above' if above else 'of at least'} {low:g}"
