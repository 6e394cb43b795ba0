"""The sections of a report: what it shows of each photo of a batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from refocal.batch.plan import Outcome
from refocal.batch.report import PageEntry
from refocal.batch.restore_file import Done
from refocal.batch.settings import Settings, options_of
from refocal.images.io import read
from refocal.types import InputError


def add_section(add: Callable[[PageEntry], None], outcome: Outcome, settings: Settings) -> None:
    """Add the report's section of one photo, also of one that an earlier run restored."""
    done: Done | None = outcome.result
    name = str(outcome.job.source)
    if done is not None:
        radius_px = None if settings.radius_px is not None else done.radius_px  # a uniform map shows nothing
        add(PageEntry(name, done.before, done.after, _facts(outcome, done, settings), radius_px))
    elif outcome.status == "skipped":
        try:
            before, after = read(outcome.job.source), read(outcome.job.target)
        except InputError:  # not a photo that refocal wrote
            return
        if before.pixels.shape == after.pixels.shape:
            add(PageEntry(name, before, after, {"Restored": "by an earlier run", "File": str(outcome.job.target)}))


def _facts(outcome: Outcome, done: Done, settings: Settings) -> dict[str, str]:
    height, width, _ = done.before.pixels.shape
    facts = {"Method": settings.name}
    if options := options_of(settings):
        facts["Options"] = ", ".join(f"{name} = {value}" for name, value in options.items())
    if settings.radius_px is not None:
        facts["Blur"] = f"radius {settings.radius_px:g} px everywhere, as given"
    elif done.radius_px is not None:
        how = "estimated" if settings.map_px is None else "as given"
        low, middle, high = np.percentile(done.radius_px[::4, ::4], (5, 50, 95))
        facts["Blur"] = f"radius {low:.1f} to {high:.1f} px (5 % to 95 %), median {middle:.1f} px, {how}"
    if settings.strength != 1:
        facts["Strength"] = f"{settings.strength:g}"
    if settings.mask is not None:
        facts["Mask"] = f"{100 * float(settings.mask.mean()):.0f} % of the photo"
    facts["Size"] = f"{width} × {height} pixels, {width * height / 1e6:.1f} megapixels"
    facts["Time"] = f"{outcome.seconds:.1f} s"
    facts["File"] = f"{done.bytes_in / 1e6:.2f} MB, restored {done.bytes_out / 1e6:.2f} MB: {outcome.job.target}"
    if done.notes:
        facts["Notes"] = " ".join(done.notes)
    return facts
