"""Completion in shells: the verb ``completion`` prints a shell's script, which asks ``refocal`` how the words go on.

The flags are those of the verb and the method that the words name, so the script needs no update.
"""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from refocal.cli.flags import Built, Parser
from refocal.types import InputError

SHELLS = ("bash", "zsh", "fish")


def command(words: list[str]) -> int:
    """Print the script of a shell."""
    about = "Print a script that lets a shell complete verbs, flags, names of methods and files."
    parser = Parser(prog="refocal completion", description=about)
    parser.add_argument("shell", choices=SHELLS, help="the shell")
    values = parser.parse_args(words)

    import argcomplete

    from refocal.cli.flags import put

    put(argcomplete.shellcode(["refocal"], True, values.shell), lines=True)
    return 0


def complete() -> int:
    """Answer the shell that asks by environment variables, as argcomplete defines them; prints nothing else."""
    import argcomplete

    from refocal.cli.verbs import VERBS

    typed = _typed(os.environ.get("COMP_LINE", ""), os.environ.get("COMP_POINT", ""))
    if len(typed) > 2 and typed[1] in VERBS:
        parser: argparse.ArgumentParser = parser_of(typed[1:-1])
        _add_names(parser)
        os.environ["_ARGCOMPLETE"] = "2"  # the verb takes the place of the program's name
    else:
        parser = argparse.ArgumentParser("refocal", allow_abbrev=False)
        parser.add_argument("verb", choices=list(VERBS))
        parser.add_argument("--version", action="store_true")
    # Flags are offered once a dash is typed: with an empty word, files are wanted.
    argcomplete.autocomplete(parser, always_complete_options=False)
    return 1


def parser_of(words: list[str]) -> argparse.ArgumentParser:
    """The parser that a verb, the first word, makes for the words after it; one without flags if they are refused."""
    from refocal.cli.verbs import dispatch

    Parser.only_built = True
    try:
        dispatch(words)
    except Built as built:
        return built.parser
    except InputError:  # such as a method that doesn't exist
        pass
    finally:
        Parser.only_built = False
    return argparse.ArgumentParser(allow_abbrev=False)


def _typed(line: str, point: str) -> list[str]:
    """The words up to the cursor; the last is the one that is being typed, which may be empty."""
    line = line.encode()[: int(point)].decode(errors="ignore") if point.isdigit() else line
    for closing in ("", '"', "'"):
        try:
            words = shlex.split(line + closing)
        except ValueError:  # an open quotation mark
            continue
        return [*words, ""] if line[-1:].isspace() or not words else words
    return [""]


def _add_names(parser: argparse.ArgumentParser) -> None:
    """Let the flags whose values are names offer them: argcomplete calls ``completer`` of an action."""
    for action in parser._actions:
        if action.metavar == "NAME_OR_DIR":
            action.completer = _offer(_data_sets, files=True)  # type: ignore[attr-defined]
        elif action.dest in _NAMES and action.choices is None:
            action.completer = _offer(_NAMES[action.dest])  # type: ignore[attr-defined]


def _offer(names: Callable[[], Iterable[str]], *, files: bool = False) -> Callable[..., list[str]]:
    def offered(prefix: str, **_: Any) -> list[str]:
        from argcomplete.completers import FilesCompleter

        before, comma, last = prefix.rpartition(",")  # of a list such as psnr,ssim
        found = [f"{before}{comma}{name}" for name in names() if name.startswith(last)]
        return found + (list(FilesCompleter()(prefix)) if files else [])

    return offered


def _methods() -> Iterable[str]:
    from refocal.methods import METHODS

    return METHODS


def _estimators() -> Iterable[str]:
    from refocal.estimators import ESTIMATORS

    return ESTIMATORS


def _data_sets() -> Iterable[str]:
    from refocal.datasets import DATASETS

    return DATASETS


def _metrics() -> Iterable[str]:
    from refocal.metrics import METRICS

    return METRICS


def _tables() -> Iterable[str]:
    from refocal.tables import TABLES

    return TABLES


def _recipes() -> Iterable[str]:
    from refocal.learn.recipes import RECIPES

    return RECIPES


_NAMES: Mapping[str, Callable[[], Iterable[str]]] = {
    "method": _methods,
    "estimator": _estimators,
    "metrics": _metrics,
    "table": _tables,
    "recipe": _recipes,
    "device": lambda: ("cpu", "cuda"),
    "target": lambda: ("auto", "all", "subject"),
}
"""Flag, or positional argument -> the names that may be its value."""
