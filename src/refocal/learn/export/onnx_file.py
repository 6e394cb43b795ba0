"""Export of a trained network to one ONNX file that runs without torch, and import of its weights.

The file holds the network's ``body`` for any batch, height and width. Weights are stored in half precision, or the
large ones in 8 bits, under their state-dict names, and converted to float32 in the graph; batch normalisation is not
folded. ONNX Runtime does both conversions when it opens the file, so they cost no time, and a training can start from
the shipped file.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from refocal.files.whole import check_target, whole_file, writing
from refocal.inference.network_file import FORMAT, open_network
from refocal.learn.export.onnx_graph import SCALE, store, stored_weights, trace
from refocal.learn.export.quantise import round_weights
from refocal.learn.nets import make_config
from refocal.learn.nets.padding import padded
from refocal.learn.recipe import to_json
from refocal.learn.tasks import make_network
from refocal.learn.training.checkpoint import load
from refocal.types import Array, InputError

MAX_DIFFERENCE = 1e-3
"""Largest difference between ONNX Runtime and torch, a quarter of a grey level."""

MAX_RADIUS_PX = 8.0
"""Largest radius in the comparison with torch; some are beyond the trained range."""

ARENA = 2
"""Factor from peak activations to memory: ONNX Runtime's arena grows by doubling. The U-Net needs 260 bytes per pixel
at once; 513 to 520 were measured."""


@dataclass(frozen=True)
class About:
    """Metadata of an exported network.

    Attributes:
        network: Name in ``NETWORKS``.
        config: The network's ``Config``, with ``channels``: 1 (luma) or 3 (colour).
        name: Name of the weights; by default the file's.
        recipe: The training, as JSON.
        steps: Number of training steps.
        licence: Licence of the weights, SPDX expression.
        context_px: Overlap of tiles in pixels, where a smaller one than the receptive field was measured to be enough;
            0 takes the receptive field, which is safe but up to three times as large.
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
    """Largest absolute differences over all outputs, on two random images.

    Attributes:
        even: ONNX Runtime against torch with the same rounded weights, for sides that are multiples.
        odd: The same for odd sides, which are padded.
        rounding: Rounded weights against the trained ones, both in torch.
    """

    even: float
    odd: float
    rounding: float

    def __str__(self) -> str:
        """A sentence for the report of ``refocal export``."""
        return (
            f"differs from torch by at most {self.even:.1e} (even sides) and {self.odd:.1e} (odd sides), "
            f"and by {self.rounding:.1e} from rounding the weights"
        )


def export(network: nn.Module, path: Path, about: About, bits: int = 16, *, overwrite: bool = False) -> Parity:
    """Write a network to an ONNX file, and compare its results with torch.

    The graph's inputs have the names of the arguments of ``network.body``, each an image of ``about.config.channels``
    channels, but of one if its name is ``radius_px``. Its outputs are named by ``network.outputs``; without this
    attribute there is one, ``restored``. Modules that ``network.training_only`` names are left out.

    Args:
        network: With ``body``, ``multiple`` and ``context_px``; not changed.
        path: Ends in .onnx; written whole or not at all.
        about: Metadata.
        bits: Per large weight: 16, or 8 for half the size, or 6 or 5; see ``round_weights``.
        overwrite: Replace a file of this name.

    Raises:
        InputError: If the path can't be written, ``bits`` is another number, or a weight is out of the range of half
            precision.
        ValueError: If ``body`` leaves weights unused, or ONNX Runtime's result differs from torch's.
    """
    path = Path(path)
    if path.suffix != ".onnx" or not path.parent.is_dir():
        raise InputError(f"Give an .onnx file in an existing folder to export to, not {path}.")
    check_target(path, overwrite=overwrite)
    trained, rounded = _bare(network), _bare(network)
    weights, scales = round_weights(rounded, bits)
    inputs = {
        name: 1 if name == "radius_px" else about.config.channels for name in inspect.signature(rounded.body).parameters
    }
    model, needed_bytes = trace(rounded, inputs, list(getattr(rounded, "outputs", ("restored",))))
    store(model, weights, scales, bits)
    metadata = {
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
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)
    with whole_file(path, overwrite=overwrite, suffix=path.suffix) as part:
        with writing(path):
            part.write_bytes(model.SerializeToString())
        parity = _compare(part, trained, rounded, inputs)
        if not (parity.even <= MAX_DIFFERENCE and parity.odd <= MAX_DIFFERENCE):  # written so that NaN is refused too
            raise ValueError(f"ONNX Runtime's result differs from torch's: {parity}.")
    return parity


def export_checkpoint(  # noqa: PLR0913  the words of the command line
    checkpoint: Path,
    path: Path,
    name: str = "",
    licence: str = "Apache-2.0",
    context_px: int = 0,
    bits: int = 16,
    *,
    overwrite: bool = False,
) -> Parity:
    """Write a checkpoint's network, averaged if its recipe averages, to an ONNX file.

    Args:
        checkpoint: Checkpoint of a training.
        path: See ``export``.
        name: See ``About``.
        licence: See ``About``.
        context_px: See ``About``.
        bits: See ``export``.
        overwrite: See ``export``.

    Raises:
        InputError: If the checkpoint can't be read, or as ``export`` does.
    """
    kept = load(checkpoint)
    network = make_network(kept.recipe)
    network.load_state_dict(kept.best())
    about = About(
        kept.recipe.network,
        make_config(kept.recipe.network, kept.recipe.config),
        name,
        to_json(kept.recipe),
        kept.step,
        licence,
        context_px,
    )
    return export(network, path, about, bits, overwrite=overwrite)


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
    if not weights or "refocal.format" not in {each.key for each in model.metadata_props}:
        raise InputError(f"The weights file {path} holds no network of refocal's.")
    return {name: torch.from_numpy(weight) for name, weight in weights.items()}


def fingerprint(weights: Mapping[str, Array]) -> str:
    """SHA-256 of the stored weights: names and little-endian bytes, sorted by name."""
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
    """A copy in evaluation mode on the CPU, float32, without modules that only training uses."""
    copied = copy.deepcopy(network).to("cpu", torch.float32).eval()
    for name in getattr(network, "training_only", ()):
        setattr(copied, name, None)
    return copied


def _compare(path: Path, trained: Any, rounded: Any, inputs: dict[str, int]) -> Parity:
    """Compare the file and the bodies of both networks, on smooth random images."""
    file = open_network(path)
    random = torch.Generator().manual_seed(0)
    found: list[float] = []
    height, width = (file.tiling.multiple * -(-side // file.tiling.multiple) for side in (96, 128))
    for more in (0, 1):
        # Smooth images: white noise is unlike training images, and exaggerates the effect of rounding.
        coarse = [
            torch.rand(2, count, 12, 16, generator=random) * (MAX_RADIUS_PX if name == "radius_px" else 1)
            for name, count in inputs.items()
        ]
        images = [
            nn.functional.interpolate(small, (height + more, width + 3 * more), mode="bicubic") for small in coarse
        ]
        run = [torch.from_numpy(output) for output in file.run(*(image.numpy() for image in images))]
        with torch.no_grad():
            wanted, unrounded = (
                _tuple(padded(net.body, tuple(images), file.tiling.multiple)) for net in (rounded, trained)
            )
        found.append(_difference(run, wanted))
        rounding = _difference(unrounded, wanted)
    return Parity(found[0], found[1], rounding)


def _difference(ours: Any, theirs: Any) -> float:
    return float(torch.stack([(a - b).abs().max() for a, b in zip(ours, theirs, strict=True)]).max())


def _tuple(outputs: Any) -> tuple[Tensor, ...]:
    return outputs if isinstance(outputs, tuple) else (outputs,)
