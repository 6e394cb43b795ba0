"""ICC profiles: the tone curves and primaries within, and a small profile for a space that has none."""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np

from refocal.images.colour_space import ColourSpace, make_space
from refocal.types import Array

# The colorants of sRGB under the profile connection space's white, D50, as columns (ICC.1:2022, annex F; the values of
# the profile that HP and Microsoft published in 1998 agree to 0.0002).
SRGB_COLORANTS = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])

_HEADER = 128
_SAMPLES = 4096  # of a parametric curve
_TRANSFER = {b"RGB ": (b"rTRC", b"gTRC", b"bTRC"), b"GRAY": (b"kTRC",)}


def space_of_profile(icc: bytes, channels: int) -> ColourSpace | None:
    """The colour space that a profile describes, for a photo of 1 or 3 channels.

    The curves are read from the profile's TRC tags, and the primaries from its colorants. A profile of tables without
    curves, such as a printer's, gives the curve of its grey axis, measured with LittleCMS, and sRGB's primaries.

    Returns:
        None if the profile is damaged, or for other channels than the photo's.
    """
    try:
        tags, kind = _tags(icc), icc[16:20]
        names = _TRANSFER[kind]
        if channels == 3 and kind == b"GRAY":
            return None
        if not all(name in tags for name in names):
            return make_space((_grey_axis(icc, kind),), None)
        curves = tuple(_curve(tags[name]) for name in names)
        if channels == 1:
            return make_space((curves[len(curves) // 2],), None)  # green, of a profile for RGB
        colorants = np.stack([_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")], axis=1)
        return make_space(curves, np.linalg.inv(SRGB_COLORANTS) @ colorants)
    except (KeyError, ValueError, IndexError, struct.error, OverflowError):
        return None


def make_profile(curve: Array, colorants: Array | None) -> bytes:
    """A profile of one curve (ICC version 2.1).

    Args:
        curve: The linear light of evenly spaced stored values, the same for red, green and blue.
        colorants: (3, 3), the XYZ of the primaries under D50 as columns; None for grey.
    """
    values = np.rint(np.interp(np.linspace(0, 1, _SAMPLES), np.linspace(0, 1, len(curve)), curve) * 65535)
    table = b"curv" + struct.pack(f">II{_SAMPLES}H", 0, _SAMPLES, *values.astype(int))
    text = b"desc\0\0\0\0" + struct.pack(">I", 8) + b"refocal\0" + b"\0" * 78
    white = (0.9642, 1.0, 0.8249)  # D50
    parts = {b"desc": text, b"cprt": b"text\0\0\0\0CC0\0", b"wtpt": _as_xyz(white)}
    kind, curves = (b"GRAY", _TRANSFER[b"GRAY"]) if colorants is None else (b"RGB ", _TRANSFER[b"RGB "])
    if colorants is not None:
        columns = zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants.T, strict=True)
        parts |= {name: _as_xyz(column) for name, column in columns}
    start = _HEADER + 4 + 12 * (len(parts) + len(curves))
    index, body = b"", b""
    for name, data in (*parts.items(), (curves[0], table)):
        for used in curves if name == curves[0] else (name,):
            index += used + struct.pack(">II", start + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"\0\0\0\0", 0x02100000, b"mntr", kind, b"XYZ ")
    head += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp"
    head = head.ljust(68, b"\0") + _as_xyz(white)[8:]
    return head.ljust(_HEADER, b"\0") + struct.pack(">I", len(parts) + len(curves)) + index + body


def _tags(icc: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", icc, _HEADER)
    if icc[36:40] != b"acsp" or count > 1000:
        raise ValueError("It is no ICC profile.")
    found = {}
    for entry in range(_HEADER + 4, _HEADER + 4 + 12 * count, 12):
        name, offset, length = struct.unpack_from(">4sII", icc, entry)
        found[name] = icc[offset : offset + length]
    return found


def _xyz(data: bytes) -> Array:
    if data[:4] != b"XYZ ":
        raise ValueError("It is no colorant.")
    return np.array(struct.unpack_from(">3i", data, 8)) / 65536


def _as_xyz(values: Array | tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(float(value) * 65536) for value in values))


def _curve(data: bytes) -> Array:
    """The light of evenly spaced stored values, from a tag of type curv or para (ICC.1:2022, 10.6 and 10.18)."""
    stored = np.linspace(0, 1, _SAMPLES)
    if data[:4] == b"curv":
        (count,) = struct.unpack_from(">I", data, 8)
        if count == 0:
            return stored
        values = struct.unpack_from(f">{count}H", data, 12)
        return stored ** (values[0] / 256) if count == 1 else np.array(values) / 65535
    if data[:4] != b"para":
        raise ValueError("It is no curve.")
    (form,) = struct.unpack_from(">H", data, 8)
    gamma, *rest = np.array(struct.unpack_from(f">{(1, 3, 4, 5, 7)[form]}i", data, 12)) / 65536
    a, b, c, d, e, f = (*rest, *(0.0,) * 6)[:6] if form else (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    if form in (1, 2):  # X >= -b / a: (a X + b)^gamma + c, else c (0 in form 1)
        d, e, f, c = -b / a, c, c, 0.0
    power = np.clip(a * stored + b, 0, None) ** gamma + e
    return np.where(stored >= d, power, c * stored + f) if form else stored**gamma


def _grey_axis(icc: bytes, kind: bytes) -> Array:
    """The light of a ramp of grey under a profile of tables, from CIE lightness in 8 bits."""
    from PIL import Image, ImageCms

    mode = {b"RGB ": "RGB", b"GRAY": "L"}[kind]
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None]).convert(mode)
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(icc))
        lab = ImageCms.profileToProfile(ramp, profile, ImageCms.createProfile("LAB"), outputMode="LAB")
    except (ImageCms.PyCMSError, OSError) as error:
        raise ValueError("LittleCMS can't use the profile.") from error
    lightness = np.maximum.accumulate(np.asarray(lab)[0, :, 0].astype(float)) * 100 / 255
    return np.where(lightness > 8, ((lightness + 16) / 116) ** 3, lightness / 903.3)
