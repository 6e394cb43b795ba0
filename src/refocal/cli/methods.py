"""The verb ``methods``: the same as ``list methods``."""

from __future__ import annotations

from refocal.cli.flags import Parser
from refocal.cli.list_entries import show


def command(words: list[str]) -> int:
    """Print the table of methods."""
    parser = Parser(
        prog="refocal methods",
        description="List the methods. refocal deblur --method NAME --help lists the options of one.",
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    show("methods", as_json=parser.parse_args(words).json)
    return 0
