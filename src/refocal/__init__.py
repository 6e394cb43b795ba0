"""refocal: sharpen out-of-focus photos, and estimate how blurred each pixel is.

Every name is loaded when it is first used, so that importing refocal takes milliseconds.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refocal import metrics
    from refocal.api import Deblurred, deblur, deblur_and_map, estimate_blur
    from refocal.datasets import DATASETS
    from refocal.estimators import ESTIMATORS
    from refocal.methods import METHODS
    from refocal.metrics import METRICS
    from refocal.optics.blur import BlurMap, Psf
    from refocal.reblur import Fidelity, fidelity
    from refocal.types import InputError

_HOME = {
    "BlurMap": "refocal.optics.blur",
    "DATASETS": "refocal.datasets",
    "ESTIMATORS": "refocal.estimators",
    "Fidelity": "refocal.reblur",
    "InputError": "refocal.types",
    "METHODS": "refocal.methods",
    "METRICS": "refocal.metrics",
    "Psf": "refocal.optics.blur",
    "Deblurred": "refocal.api",
    "deblur": "refocal.api",
    "deblur_and_map": "refocal.api",
    "estimate_blur": "refocal.api",
    "fidelity": "refocal.reblur",
    "metrics": "",
}

__all__ = [
    "DATASETS",
    "ESTIMATORS",
    "METHODS",
    "METRICS",
    "BlurMap",
    "Deblurred",
    "Fidelity",
    "InputError",
    "Psf",
    "deblur",
    "deblur_and_map",
    "estimate_blur",
    "fidelity",
    "metrics",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("refocal")
    if name not in _HOME:
        raise AttributeError(f"module 'refocal' has no attribute {name!r}")
    home = _HOME[name]
    return getattr(importlib.import_module(home), name) if home else importlib.import_module(f"refocal.{name}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
