"""From a trained network to one ONNX file that runs without torch, and from the file back to its weights.

The file holds the network's ``body`` for any batch, height and width. Weights are stored in half precision, or the
large ones in 8 bits, under the names of the state dict, and turned to float32 in the graph; batch normalisation stays
as it was trained. ONNX Runtime computes these and folds the normalisation into the convolutions when it opens the file:
neither costs time, and a training can go on from the file that was shipped.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import inspect
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from refocal.inference.network_file import FORMAT, open_network
from refocal.learn.export.onnx_graph import SCALE, store, stored_weights, trace
from refocal.learn.export.quantise import round_weights
from refocal.learn.nets.padding import padded
from refocal.learn.recipe import to_json
from refocal.learn.nets import make_config
from refocal.learn.tasks import make_network
from refocal.learn.training.checkpoint import load
from refocal.types import Array, InputError

MAX_DIFFERENCE = 1e-3
"""A quarter of a grey level: what runs must be what was trained."""

MAX_RADIUS_PX = 8.0
"""Radii up to here are compared: some are beyond what networks know."""

ARENA = 2
"""ONNX Runtime's memory grows by doubling; the U-Net needs 260 bytes per pixel at once, and 513 to 520 were
measured."""


@dataclass(frozen=True)
class About:
    """What a file tells of its network besides the graph.

    Attributes:
        network: Its name in ``NETWORKS``.
        config: Its ``Config``, with a field ``channels``: 1 (luma) or 3 (colour).
        name: Of the weights; by default the file's.
        recipe: The training, as JSON.
        steps: Of the training.
        licence: Of the weights, SPDX expression.
        context_px: How far away a pixel still matters, where this was measured on photos; 0 takes the receptive field,
            which is safe, but up to three times as far, and tiles grow by it.
    """

    network: str
    config: Any
    name: str = ""
    recipe: str = "{}"
    steps: int = 0
    licence: str = "Apache-2.0"
    context_px: int = 0


@dataclass(frozen=True)
class Parity:
    """Largest absolute differences over all outputs, on two random pictures.

    Attributes:
        even: ONNX Runtime from torch with the same rounded weights, for sides that are multiples.
        odd: The same for odd sides, which are padded.
        rounding: Rounded weights from the trained ones, both in torch.
    """

    even: float
    odd: float
    rounding: float

    def __str__(self) -> str:
        """For the one who exports."""
        return (
            f"differs from torch by at most {self.even:.1e} (even sides) and {self.odd:.1e} (odd sides), "
            f"and by {self.rounding:.1e} from rounding the weights"
        )


def export(network: nn.Module, path: Path, about: About, bits: int = 16) -> Parity:
    """Write a network to an ONNX file, and compare what it computes with torch.

    The graph's inputs are named as the arguments of ``network.body``, each a picture of ``about.config.channels``
    channels, but of one if its name is ``radius_px``. Its outputs are named by ``network.outputs``; without this
    attribute there is one, ``restored``. Modules that ``network.training_only`` names are left out.

    Args:
        network: With ``body``, ``multiple`` and ``context_px``; stays as it is.
        path: Ends in .onnx; written whole or not at all.
        about: Goes into the metadata.
        bits: Per large weight: 16, or 8 for half the size; see ``round_weights``.

    Raises:
        InputError: If the path is none to write to, ``bits`` is another number, or a weight doesn't fit half precision.
        ValueError: If ``body`` leaves weights unused, or ONNX Runtime's result is another than torch's.
    """
    path = Path(path)
    if path.suffix != ".onnx" or not path.parent.is_dir():
        raise InputError(f"Give an .onnx file in an existing folder to export to, not {path}.")
    trained, rounded = _bare(network), _bare(network)
    weights, scales = round_weights(rounded, bits)
    inputs = {
        name: 1 if name == "radius_px" else about.config.channels for name in inspect.signature(rounded.body).parameters
    }
    model, needed_bytes = trace(rounded, inputs, list(getattr(rounded, "outputs", ("restored",))))
    store(model, weights, scales)
    told = {
        "refocal.format": FORMAT,
        "name": about.name or path.stem,
        "network": about.network,
        "config": json.dumps(_config_fields(about.config)),
        "inputs": json.dumps(list(inputs)),
        "channels": {1: "luma", 3: "rgb"}[about.config.channels],
        "multiple": str(rounded.multiple),
        "context_px": str(about.context_px or rounded.context_px),
        "working_bytes": str(ARENA * needed_bytes),
        "licence": about.licence,
        "recipe": about.recipe,
        "steps": str(about.steps),
        "bits": str(bits),
        "weights_sha256": fingerprint(weights | {name + SCALE: scale for name, scale in scales.items()}),
    }
    for key, value in told.items():
        model.metadata_props.add(key=key, value=value)
    part = path.with_name(f"{path.stem}.part.onnx")
    try:
        with part.open("wb") as file:
            file.write(model.SerializeToString())
            os.fsync(file.fileno())
        parity = _compare(part, trained, rounded, inputs)
        if not (parity.even <= MAX_DIFFERENCE and parity.odd <= MAX_DIFFERENCE):  # so that NaN is refused too
            raise ValueError(f"ONNX Runtime computes something else than torch: {parity}.")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return parity


def export_checkpoint(
    checkpoint: Path, path: Path, name: str = "", licence: str = "Apache-2.0", context_px: int = 0, bits: int = 16
) -> Parity:
    """Write a checkpoint's network, averaged if its recipe averages, to an ONNX file.

    Args:
        checkpoint: Of a training.
        path: See ``export``.
        name: See ``About``.
        licence: See ``About``.
        context_px: See ``About``.
        bits: See ``export``.

    Raises:
        InputError: If the checkpoint can't be read, or as ``export`` does.
    """
    kept = load(checkpoint)
    network = make_network(kept.recipe)
    network.load_state_dict(kept.best())
    about = About(
        kept.recipe.network, make_config(kept.recipe.network, kept.recipe.config), name, to_json(kept.recipe), kept.step, licence, context_px
    )
    return export(network, path, about, bits)


def load_state(path: Path) -> dict[str, Tensor]:
    """The state dict in an exported .onnx file, or in a .safetensors file of nothing else, as float32 on the CPU.

    Raises:
        InputError: If the file holds none.
    """
    import onnx
    from google.protobuf.message import DecodeError
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(path)
    try:
        if path.suffix == ".safetensors":
            return {name: tensor.float() for name, tensor in load_file(path).items()}
        model = onnx.load(path, load_external_data=False)
    except (OSError, SafetensorError, DecodeError) as error:
        raise InputError(f"The weights file {path} can't be read: {error}.") from None
    weights = stored_weights(model)
    if not weights or "refocal.format" not in {told.key for told in model.metadata_props}:
        raise InputError(f"The weights file {path} holds no network of refocal's.")
    return {name: torch.from_numpy(weight) for name, weight in weights.items()}


def fingerprint(weights: Mapping[str, Array]) -> str:
    """SHA-256 of weights as they are stored: their names and bytes, in the names' order."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].astype(weights[name].dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def _config_fields(config: Any) -> dict[str, Any]:
    """The fields of a network's ``Config``, ``channels`` first where it is the class's constant."""
    fields = dataclasses.asdict(config)
    return fields if "channels" in fields else {"channels": config.channels, **fields}


def _bare(network: nn.Module) -> Any:
    """A copy, ready to run on the CPU, without what only a training needs."""
    copied = copy.deepcopy(network).to("cpu", torch.float32).eval()
    for name in getattr(network, "training_only", ()):
        setattr(copied, name, None)
    return copied


def _compare(path: Path, trained: Any, rounded: Any, inputs: dict[str, int]) -> Parity:
    """Run the file and the bodies of both networks."""
    file = open_network(path)
    random = torch.Generator().manual_seed(0)
    found: list[float] = []
    height, width = (file.multiple * -(-side // file.multiple) for side in (96, 128))
    for more in (0, 1):
        # Soft blotches: noise would be none of the pictures that a network knows, and rounding matters more there.
        blotches = [
            torch.rand(2, count, 12, 16, generator=random) * (MAX_RADIUS_PX if name == "radius_px" else 1)
            for name, count in inputs.items()
        ]
        images = [nn.functional.interpolate(few, (height + more, width + 3 * more), mode="bicubic") for few in blotches]
        run = [torch.from_numpy(output) for output in file.run(*(image.numpy() for image in images))]
        with torch.no_grad():
            wanted, unrounded = (_tuple(padded(net.body, tuple(images), file.multiple)) for net in (rounded, trained))
        found.append(_difference(run, wanted))
        rounding = _difference(unrounded, wanted)
    return Parity(found[0], found[1], rounding)


def _difference(ours: Any, theirs: Any) -> float:
    return float(torch.stack([(a - b).abs().max() for a, b in zip(ours, theirs, strict=True)]).max())


def _tuple(outputs: Any) -> tuple[Tensor, ...]:
    return outputs if isinstance(outputs, tuple) else (outputs,)
