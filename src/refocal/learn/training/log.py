"""Log of a training: JSON lines, progress messages, and a plot at the end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from refocal.files.records import append_line, json_line
from refocal.files.whole import Exists, whole_file, write_whole
from refocal.learn.recipe import Recipe


class TrainingLog:
    """A file with a line per logged step or validation, and messages for the user.

    A resumed training removes the lines of steps after its checkpoint, as these are repeated.
    """

    def __init__(
        self, path: Path, recipe: Recipe, step: int, say: Callable[[str], None] | None, writes: bool = True
    ) -> None:
        self.path, self.recipe, self.first = path, recipe, step
        self.say, self.writes = say if writes else None, writes  # of several processes, only the first
        self.began = time.monotonic()

    def __enter__(self) -> TrainingLog:
        if not self.writes:
            return self
        kept = [line for line in read_log(self.path) if line.get("step", 0) <= self.first] if self.first else []
        write_whole(self.path, "".join(map(json_line, kept)).encode(), overwrite=self.first > 0)
        return self

    def __exit__(self, *_: object) -> None:
        """Every line is written when it is logged."""

    def step(self, step: int, losses: dict[str, float], rate: float, images_per_s: float) -> None:
        """Log the losses of a step, and report them with speed and remaining time."""
        self._write({"step": step, **losses, "learning_rate": rate, "images_per_s": round(images_per_s, 1)})
        done = step - self.first
        left_s = (time.monotonic() - self.began) / done * (self.recipe.steps - step) if done else 0.0
        shown = ", ".join(f"{name} {value:.5f}" for name, value in losses.items())
        self._report(f"step {step}/{self.recipe.steps}: {shown}, {images_per_s:.0f} images/s, {_clock(left_s)} left")

    def validation(self, step: int, figures: dict[str, float]) -> None:
        """Log and report validation figures."""
        self._write({"step": step, "validation": figures})
        self._report(f"step {step}: validation {', '.join(f'{name} {value:.4f}' for name, value in figures.items())}")

    def stopped(self, step: int) -> None:
        """Report that the training stopped and how to resume it."""
        self._report(f"Stopped after step {step}; the checkpoint is written, --resume continues.")

    def _write(self, line: dict[str, Any]) -> None:
        if self.writes:
            append_line(self.path, json_line(line))

    def _report(self, text: str) -> None:
        if self.say is not None:
            self.say(text)


def draw_curve(log: Path, title: str, path: Path, *, overwrite: bool = False) -> str:
    """Plot losses and the first validation figure of a log over its steps; returns a sentence if that can't be done."""
    try:
        import matplotlib.figure
    except ImportError:
        return f"matplotlib is missing, so there is no curve; {log} has its numbers."
    lines = read_log(log)
    steps = [line for line in lines if "loss" in line]
    checks = [line for line in lines if "validation" in line]
    figure = matplotlib.figure.Figure((8, 4.5), dpi=100, layout="constrained")
    left = figure.subplots()
    left.plot(
        [line["step"] for line in steps], [line["loss"] for line in steps], lw=0.8, color="tab:blue", label="loss"
    )
    left.set(xlabel="step", ylabel="loss", title=title)
    if steps and min(line["loss"] for line in steps) > 0:
        left.set_yscale("log")
    if checks:
        name = next(iter(checks[0]["validation"]))
        right = left.twinx()
        values = [line["validation"][name] for line in checks]
        right.plot([line["step"] for line in checks], values, "o-", ms=3, color="tab:orange")
        right.set_ylabel(f"validation {name}", color="tab:orange")
    try:
        with whole_file(path, overwrite=overwrite) as part:
            figure.savefig(part, format="png")
    except Exists as error:
        return str(error)
    return ""


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a log, without a truncated last one."""
    lines = []
    for text in path.read_text().splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
