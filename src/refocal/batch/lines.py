"""What a batch says of each photo and of its method."""

from __future__ import annotations

from typing import Literal, TypeAlias

from refocal.batch.plan import Outcome
from refocal.batch.restore_file import Done
from refocal.batch.settings import Settings, options_of
from refocal.inference.device import current_device
from refocal.inference.network_file import weights_sha256
from refocal.printable import printable

Verbosity: TypeAlias = Literal["quiet", "usual", "verbose"]
"""How much a batch says: errors alone; a line per photo; or also its method, weights, and the time of each step."""


def about_method(settings: Settings) -> str:
    """Method, options, weights and device, in a line."""
    parts = [f"method {settings.name}"]
    if options := options_of(settings):
        parts.append(", ".join(f"{name} = {value}" for name, value in options.items()))
    if sha256 := weights_sha256(settings.method):
        parts += [f"weights {sha256}", f"on {current_device()}"]
    return printable("; ".join(parts))


def line_of(outcome: Outcome, verbosity: Verbosity) -> str:
    """The message of one photo, after its name."""
    done: Done | None = outcome.result
    if done is None:
        return f"skipped, {outcome.job.target} exists" if outcome.status == "skipped" else outcome.status
    words = [f"{outcome.job.target}, {outcome.seconds:.1f} s."]
    if verbosity == "verbose":
        words[0] = f"{outcome.job.target}, {outcome.seconds:.1f} s: {done.steps}."
    return " ".join([*words, *done.notes])


def sentence_of(failure: Outcome) -> str:
    """Why a photo failed or was left out, with its name."""
    source = str(failure.job.source)
    return failure.message if source in failure.message else f"{source}: {failure.message}"
