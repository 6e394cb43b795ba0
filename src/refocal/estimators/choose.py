"""Choice of an estimator by its name and by the number of views that it takes."""

from __future__ import annotations

from refocal.estimators import ESTIMATORS, make_estimator
from refocal.types import BlurEstimator, InputError

DEFAULT_FOR_VIEWS = "dual-pixel-learned"
"""Estimator that ``"default"`` stands for where two views are given."""


def find_estimator(estimator: str | BlurEstimator, views: int) -> BlurEstimator:
    """Find an estimator, and check that it takes this number of views.

    An estimator's attribute ``views`` is the number of views that it takes; without it, an estimator takes one photo.
    In ``ESTIMATORS``, those for two views need "views".

    Args:
        estimator: A name in ``ESTIMATORS``, the path of an .onnx file, or an estimator, which is returned unchanged.
        views: 1 for a photo, 2 for both views of a dual-pixel photo.

    Raises:
        InputError: If there is no such estimator, or it takes another number of views; the message names those that
            fit.
    """
    if estimator == "default" and views == 2:
        estimator = DEFAULT_FOR_VIEWS
    made = make_estimator(estimator) if isinstance(estimator, str) else estimator
    if getattr(made, "views", 1) == views:
        return made
    name = estimator if isinstance(estimator, str) else type(estimator).__name__
    fitting = ", ".join(name for name, entry in ESTIMATORS.items() if (entry.needs == "views") == (views == 2))
    if views == 2:
        raise InputError(
            f"{name} takes one photo, not two views: give one photo, or choose an estimator of two: {fitting}."
        )
    raise InputError(
        f"{name} takes two views of a photo, not one photo: give both (refocal map --left L --right R), or choose an "
        f"estimator of one photo: {fitting}."
    )
