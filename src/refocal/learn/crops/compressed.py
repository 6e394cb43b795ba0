"""Crops compressed into a small file, for trainings that travel; decoded once, when a training opens it."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np

from refocal.types import Array, InputError

QUALITY = 85
"""Of lossy WebP: 160 px crops take 5 kB each in grey at about 40 dB; JPEG needs 8 kB for that."""

SUFFIX = ".npz"


def encode(crop: Array, luma: bool) -> bytes:
    """One crop (side, side, 3) uint8 as WebP, in grey if only its luma is used."""
    from PIL import Image

    image = Image.fromarray(crop)
    file = BytesIO()
    # A grey photo is stored as YUV with empty colour planes.
    (image.convert("L") if luma else image).convert("RGB").save(file, "WEBP", quality=QUALITY, method=4)
    return file.getvalue()


def write_compressed(path: Path, streams: list[bytes], luma: bool) -> None:
    """Write encoded crops to an .npz file: their bytes, one after the other, and where each ends."""
    ends = np.cumsum([len(stream) for stream in streams])
    joined = np.frombuffer(b"".join(streams), np.uint8)
    with path.open("wb") as file:
        np.savez(file, streams=joined, ends=ends, luma=np.array(luma))


def read_compressed(path: Path) -> Array:
    """Decode all crops: (N, side, side, 1) uint8 of luma, or (N, side, side, 3).

    Raises:
        InputError: If it is no such file.
    """
    from PIL import Image

    try:
        with np.load(path) as file:  # no pickles
            streams, ends, luma = file["streams"].tobytes(), file["ends"], bool(file["luma"])
        starts = [0, *ends[:-1]]
        crops = [
            np.asarray(Image.open(BytesIO(streams[start:end])).convert("L" if luma else "RGB"))
            for start, end in zip(starts, ends, strict=True)
        ]
        pixels = np.stack(crops)
    except (OSError, ValueError, KeyError, EOFError):
        raise InputError(f"{path} is no file of compressed crops: refocal bundle writes one.") from None
    return pixels[..., None] if luma else pixels
