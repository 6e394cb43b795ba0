"""The verb ``train``: train a network by a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from refocal.catalog import find
from refocal.cli.flags import Parser, flag, number, put, require_learn, say, whole_number
from refocal.types import InputError


def command(words: list[str]) -> int:
    """Train a recipe."""
    parser = Parser(
        prog="refocal train",
        description="Train a network by a recipe. Any field of the recipe can be set by its name: "
        "--learning-rate 1e-3, --phases.0.steps 2000, --loss.1.weight 0.1, --config.NAME VALUE.",
    )
    what = parser.add_argument_group("what is trained, and where")
    what.add_argument("recipe", metavar="RECIPE", help="name; without any flag, the recipe is shown with its sources")
    what.add_argument("--data", type=Path, metavar="FILE.npy", help="crops, from refocal crops")
    what.add_argument("-o", "--out", type=Path, metavar="DIR", help="folder for checkpoint, log and curve")
    what.add_argument("--resume", action="store_true", help="resume the training in DIR")
    how = parser.add_argument_group("how it runs")
    about = "where it is trained; auto is cuda if there is a GPU [auto]"
    how.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help=about)
    how.add_argument(
        "--devices", type=whole_number(1), default=1, metavar="N", help="processes that share the work [1]"
    )
    how.add_argument("--minutes", type=number(0), default=0.0, metavar="M", help="stop, resumably, after M minutes")
    records = parser.add_argument_group("what is written meanwhile")
    records.add_argument("--save-seconds", type=number(0), default=180.0, metavar="S", help="between checkpoints [180]")
    records.add_argument(
        "--log-steps", type=whole_number(1), default=50, metavar="N", help="between lines of the log [50]"
    )
    values, rest = parser.parse_known_args(words)
    require_learn()

    from refocal.learn.recipe import override, to_json
    from refocal.learn.recipes import RECIPES

    chosen = override(find(RECIPES, values.recipe, "recipe"), recipe_fields(rest))
    if values.data is None and values.out is None:
        import json

        from refocal.learn.recipe_fields import check_fields

        check_fields(chosen)
        put(json.dumps(json.loads(to_json(chosen)), indent=1), lines=True)
        return 0
    for name in ("data", "out"):
        if getattr(values, name) is None:
            raise InputError(f"Give {flag(name)} too; see refocal train --help.")

    from refocal.learn.train import Run
    from refocal.learn.train import train as run_training

    run = Run(
        values.out,
        values.resume,
        values.device,
        values.devices,
        values.save_seconds,
        values.log_steps,
        values.minutes,
    )
    say(f"{values.out}: {run_training(chosen, values.data, run, say=say)}")
    return 0


def recipe_fields(rest: Sequence[str]) -> dict[str, str]:
    """``--name value`` and ``--name=value`` as name -> value."""
    given: dict[str, str] = {}
    words = list(rest)
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            raise InputError(f"What is {word!r}? Fields of the recipe are set as --name value.")
        name, equals, value = word[2:].partition("=")
        if not equals:
            if not words:
                raise InputError(f"Give --{name} a value.")
            value = words.pop(0)
        given[name] = value
    return given
