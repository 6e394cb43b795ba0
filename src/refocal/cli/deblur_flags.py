"""The flags of ``refocal deblur``, in the groups in which its help lists them."""

from __future__ import annotations

from pathlib import Path

from refocal.cli.flags import Parser, add_device, add_overwrite, estimator_names, number, whole_number
from refocal.cli.method_flags import add_method

BLUR_FLAGS = ("--radius-px", "--estimator", "--map")
"""The flags that give the blur."""


def deblur_parser() -> Parser:
    """A parser with every flag, except the options of the method."""
    parser = Parser(
        prog="refocal deblur",
        description="Restore photos: files, folders (with all subfolders) and patterns such as 'trip/**/*.jpg'.",
    )
    _add_output(parser)
    _add_choice(parser)
    _add_blur(parser)
    _add_records(parser)
    _add_running(parser)
    return parser


def _add_output(parser: Parser) -> None:
    group = parser.add_argument_group("what is read and written")
    group.add_argument("inputs", nargs="+", metavar="IN", help="photo, folder or pattern")
    group.add_argument("-o", "--out", required=True, metavar="OUT", help="folder; or a file, for a single photo")
    add_overwrite(group)
    about = "go on with every photo that appears in the folders IN, until Ctrl-C"
    group.add_argument("--watch", action="store_true", help=about)


def _add_choice(parser: Parser) -> None:
    group = parser.add_argument_group("what is restored, and how")
    add_method(group, "default", prog=parser.prog)
    group.add_argument("--strength", type=number(0, 1), default=1.0, metavar="S", help="0 keeps, 1 restores fully [1]")
    group.add_argument("--mask", metavar="FILE", help="image of the same size: white is restored, black is kept")


def _add_blur(parser: Parser) -> None:
    group = parser.add_argument_group("the blur, for methods that need one")
    group.add_argument("--radius-px", type=number(0, 100), metavar="R", help="radius of the blur, the same everywhere")
    group.add_argument("--estimator", metavar="E", help=f"blur-map estimator: {', '.join(estimator_names())}")
    group.add_argument("--map", metavar="FILE", help="blur map: .npy or .tif in pixels, or from refocal map")


def _add_records(parser: Parser) -> None:
    group = parser.add_argument_group("what is written besides")
    group.add_argument("--save-map", action="store_true", help="write the blur map beside each photo, as NAME_map.png")
    group.add_argument(
        "--report", type=Path, metavar="FILE.html", help="write a page with every photo before and after"
    )
    group.add_argument("--log", type=Path, metavar="FILE.jsonl", help="append a line of JSON per photo")


def _add_running(parser: Parser) -> None:
    group = parser.add_argument_group("how it runs")
    group.add_argument("--tile-px", type=whole_number(16), metavar="N", help="restore in tiles of N x N pixels")
    add_device(group)
    how_much = group.add_mutually_exclusive_group()
    about = "say errors alone"
    how_much.add_argument(
        "-q", "--quiet", action="store_const", dest="verbosity", const="quiet", default="usual", help=about
    )
    about = "say method, weights and device as well, and for each photo the time of every step and the number of tiles"
    how_much.add_argument("-v", "--verbose", action="store_const", dest="verbosity", const="verbose", help=about)
