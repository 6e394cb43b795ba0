"""The command line: each verb parses its words, calls one function and prints.

Nothing heavy is imported before a verb needs it: ``refocal --help`` answers at once.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

from refocal.catalog import Entry, find
from refocal.cli.flags import Parser, Version
from refocal.printable import printable
from refocal.types import InputError

COMPLETING = "_ARGCOMPLETE"
"""The environment variable that is set while a shell completes a command line."""

_ABOUT = "Take an out-of-focus photo, give back a sharper one, and say honestly what could not be saved."
VERBS: dict[str, Entry[int]] = {
    "deblur": Entry("refocal.cli.deblur:command", "restore photos"),
    "map": Entry("refocal.cli.blur_map:command", "estimate how blurred each pixel of a photo is"),
    "blur": Entry("refocal.cli.blur:command", "blur a sharp photo like a lens"),
    "methods": Entry("refocal.cli.methods:command", "list the methods"),
    "list": Entry("refocal.cli.list_entries:command", "list methods, estimators, data sets, metrics, recipes, tables"),
    "evaluate": Entry("refocal.cli.evaluate:command", "measure methods on data sets"),
    "reproduce": Entry("refocal.cli.reproduce:command", "measure a published table again"),
    "crops": Entry("refocal.cli.crops:command", "pack photos to train on"),
    "train": Entry("refocal.cli.train:command", "train a network by a recipe"),
    "bundle": Entry("refocal.cli.bundle:command", "pack a training for a machine without internet"),
    "export": Entry("refocal.cli.export:command", "turn a trained network into an .onnx file"),
    "completion": Entry("refocal.cli.completion:command", "let a shell complete verbs, flags and names"),
}
"""Verb -> its function; they are listed in this order."""

_HEADINGS = {
    "deblur": "photo commands",
    "methods": "measuring commands",
    "crops": "training commands",
    "completion": "other commands",
}
"""The first verb of a group of ``refocal --help`` -> the name of the group."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: Its words, without the program's name; by default those of the process.

    Returns:
        The exit code: 0 done, 1 some files failed, 2 the user's mistake (one sentence on stderr), 130 Ctrl-C.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if "--" in words:  # what follows are names, also where they begin with a dash
        end = words.index("--")
        words[end:] = [f"./{word}" if word.startswith("-") else word for word in words[end + 1 :]]
    if COMPLETING in os.environ:  # a shell asks how the words go on
        from refocal.cli.completion import complete

        return complete()
    try:
        code = dispatch(words)
        sys.stdout.flush()
    except InputError as error:
        return _complain(str(error), 2)
    except KeyboardInterrupt:
        return _complain("Interrupted.", 130)
    except BrokenPipeError:  # `refocal methods | head`: the reader has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # a folder that may not be entered, a name too long, a full disk
        mistake = error.filename is not None and error.errno in (
            errno.EACCES,
            errno.EPERM,
            errno.ENAMETOOLONG,
            errno.EISDIR,
        )
        return _complain(f"{error.filename}: {error.strerror}." if mistake else f"{error}.", 2 if mistake else 1)
    except MemoryError:
        return _complain("There isn't enough memory for this; use a smaller photo or smaller numbers.", 1)
    except SystemExit as error:  # argparse, after --help or --version
        return int(error.code or 0)
    return code


def dispatch(words: list[str]) -> int:
    """Run the verb that comes first, or print the overview; errors are raised."""
    if words and words[0] in VERBS:
        return VERBS[words[0]].load()(words[1:])
    parser = Parser(prog="refocal", description=_ABOUT, usage="refocal COMMAND ...", epilog=_overview())
    parser.add_argument("--version", action=Version, help="print the version and exit")
    if not words:
        parser.print_help(sys.stderr)
        return 2
    if not words[0].startswith("-"):
        find(VERBS, words[0], "command")
    parser.parse_args(words)
    return 2


def _overview() -> str:
    lines = []
    for name, entry in VERBS.items():
        if name in _HEADINGS:
            lines += ["", f"{_HEADINGS[name]}:"]
        lines.append(f"  {name:<12}{entry.about}")
    return "\n".join([*lines[1:], "", "refocal COMMAND --help lists the flags of a command."])


def _complain(sentence: str, code: int) -> int:
    sys.stderr.write(f"refocal: {printable(sentence)}\n")
    return code
