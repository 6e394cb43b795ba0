"""What a bundle's run.sh runs: train for some minutes, then write what is to be carried back."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from refocal.catalog import find
from refocal.files.whole import write_whole
from refocal.learn.crops.photos import open_crops
from refocal.learn.recipe import Phase, Recipe, from_json, override
from refocal.learn.tasks import TASKS, Task, make_network
from refocal.learn.train import Run, train
from refocal.learn.training import checkpoint as checkpoints
from refocal.learn.training.log import draw_curve, read_log
from refocal.learn.training.run import CHECKPOINT, CURVE, LOG, make_fabric
from refocal.learn.training.state import validation_figures
from refocal.learn.travel.bundle import CROPS, RECIPE, START
from refocal.learn.travel.parts import read_parts, write_parts
from refocal.printable import printable
from refocal.types import InputError

BACK, SCORES = "back", "scores.json"
"""Folder of a bundle for the parts that an earlier run wrote; and the file of figures on the held-out crops."""

TRIAL_MINUTES = 0.35
"""Time in which the speed is measured, after as many minutes of warm-up, for ``--fit``."""


def main(words: Sequence[str] | None = None) -> int:
    """Run the training of a bundle; returns the exit code."""
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__)
    parser.add_argument("bundle", type=Path, help="the folder of the bundle; run.sh gives it")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results; run.sh gives it")
    parser.add_argument(
        "--minutes", type=float, default=0.0, help="stop, resumably, after this time; 0: train to the end"
    )
    parser.add_argument(
        "--fit", type=float, default=0.0, metavar="M", help="scale the number of steps to M minutes in all"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--save-seconds", type=float, default=120.0)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="a field of the recipe; a training that continues keeps its own",
    )
    given = parser.parse_args(words)
    try:
        _run(given)
    except InputError as error:
        _say(f"refocal: {error}")
        return 2
    return 0


def _run(given: argparse.Namespace) -> None:
    data = given.bundle / CROPS
    given.out.mkdir(parents=True, exist_ok=True)
    recipe = from_json((given.bundle / RECIPE).read_text())
    recipe = override(recipe, dict(_assignment(word) for word in given.set))
    if recipe.start:
        recipe = replace(recipe, start=str(given.bundle / START))
    path = given.out / CHECKPOINT
    if not path.exists():
        earlier = read_parts(given.bundle / BACK)
        if earlier is not None:
            checkpoints.save(path, earlier)
    resumes = path.exists()
    if not resumes:
        _set_aside(given.out / LOG)
    if resumes:  # the steps may have been fitted by the run before
        saved = checkpoints.load(path)
        recipe = saved.recipe
        if saved.step >= recipe.steps:
            raise InputError(f"The training of {path} is complete: it has {recipe.steps} steps.")
        _say(f"Continuing after step {saved.step}.")
    elif given.fit:
        recipe = _fitted(recipe, data, given)
    run = Run(given.out, resumes, given.device, 1, given.save_seconds, 50, given.minutes)
    train(recipe, data, run, say=_say)
    _report(path, data, given)


def _set_aside(log: Path) -> None:
    """Rename the log of a run that was killed before its first checkpoint, as nothing is replaced."""
    if log.exists():
        free = (log.with_name(f"{log.stem}-{number}{log.suffix}") for number in itertools.count(1))
        log.rename(next(path for path in free if not path.exists()))


def _report(path: Path, data: Path, given: argparse.Namespace) -> None:
    """Write the parts, the scores on the held-out crops, and the curve."""
    saved = checkpoints.load(path)
    network = make_network(saved.recipe)
    network.load_state_dict(saved.best())
    fabric = make_fabric(saved.recipe, Run(given.out, device=given.device))
    network.to(fabric.device)
    task = cast(Task, find(TASKS, saved.recipe.task, "task").load())
    figures = validation_figures(network, task, saved.recipe, saved.step, open_crops(data), fabric)
    facts = {"step": saved.step, "steps": saved.recipe.steps, **saved.about, "validation": figures}
    write_whole(given.out / SCORES, (json.dumps(facts, indent=1) + "\n").encode(), overwrite=True)
    for part in write_parts(saved, given.out / BACK):
        _say(f"{part}: {part.stat().st_size / 1e6:.1f} MB")
    if saved.step < saved.recipe.steps:  # a complete training has drawn it
        missing = draw_curve(given.out / LOG, saved.recipe.about, given.out / CURVE, overwrite=True)
        if missing:
            _say(missing)
    _say(f"Step {saved.step} of {saved.recipe.steps}: {json.dumps(figures)}")


def _fitted(recipe: Recipe, data: Path, given: argparse.Namespace) -> Recipe:
    """The recipe with its phases scaled so that all steps take ``--fit`` minutes, by the speed of a short trial."""
    with tempfile.TemporaryDirectory() as folder:
        trial = replace(recipe, validation_steps=10**9)
        run = Run(Path(folder), False, given.device, 1, 1e9, 5, 2 * TRIAL_MINUTES)
        train(trial, data, run)
        lines = [line for line in read_log(run.out / LOG) if "loss" in line]
    # images_per_s is the mean since the start: the speed of the second half leaves out warm-up and compilation.
    batch = recipe.phases[0].batch
    seconds = [line["step"] * batch / line["images_per_s"] for line in lines]
    half = next((i for i, passed in enumerate(seconds) if passed > seconds[-1] / 2), 0)
    if half >= len(lines) - 1:
        raise InputError("The trial was too short to measure the speed: set the steps with --set phases.0.steps=N.")
    speed = (lines[-1]["step"] - lines[half]["step"]) * batch / (seconds[-1] - seconds[half])
    images = sum(phase.steps * phase.batch * (phase.crop_px / recipe.phases[0].crop_px) ** 2 for phase in recipe.phases)
    share = given.fit * 60 * speed / images
    phases = tuple(_scaled(phase, share) for phase in recipe.phases)
    fitted = replace(recipe, phases=phases)
    _say(f"{speed:.0f} images/s: {fitted.steps} steps in {given.fit:g} minutes, {recipe.steps} in the recipe.")
    return fitted


def _scaled(phase: Phase, share: float) -> Phase:
    return replace(phase, steps=max(1, round(phase.steps * share)))


def _assignment(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise InputError(f"Give fields of the recipe as FIELD=VALUE, not {word!r}.")
    return name, value


def _say(text: str) -> None:
    sys.stderr.write(printable(text) + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
