"""The blur that a method is called with: given as an operator or a radius, or estimated."""

from __future__ import annotations

from typing import Any

import numpy as np

from refocal.estimators.choose import find_estimator
from refocal.images.map_files import MAX_RADIUS_PX
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.kernels import disk
from refocal.types import Blur, Image, InputError, Needs

UNUSED = "This method uses no blur: the given one is ignored."


def blur_for(
    needs: Needs | None, max_radius_px: float, blur: Any, seen: Image
) -> tuple[Blur | None, bool, tuple[str, ...]]:
    """The operator that a method is called with.

    Args:
        needs: What the method needs; None for a callable that doesn't say.
        max_radius_px: The largest radius that the method can undo.
        blur: As for ``refocal.restore.restore``.
        seen: (C, H, W), the photo in sRGB, from which a blur is estimated.

    Returns:
        The operator or None, whether it is estimated, and notes.

    Raises:
        InputError: If the method can't be called with this blur.
    """
    to_estimate = blur is None or isinstance(blur, str) or (callable(blur) and not hasattr(blur, "apply"))
    if needs == "psf" and to_estimate:
        raise InputError("This method needs one kernel for the whole photo: give the blur's radius, or a Psf.")
    if needs == "" or (needs is None and blur is None):
        return None, False, (UNUSED,) if blur is not None else ()
    if needs == "map" and isinstance(blur, (int, float, np.number)):
        _radius(blur)
        operator: Blur = BlurMap(np.full(seen.shape[1:], blur, np.float32))
    else:
        operator = _operator(seen, blur, to_estimate)
    return operator, to_estimate and needs in ("blur", "map"), _notes(max_radius_px, operator)


def _operator(seen: Image, blur: Any, to_estimate: bool) -> Blur:
    if to_estimate:
        blur = find_estimator(blur or "default", 1)(seen)
    if isinstance(blur, (int, float, np.number)):
        return Psf(disk(_radius(blur)))
    if not hasattr(blur, "apply"):  # black-box methods need no more
        raise InputError(
            f"Give the blur as a Psf, a BlurMap, a radius or an estimator's name, not {type(blur).__name__}."
        )
    if isinstance(blur, BlurMap):
        blur.check_size(seen)
        largest = float(blur.radius_px.max())
        if largest > MAX_RADIUS_PX:
            raise InputError(
                f"The blur map reaches {largest:.0f}: give radii in pixels, at most {MAX_RADIUS_PX}, not grey levels."
            )
    return blur


def _radius(blur: Any) -> float:
    if not 0 <= blur <= MAX_RADIUS_PX:
        raise InputError(f"Give the blur radius as a number of pixels from 0 to {MAX_RADIUS_PX}, not {blur}.")
    return float(blur)


def _notes(max_radius_px: float, blur: Blur) -> tuple[str, ...]:
    """A sentence if a map has radii beyond the method's largest."""
    if not isinstance(blur, BlurMap):
        return ()
    share = float((blur.radius_px > max_radius_px).mean())
    if share == 0:
        return ()
    largest = float(blur.radius_px.max())
    beyond = f"Radii above {max_radius_px:g} px ({100 * share:.1f} % of the photo, up to {largest:.1f} px)"
    return (f"{beyond} were taken as {max_radius_px:g} px.",)
