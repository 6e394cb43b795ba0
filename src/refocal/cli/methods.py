"""The verb ``methods``: list the methods."""

from __future__ import annotations

from refocal.cli.flags import Parser, put


def command(words: list[str]) -> int:
    """Print the table of methods."""
    parser = Parser(
        prog="refocal methods",
        description="List the methods. refocal deblur --method NAME --help lists the options of one.",
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    values = parser.parse_args(words)

    from refocal.methods import METHODS

    if values.json:
        import json

        rows = [{"name": n, "needs": e.needs, "about": e.about, "paper": e.paper} for n, e in METHODS.items()]
        put(json.dumps(rows, indent=1), lines=True)
        return 0
    lines = [("name", "needs", "what it does", "paper")]
    lines += [(name, entry.needs or "-", entry.about, entry.paper) for name, entry in METHODS.items()]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        put("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    return 0
