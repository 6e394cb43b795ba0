"""How many parameters the networks of Tables 1 and 2 have; a test counts them in the networks themselves."""

from __future__ import annotations

PARAMETERS = {
    "dmenet": 26_943_184,
    "dpdnet-single": 31_033_423,
    "mdpnet": 46_860_397,
    "defocusgan": 4_860_675,
    "defocusgan-no-gan": 4_860_675,
    "defocusgan-light": 4_586_307,
}
"""Estimator or method of a line -> its network's parameters, those counted that only its training uses."""


def millions(name: str) -> float | None:
    """Parameters in millions; None where nothing is known."""
    return PARAMETERS[name] / 1e6 if name in PARAMETERS else None
