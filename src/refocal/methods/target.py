"""Which blur of a photo is restored: everything, what lies near the sharpest surface, or a range of radii."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from refocal.inference.closer_look import Sharpest
from refocal.inference.survey import Survey
from refocal.types import Array, InputError

WORDS = ("auto", "all", "subject")

MIN_SHARE = 0.08
"""Something is in focus where at least this share of the photo is; less may be what the camera focused on by mistake.
"""

STATED_SHARE = 0.01
"""A sentence states what is kept if it is at least this share of the photo."""

SOFT_PX, KEPT_PX = 1.5, 3.0
"""``auto``, where something is in focus: blur is restored up to the first radius and kept from the second one on."""

FALL = 1.5
"""``subject`` and MIN..MAX: factor from the largest radius that is restored fully to the smallest that is kept."""


@dataclass(frozen=True)
class Range:
    """Weights of the radii: 0 up to ``rise_px``, 1 from ``low_px`` to ``high_px``, 0 again from ``fall_px`` on."""

    rise_px: float
    low_px: float
    high_px: float
    fall_px: float

    def weight(self, radius_px: Array) -> Array:
        """The weight, 0 to 1, at each pixel of a map of radii; linear between these radii."""
        weight = np.ones_like(radius_px, np.float32)
        if self.low_px > 0:
            weight = weight * np.clip((radius_px - self.rise_px) / max(self.low_px - self.rise_px, 1e-3), 0, 1)
        if np.isfinite(self.high_px):
            weight = weight * np.clip((self.fall_px - radius_px) / max(self.fall_px - self.high_px, 1e-3), 0, 1)
        return weight


EVERYTHING = Range(0.0, 0.0, np.inf, np.inf)


def given_range(target: str) -> Range | None:
    """The range that MIN..MAX means; None for a word.

    Raises:
        InputError: If it is neither.
    """
    if target in WORDS:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)?\.\.(\d+(?:\.\d+)?)?", str(target))
    low, high = (float(found[1] or 0), float(found[2] or np.inf)) if found else (1.0, 0.0)
    if low >= high:
        raise InputError(
            f"The target is {', '.join(WORDS)} or a range of radii in pixels such as 1..5, not {target!r}."
        )
    return Range(low / FALL, low, high, FALL * high)


def choose_range(target: str, survey: Survey | None, look: Callable[[Survey], Sharpest]) -> tuple[Range, str]:
    """The range of radii to restore, and a sentence about what is kept; empty where nothing is.

    Args:
        target: ``auto``, ``all``, ``subject`` or MIN..MAX.
        survey: The survey of the whole photo; None for a small one, which is restored all over unless a range is given.
        look: Returns the sharpest parts of the surveyed photo; called only where the target depends on them.

    Raises:
        InputError: If there is no such target.
    """
    chosen = given_range(target)
    if chosen is None:
        chosen = EVERYTHING if survey is None or target == "all" else _near_the_sharpest(target, look(survey))
    if survey is None or chosen == EVERYTHING:
        return chosen, ""
    kept = float((chosen.weight(survey.radius_px) < 0.5).mean())
    if kept < STATED_SHARE:
        return chosen, ""
    low, high = chosen.low_px, chosen.high_px
    restored = "below" if low == 0 else f"from {low:g} px on" if np.isinf(high) else f"from {low:g} to"
    restored += f" {high:.1f} px" if np.isfinite(high) else ""
    why = {"auto": "Part of the photo is in focus, so", "subject": "Near the sharpest surface,"}.get(
        target, "As asked,"
    )
    return chosen, f"{why} blur {restored} is restored and {100 * kept:.0f} % of the photo stays as it is."


def _near_the_sharpest(target: str, sharpest: Sharpest) -> Range:
    if target == "auto":
        return Range(0.0, 0.0, SOFT_PX, KEPT_PX) if sharpest.in_focus >= MIN_SHARE else EVERYTHING
    if np.isinf(sharpest.radius_px):
        return EVERYTHING
    high = sharpest.radius_px + 1.0
    return Range(0.0, 0.0, high, FALL * high)
