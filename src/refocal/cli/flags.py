"""What the verbs share: the parser, flags of one meaning, and numbers that are checked while they are read.

Standard library only: ``refocal --help`` loads this file.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar, NoReturn, TypeAlias

from refocal.printable import printable
from refocal.provenance import version
from refocal.types import InputError

Group: TypeAlias = "argparse._ArgumentGroup"
"""Flags under one heading of the help."""


MAX_WIDTH, MAX_FLAG_WIDTH = 100, 28
"""Of a line of the help, and of the column of flags, in characters: longer lines are hard to read."""


def help_width() -> int:
    """Characters in a line of the help."""
    return min(shutil.get_terminal_size().columns - 2, MAX_WIDTH)


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines, broken only at spaces."""
    import textwrap  # argparse loads it for a help, too

    return textwrap.wrap(" ".join(text.split()), max(width, 11), break_on_hyphens=False, break_long_words=False)


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Help of a readable width, whose usage shows what must be given; the flags are listed below it anyway."""

    def __init__(self, prog: str, **_: Any) -> None:
        super().__init__(prog, max_help_position=MAX_FLAG_WIDTH, width=help_width())

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[Any],
        prefix: str | None = None,
    ) -> None:
        """Leave out the flags that may be left out."""
        actions, either = list(actions), [group for group in groups if group.required]
        one_of = [action for group in either for action in group._group_actions]
        kept = [action for action in actions if not action.option_strings or action.required or action in one_of]
        if len(kept) < len(actions):
            kept.append(argparse.Action([], "flags", metavar="[flags]"))
        super().add_usage(usage, kept, either, prefix)

    def _split_lines(self, text: str, width: int) -> list[str]:
        """Lines of a flag's help; names with hyphens stay whole."""
        return wrapped(text, width)


class Built(Exception):
    """A parser with all of its flags, raised instead of parsing; see ``Parser.only_built``."""

    def __init__(self, parser: Parser) -> None:
        super().__init__(parser.prog)
        self.parser = parser


class Parser(argparse.ArgumentParser):
    """An ``ArgumentParser`` that raises ``InputError`` with one sentence, and takes no abbreviated flags.

    The verb's examples end the help.

    Attributes:
        only_built: Whether parsing raises ``Built`` with the parser: the completion of a shell needs the flags of a
            verb, and a verb makes its parser only when it is called.
    """

    only_built: ClassVar[bool] = False

    def __init__(self, prog: str, description: str, usage: str | None = None, epilog: str | None = None) -> None:
        description = "\n".join(wrapped(description, help_width()))
        super().__init__(prog, usage, description, epilog, formatter_class=Formatter, allow_abbrev=False)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does, or see ``only_built``."""
        if Parser.only_built:
            raise Built(self)
        return super().parse_known_args(args, namespace)

    def parse_known_intermixed_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does, or see ``only_built``."""
        if Parser.only_built:
            raise Built(self)
        return super().parse_known_intermixed_args(args, namespace)

    def format_help(self) -> str:
        """The help, with the examples of the verb."""
        from refocal.cli.examples import examples_of

        examples = examples_of(self.prog.partition(" ")[2], help_width())
        return super().format_help() + (f"\n{examples}\n" if examples else "")

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


def add_overwrite(parser: Parser | Group) -> None:
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


def add_device(parser: Parser | Group) -> None:
    """Add the flag for the device of networks, for ``use_device``."""
    # inference.device.VARIABLE, written out, as this file loads the standard library only.
    about = "where networks run: cpu, or cuda (NVIDIA, with refocal[gpu]) [$REFOCAL_DEVICE or cpu]"
    parser.add_argument("--device", default=os.environ.get("REFOCAL_DEVICE") or "cpu", metavar="D", help=about)


def flag(field: str) -> str:
    """``noise_to_signal`` as a flag: ``--noise-to-signal``."""
    return "--" + field.replace("_", "-")


def _range(low: float, high: float, above: bool) -> str:
    if math.isinf(low):
        return "a finite number"
    if math.isfinite(high):
        return f"a number from {low:g} to {high:g}"
    return f"a finite number {'above' if above else 'of at least'} {low:g}"
