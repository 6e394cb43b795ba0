"""The verbs of the command line, and the overview of them; standard library only."""

from __future__ import annotations

import sys

from refocal.catalog import Entry, find
from refocal.cli.flags import Parser, Version

_ABOUT = "Take an out-of-focus photo, give back a sharper one, and say honestly what could not be saved."
VERBS: dict[str, Entry[int]] = {
    "deblur": Entry("refocal.cli.deblur:command", "restore photos"),
    "map": Entry("refocal.cli.blur_map:command", "estimate how blurred each pixel of a photo is"),
    "blur": Entry("refocal.cli.blur:command", "blur a sharp photo like a lens"),
    "methods": Entry("refocal.cli.methods:command", "list the methods"),
    "list": Entry("refocal.cli.list_entries:command", "list estimators, data sets, metrics, recipes"),
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
