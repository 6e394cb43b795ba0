"""The verb ``bundle``: pack a training for a machine without internet."""

from __future__ import annotations

from pathlib import Path

from refocal.catalog import find
from refocal.cli.flags import Parser, flag, number, require_learn, say
from refocal.cli.train import recipe_fields
from refocal.types import InputError


def command(words: list[str]) -> int:
    """Write a bundle."""
    parser = Parser(
        prog="refocal bundle",
        description="Write a folder that holds all of a training, for a machine that has torch, NumPy, SciPy and "
        "Pillow and no internet: source, wheels, crops, initial weights, and run.sh. Any field of the recipe can be "
        "set by its name, as in refocal train.",
    )
    what = parser.add_argument_group("what is packed")
    what.add_argument("recipe", metavar="RECIPE", help="name of a recipe")
    what.add_argument("--data", type=Path, metavar="FILE.npy", help="crops, from refocal crops")
    what.add_argument("-o", "--out", type=Path, metavar="DIR", help="folder to write")
    what.add_argument(
        "--most-mb", type=number(1), default=60.0, metavar="MB", help="size at most; it decides how many crops go [60]"
    )
    machine = parser.add_argument_group("the machine without internet")
    machine.add_argument("--python", default="3.12", metavar="V", help="Python of that machine, x86-64 Linux [3.12]")
    machine.add_argument("--wheels", type=Path, metavar="DIR", help="folder of wheels, in place of a download")
    values, rest = parser.parse_known_args(words)
    require_learn()

    from refocal.learn.recipe import override
    from refocal.learn.recipes import RECIPES
    from refocal.learn.travel.bundle import Machine, write_bundle

    chosen = override(find(RECIPES, values.recipe, "recipe"), recipe_fields(rest))
    for name in ("data", "out"):
        if getattr(values, name) is None:
            raise InputError(f"Give {flag(name)} too; see refocal bundle --help.")
    kept, count, size_mb = write_bundle(
        chosen, values.data, values.out, values.most_mb, wheels=values.wheels, machine=Machine(values.python)
    )
    say(f"{values.out}: {size_mb:.1f} MB, {kept} of {count} crops. There: sh run.sh --minutes 9")
    return 0
