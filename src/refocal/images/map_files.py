"""Files of blur maps and depth maps."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np

from refocal.files.whole import write_whole
from refocal.images.io import read
from refocal.images.limits import refusing
from refocal.types import Array, InputError

PNG_STEPS = 256
"""Steps per pixel of radius in a PNG: 1/256 px is finer than any estimate; 16 bits hold at most 255.99 px."""

_ABOUT = "circle-of-confusion radius: "

MAX_RADIUS_PX = 100
"""Larger values have another unit: under a larger blur no detail is left to restore."""

MAP_SUFFIXES = (".png", ".tif", ".tiff", ".npy")


def write_map(path: str | Path, radius_px: Array, *, overwrite: bool = False) -> str:
    """Write a blur map, whole or not at all.

    Args:
        path: ``.npy`` and ``.tif`` hold float32 radii in pixels, ``.png`` 16-bit whole numbers of 1/256 px.
        radius_px: (H, W).
        overwrite: Replace a file of this name.

    Returns:
        The meaning of the numbers in the file.

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
        tifffile.imwrite(
            file, radius_px, photometric="minisblack", compression="zlib", description=about, metadata=None
        )
    write_whole(path, file.getvalue(), overwrite=overwrite)
    return meaning


def check_map_name(path: Path) -> str:
    """The suffix of a blur map's file, in lower case.

    Raises:
        InputError: If ``write_map`` can't write it.
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


def read_map(path: str | Path) -> Array:
    """Read a blur map: ``.npy`` and floating-point ``.tif`` in pixels of radius, ``.png`` as ``write_map`` writes it.

    Returns:
        (H, W) float32, radius in pixels.

    Raises:
        InputError: If the file is none of these, a radius is negative or not a number, or the map is of another unit.
    """
    path = Path(path)
    if path.suffix.lower() == ".png":
        if not is_map(path):
            pixels = read(path).pixels
            kind = f"{8 * pixels.dtype.itemsize}-bit numbers up to {pixels.max()}"
            raise InputError(
                f"{path} holds {kind} without a unit: give radii in pixels as .npy or .tif, or a .png from refocal map."
            )
        radius_px = read_png_radius(path)
    else:
        wanted = "blur map: use a .npy or .tif in pixels of radius, or a .png from refocal map"
        radius_px = _read_floats(path, wanted, "radii")
    if not np.isfinite(radius_px).all() or (radius_px < 0).any():
        raise InputError(f"{path} holds radii that are negative or no numbers; a blur map holds pixels, at least 0.")
    if radius_px.max() > MAX_RADIUS_PX:
        raise InputError(
            f"{path} holds values up to {radius_px.max():.0f}: give radii in pixels, at most {MAX_RADIUS_PX}, "
            "not grey levels."
        )
    return radius_px


def read_png_radius(path: str | Path) -> Array:
    """Read a 16-bit grey PNG as radii in steps of 1/256 px, whichever program wrote it.

    Returns:
        (H, W) float32, radius in pixels, 0 to 255.996.

    Raises:
        InputError: If the file is no such PNG.
    """
    return _read_grey16(Path(path), f"a blur map in 1/{PNG_STEPS} px") / np.float32(PNG_STEPS)


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
        return _read_grey16(path, "a depth map in millimetres") / np.float32(1000)
    return _read_floats(path, "depth map: use a 16-bit .png in millimetres, or a .npy or .tif in metres", "metres")


def _read_grey16(path: Path, kind: str) -> Array:
    """The stored values of a 16-bit grey PNG, (H, W) float32."""
    pixels = read(path).pixels
    if pixels.dtype != np.uint16 or pixels.shape[2] != 1:
        raise InputError(f"{path} is no 16-bit grey PNG, which {kind} must be.")
    return pixels[..., 0].astype(np.float32)


def _read_floats(path: Path, wanted: str, unit: str) -> Array:
    """(H, W) float32 from .npy or .tif."""
    suffix = path.suffix.lower()
    if suffix not in MAP_SUFFIXES:
        raise InputError(f"{path} is no {wanted}.")
    if not path.is_file():
        raise InputError(f"{path} doesn't exist.")
    with refusing(str(path)):
        if suffix == ".npy":
            with path.open("rb") as file:
                start = file.read(6)
            if start != b"\x93NUMPY":  # NumPy would take it for a pickle, and say so
                raise InputError(f"{path} is no .npy file, whatever its name.")
            values = np.load(path, allow_pickle=False)
        else:
            import tifffile

            values = tifffile.imread(path)
    if values.ndim != 2 or values.dtype.kind != "f" or values.size == 0:
        raise InputError(
            f"{path} holds {values.dtype} numbers of shape {values.shape}; expected floating-point {unit}, (H, W)."
        )
    return values.astype(np.float32)


def _write_png(file: BytesIO, radius_px: Array, about: str, path: Path) -> None:
    from PIL import Image, PngImagePlugin

    values = np.rint(radius_px * PNG_STEPS)
    if values.max() > np.iinfo(np.uint16).max:
        raise InputError(
            f"{path} can't hold a radius of {radius_px.max():.0f} px (the maximum is 255.99); use .tif or .npy."
        )
    text = PngImagePlugin.PngInfo()
    text.add_text("Description", about)
    Image.fromarray(values.astype(np.uint16)).save(file, "PNG", pnginfo=text)
