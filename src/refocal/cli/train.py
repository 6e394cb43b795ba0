"""The verbs of the learn world: ``refocal crops``, ``refocal train`` and ``refocal export``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from refocal.catalog import find
from refocal.cli.flags import Parser, flag, number, whole_number
from refocal.types import InputError


def crops(words: list[str]) -> int:
    """Pack photos into a file of crops."""
    parser = Parser(
        prog="refocal crops", description="Cut photos into one file of crops to train on.", allow_abbrev=False
    )
    parser.add_argument(
        "folders", nargs="+", metavar="NAME_OR_DIR", help="folder of photos, searched to the bottom; or data set"
    )
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="FILE.npy", help="file to write")
    parser.add_argument("--side-px", type=whole_number(8), metavar="N", help="side of a crop [128; 340 with --maps]")
    parser.add_argument("--scales", metavar="A,B", help="sizes at which photos are cut [1,0.5]")
    parser.add_argument("--drop-smooth", type=number(0, 0.99), metavar="X", help="share left out, smoothest first [0]")
    parser.add_argument("--seed", type=whole_number(0), default=0, metavar="N", help="of the photos' order [0]")
    parser.add_argument(
        "--pairs", action="store_true", help="pack a data set's blurred and sharp photos, not sharp ones alone"
    )
    parser.add_argument(
        "--maps", type=whole_number(1), metavar="N", help="pack N blur maps with each photo, for svbr-net"
    )
    parser.add_argument(
        "--depth", action="store_true", help="pack the inverse of depths beside photos: X_depth_mm.png, ..."
    )
    parser.add_argument("--data-root", metavar="DIR", help="folder that holds the data sets [$REFOCAL_DATA]")
    parser.add_argument("--overwrite", action="store_true", help="replace the file if it exists")
    values = parser.parse_intermixed_args(words)
    _require_learn()

    from refocal.learn.crops.blur_maps import SIDE_PX, pack_maps
    from refocal.learn.crops.depth import pack_depth
    from refocal.learn.crops.photos import pack, pack_pairs

    if values.out.exists() and not values.overwrite:
        raise InputError(f"{values.out} exists already; choose another name, or add --overwrite.")
    kinds = [name for name in ("pairs", "maps", "depth") if getattr(values, name)]
    if len(kinds) > 1:
        raise InputError(f"Give --{kinds[0]} or --{kinds[1]}, not both: a file holds crops of one kind.")
    for name in ("scales", "drop_smooth"):
        if getattr(values, name) is not None and (values.pairs or values.maps):
            raise InputError(f"{flag(name)} goes with sharp photos, not with --{kinds[0]}.")
    side_px = values.side_px or (SIDE_PX if values.maps else 128)
    if values.pairs:
        from refocal.datasets import open_dataset

        if len(values.folders) != 1:
            raise InputError("Give one data set with --pairs.")
        pairs = open_dataset(values.folders[0], values.data_root)
        count = pack_pairs(pairs, values.out, side_px, values.seed)
    elif values.maps:
        count = pack_maps(values.folders, values.out, values.maps, side_px, values.seed)
    else:
        scales = _scales(values.scales or "1,0.5")
        packing = pack_depth if values.depth else pack
        count = packing(values.folders, values.out, side_px, scales, values.drop_smooth or 0.0, values.seed)
    _say(f"{values.out}: {count} crops of {side_px} x {side_px} px.")
    return 0


def train(words: list[str]) -> int:
    """Train a recipe."""
    parser = Parser(
        prog="refocal train",
        description="Train a network by a recipe. Any field of the recipe can be set by its name: --learning-rate 1e-3, "
        "--phases.0.steps 2000, --loss.1.weight 0.1, --config.NAME VALUE.",
        allow_abbrev=False,
    )
    parser.add_argument("recipe", metavar="RECIPE", help="name; without any flag, the recipe is shown with its sources")
    parser.add_argument("--data", type=Path, metavar="FILE.npy", help="crops, from refocal crops")
    parser.add_argument("-o", "--out", type=Path, metavar="DIR", help="folder for checkpoint, log and curve")
    parser.add_argument("--resume", action="store_true", help="go on with the training in DIR")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="[auto]")
    parser.add_argument(
        "--devices", type=whole_number(1), default=1, metavar="N", help="processes that share the work [1]"
    )
    parser.add_argument("--save-seconds", type=number(0), default=180.0, metavar="S", help="between checkpoints [180]")
    parser.add_argument(
        "--log-steps", type=whole_number(1), default=50, metavar="N", help="between lines of the log [50]"
    )
    parser.add_argument("--minutes", type=number(0), default=0.0, metavar="M", help="stop, resumably, after M minutes")
    values, rest = parser.parse_known_args(words)
    _require_learn()

    from refocal.learn.recipe import override, to_json
    from refocal.learn.recipes import RECIPES

    chosen = override(find(RECIPES, values.recipe, "recipe"), _fields(rest))
    if values.data is None and values.out is None:
        import json

        from refocal.learn.recipe_fields import check_fields

        check_fields(chosen)
        _print(json.dumps(json.loads(to_json(chosen)), indent=1))
        return 0
    for name in ("data", "out"):
        if getattr(values, name) is None:
            raise InputError(f"Give {flag(name)} too; see refocal train --help.")

    from refocal.learn.train import Run
    from refocal.learn.train import train as run_training

    run = Run(
        values.out,
        values.resume,
        values.device,
        values.devices,
        values.save_seconds,
        values.log_steps,
        values.minutes,
    )
    _say(f"{values.out}: {run_training(chosen, values.data, run, say=_say)}")
    return 0


def export(words: list[str]) -> int:
    """Turn a checkpoint into an ONNX file, or its blur kernels into an .npz file."""
    about = "Turn a checkpoint into an .onnx file that refocal deblur runs, or blur kernels that it learned into an .npz file."
    parser = Parser(prog="refocal export", description=about)
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="checkpoint.safetensors of a training")
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="NET.onnx", help="file to write; KERNELS.npz")
    parser.add_argument("--name", metavar="NAME", help="what the network is to be called [the file's name]")
    about = "how far away a pixel still matters, where you measured less than the receptive field [that]"
    parser.add_argument("--context-px", type=whole_number(1), default=0, metavar="N", help=about)
    parser.add_argument("--licence", default="Apache-2.0", metavar="SPDX", help="of the weights [Apache-2.0]")
    parser.add_argument("--bits", type=int, choices=(8, 16), default=16, help="per large weight; 8: half the size [16]")
    parser.add_argument("--overwrite", action="store_true", help="replace the file if it exists")
    values = parser.parse_intermixed_args(words)
    if values.out.suffix not in (".onnx", ".npz"):
        raise InputError(f"Give a name that ends in .onnx, or in .npz for blur kernels, not {values.out}.")
    if values.out.exists() and not values.overwrite:
        raise InputError(f"{values.out} exists already; choose another name, or add --overwrite.")
    _require_learn()

    if values.out.suffix == ".npz":
        from refocal.learn.export.kernel_file import export_kernels

        _print(f"{values.out}: {export_kernels(values.checkpoint, values.out)} kernels")
        return 0

    from refocal.learn.export.onnx_file import export_checkpoint

    name = values.name or values.out.stem
    parity = export_checkpoint(values.checkpoint, values.out, name, values.licence, values.context_px, values.bits)
    _print(f"{values.out}: {values.out.stat().st_size / 1e6:.2f} MB; {parity}")
    return 0


def _fields(rest: Sequence[str]) -> dict[str, str]:
    """``--name value`` and ``--name=value`` as name -> value."""
    given: dict[str, str] = {}
    words = list(rest)
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            raise InputError(f"What is {word!r}? Fields of the recipe are set as --name value.")
        name, equals, value = word[2:].partition("=")
        if not equals:
            if not words:
                raise InputError(f"Give --{name} a value.")
            value = words.pop(0)
        given[name] = value
    return given


def _scales(text: str) -> tuple[float, ...]:
    try:
        return tuple(number(0, 1, above=True)(part) for part in text.split(","))
    except (ValueError, argparse.ArgumentTypeError):
        raise InputError(f"Give --scales as numbers above 0 and at most 1 with commas between, not {text!r}.") from None


def _require_learn() -> None:
    import importlib.util

    missing = [name for name in ("torch", "lightning_fabric", "safetensors") if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"Training needs {' and '.join(missing)}: pip install 'refocal[learn]'.")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
