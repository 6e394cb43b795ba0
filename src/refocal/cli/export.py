"""The verb ``export``: turn a checkpoint into an .onnx file, or its blur kernels into an .npz file."""

from __future__ import annotations

from pathlib import Path

from refocal.cli.flags import Parser, check_out, put, require_learn, whole_number
from refocal.types import InputError


def command(words: list[str]) -> int:
    """Turn a checkpoint into an ONNX file, or its blur kernels into an .npz file."""
    about = (
        "Turn a checkpoint into an .onnx file that refocal deblur runs, or its learned blur kernels into an .npz file."
    )
    parser = Parser(prog="refocal export", description=about)
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="checkpoint.safetensors of a training")
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="NET.onnx", help="file to write; KERNELS.npz")
    parser.add_argument("--name", metavar="NAME", help="name of the network [the file's name]")
    about = "context in pixels, if you measured less than the receptive field [the receptive field]"
    parser.add_argument("--context-px", type=whole_number(1), default=0, metavar="N", help=about)
    parser.add_argument("--licence", default="Apache-2.0", metavar="SPDX", help="licence of the weights [Apache-2.0]")
    parser.add_argument(
        "--bits", type=int, choices=(5, 6, 8, 16), default=16, help="bits per large weight; 8 halves the file [16]"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the file if it exists")
    values = parser.parse_intermixed_args(words)
    if values.out.suffix not in (".onnx", ".npz"):
        raise InputError(f"Give a name that ends in .onnx, or in .npz for blur kernels, not {values.out}.")
    require_learn(export=True)
    check_out(values.checkpoint, values.out, values.overwrite)

    if values.out.suffix == ".npz":
        from refocal.learn.export.kernel_file import export_kernels

        count = export_kernels(values.checkpoint, values.out, overwrite=values.overwrite)
        put(f"{values.out}: {count} kernels")
        return 0

    from refocal.learn.export.onnx_file import export_checkpoint

    name = values.name or values.out.stem
    parity = export_checkpoint(
        values.checkpoint,
        values.out,
        name,
        values.licence,
        values.context_px,
        values.bits,
        overwrite=values.overwrite,
    )
    put(f"{values.out}: {values.out.stat().st_size / 1e6:.2f} MB; {parity}")
    return 0
