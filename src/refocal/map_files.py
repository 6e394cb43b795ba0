"""Blur maps into files, and depth maps out of them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np

from refocal.images.io import read, write_bytes_atomic
from refocal.images.limits import refusing
from refocal.types import Array, InputError

PNG_STEPS = 256
"""Steps per pixel of radius in a PNG: 1/256 px is finer than any estimate, and 255.99 px are the most that 16 bits hold."""

_ABOUT = "circle-of-confusion radius: "

MAP_SUFFIXES = (".png", ".tif", ".tiff", ".npy")


def write_map(path: str | Path, radius_px: Array, *, overwrite: bool = False) -> str:
    """Write a blur map, whole or not at all.

    Args:
        path: ``.npy`` and ``.tif`` hold float32 radii in pixels, ``.png`` 16-bit whole numbers of 1/256 px.
        radius_px: (H, W).
        overwrite: Replace a file of this name.

    Returns:
        What the file's numbers mean.

    Raises:
        InputError: If the suffix is another, a radius doesn't fit into a PNG, or the file can't be written.
    """
    path = Path(path)
    suffix = check_map_name(path)
    radius_px = np.asarray(radius_px, np.float32)
    file = BytesIO()
    if suffix == ".npy":
        meaning = "float32 radii in pixels"
        np.save(file, radius_px)
    elif suffix == ".png":
        meaning = f"radius_px = value / {PNG_STEPS}"
        _write_png(file, radius_px, _ABOUT + meaning, path)
    else:
        import tifffile

        meaning = "float32 radii in pixels"
        about = _ABOUT + meaning
        tifffile.imwrite(file, radius_px, photometric="minisblack", compression="zlib", description=about, metadata=None)
    write_bytes_atomic(path, file.getvalue(), overwrite=overwrite)
    return meaning


def check_map_name(path: Path) -> str:
    """The suffix of a blur map's file, in lower case.

    Raises:
        InputError: If it is none that ``write_map`` knows.
    """
    suffix = path.suffix.lower()
    if suffix not in MAP_SUFFIXES:
        raise InputError(f"{path} has no suffix that a blur map is written with: use {', '.join(MAP_SUFFIXES)}.")
    return suffix


def is_map(path: Path) -> bool:
    """Whether a file is a PNG that ``write_map`` wrote."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return _ABOUT.encode() in file.read(200)


def read_depth(path: str | Path) -> Array:
    """Read a depth map: ``.npy`` and floating-point ``.tif`` in metres, 16-bit ``.png`` in millimetres.

    Returns:
        (H, W) float32 in metres, as it stands in the file.

    Raises:
        InputError: If the file is none of these.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".png":
        pixels = read(path).pixels
        if pixels.dtype != np.uint16 or pixels.shape[2] != 1:
            raise InputError(f"{path} is no 16-bit grey PNG: as such, a depth map holds millimetres.")
        return pixels[..., 0].astype(np.float32) / np.float32(1000)
    if suffix not in MAP_SUFFIXES:
        raise InputError(f"{path} is no depth map: use a 16-bit .png in millimetres, or a .npy or .tif in metres.")
    if not path.is_file():
        raise InputError(f"{path} doesn't exist.")
    with refusing(str(path)):
        if suffix == ".npy":
            depth_m = np.load(path, allow_pickle=False)
        else:
            import tifffile

            depth_m = tifffile.imread(path)
    if depth_m.ndim != 2 or depth_m.dtype.kind != "f":
        raise InputError(
            f"{path} holds {depth_m.dtype} numbers of shape {depth_m.shape}; expected floating-point metres, (H, W)."
        )
    return depth_m.astype(np.float32)


def _write_png(file: BytesIO, radius_px: Array, about: str, path: Path) -> None:
    from PIL import Image, PngImagePlugin

    values = np.rint(radius_px * PNG_STEPS)
    if values.max() > np.iinfo(np.uint16).max:
        raise InputError(f"{path} can't hold a radius of {radius_px.max():.0f} px (255.99 are the most); use .tif or .npy.")
    text = PngImagePlugin.PngInfo()
    text.add_text("Description", about)
    Image.fromarray(values.astype(np.uint16)).save(file, "PNG", pnginfo=text)
