"""How many parameters a network has: counted in the network itself, built as its file or its line says."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from refocal.weights.network_file import open_network


@dataclass(frozen=True)
class Source:
    """What a line's network is, where there is no file of it.

    Attributes:
        network: Name in ``refocal.learn.nets.NETWORKS``.
        config: Fields of its ``Config``.
    """

    network: str
    config: Mapping[str, Any] = field(default_factory=dict)


SOURCES = {
    "dmenet": Source("dmenet"),
    "dpdnet-single": Source("dpdnet", {"views": 1}),
    "dpdnet": Source("dpdnet"),
    "mdpnet": Source("mdpnet"),
    "defocusgan": Source("defocusgan"),
    "defocusgan-no-gan": Source("defocusgan"),
    "defocusgan-light": Source("defocusgan", {"glue": "light"}),
}
"""A line's estimator or method -> where its parameters are."""


def millions(name: str, weights_dir: Path | None = None) -> float | None:
    """Parameters of a line's network, in millions, those counted that only its training uses.

    Args:
        name: Of the estimator or method.
        weights_dir: Folder of the user's own NAME.onnx, which rules.

    Returns:
        None where nothing is known of it, or ``refocal[learn]`` isn't installed to build it.
    """
    own = None if weights_dir is None else weights_dir / f"{name}.onnx"
    if own is not None and own.is_file():
        file = open_network(str(own))
        count = _count(file.network, file.config)
    elif name in SOURCES:
        count = _count(SOURCES[name].network, json.dumps(SOURCES[name].config))
    else:
        return None
    return None if count is None else count / 1e6


@lru_cache(maxsize=32)
def _count(network: str, config: str) -> int | None:
    """Trained parameters of a network that is built without memory."""
    try:
        # By name, as the run world must load without them.
        networks = importlib.import_module("refocal.learn.nets").NETWORKS
        torch = importlib.import_module("torch")
    except ImportError:
        return None
    if network not in networks:
        return None
    make = networks[network].load()
    known = json.loads(config)
    lists = {key: tuple(value) if isinstance(value, list) else value for key, value in known.items()}
    with torch.device("meta"):
        parameters = make(importlib.import_module(make.__module__).Config(**lists)).parameters()
        return sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
