"""Parameter counts of the networks in the tables; a test counts them in the networks themselves."""

from __future__ import annotations

PARAMETERS = {
    "dmenet": 26_943_184,
    "dpdnet-single": 31_033_423,
    "mdpnet": 46_860_397,
    "defocusgan": 4_860_675,
    "defocusgan-no-gan": 4_860_675,
    "defocusgan-light": 4_586_307,
}
"""Estimator or method of a line -> parameters of its network, those that only the training uses included."""


def millions(name: str) -> float | None:
    """Parameters in millions; None where they are unknown."""
    return PARAMETERS[name] / 1e6 if name in PARAMETERS else None
