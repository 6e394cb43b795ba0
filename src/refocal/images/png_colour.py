"""The colour space that a PNG's chunks describe: cICP, gAMA and cHRM (PNG, third edition, section 11.3.2)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

import numpy as np

from refocal.images.colour import srgb_to_linear
from refocal.images.colour_space import STEPS, ColourSpace, make_space
from refocal.images.icc import SRGB_COLORANTS
from refocal.types import Array

# White point and primaries in xy: red, green, blue. ITU-T H.273, table 2.
_D65 = (0.3127, 0.3290)
_PRIMARIES: dict[int, tuple[float, ...]] = {
    1: (*_D65, 0.640, 0.330, 0.300, 0.600, 0.150, 0.060),
    5: (*_D65, 0.640, 0.330, 0.290, 0.600, 0.150, 0.060),
    6: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
_PRIMARIES[7] = _PRIMARIES[6]

_LEAST_GAMMA, _LARGEST_GAMMA = 10_000, 1_000_000  # exponents of 10 to 0.1: beyond, the chunk is broken

HDR_WHITE_NITS = 203
"""Luminance of diffuse white in PQ, of a range of 10,000 (ITU-R BT.2408-7, table 1)."""

HLG_WHITE = 0.26496
"""Light of diffuse white in HLG, whose stored value is 0.75 (ITU-R BT.2408-7, table 1)."""


def space_of_chunks(chunks: Mapping[bytes, bytes]) -> ColourSpace | None:
    """The colour space that the chunks cICP, or gAMA and cHRM, describe; None if they are missing or can't be used.

    Without gAMA, the curve is sRGB's; without cHRM, the primaries are.

    The chunks sRGB and iCCP, which come before gAMA and cHRM, are the caller's.
    """
    try:
        if b"cICP" in chunks:
            primaries, transfer, matrix, full = chunks[b"cICP"][:4]
            if matrix == 0 and full == 1 and transfer in _TRANSFERS:
                curve, white = _TRANSFERS[transfer]
                return make_space((curve(_stored()),), to_srgb_light(_PRIMARIES[primaries]), white)
        matrix_of = to_srgb_light(_chromaticities(chunks[b"cHRM"])) if b"cHRM" in chunks else None
        if b"gAMA" in chunks:
            (gamma,) = struct.unpack(">I", chunks[b"gAMA"])
            if not _LEAST_GAMMA <= gamma <= _LARGEST_GAMMA:
                return None
            return make_space((_stored() ** (100000 / gamma),), matrix_of)
        if matrix_of is not None:
            return make_space((srgb_to_linear(_stored()),), matrix_of)
    except (KeyError, ValueError, ZeroDivisionError, struct.error, np.linalg.LinAlgError):
        pass
    return None


def to_srgb_light(xy: tuple[float, ...]) -> Array:
    """(3, 3): from linear light in primaries to linear light in sRGB's, white to white.

    Args:
        xy: Chromaticities of white, red, green and blue.
    """
    return np.linalg.inv(_to_d50(_PRIMARIES[1])) @ _to_d50(xy)


def colorants(space: ColourSpace) -> Array:
    """(3, 3): the XYZ of a space's primaries under D50, as columns."""
    return SRGB_COLORANTS if space.to_srgb_light is None else SRGB_COLORANTS @ space.to_srgb_light


def _chromaticities(chunk: bytes) -> tuple[float, ...]:
    return tuple(value / 100000 for value in struct.unpack(">8I", chunk))


def _to_d50(xy: tuple[float, ...]) -> Array:
    """XYZ under D50 of primaries, adapted linearly with Bradford's matrix (ICC.1:2022, annex E)."""
    points = np.array(xy).reshape(4, 2)
    xyz = np.stack([points[:, 0] / points[:, 1], np.ones(4), (1 - points.sum(1)) / points[:, 1]])
    white, primaries = xyz[:, 0], xyz[:, 1:]
    primaries = primaries * np.linalg.solve(primaries, white)
    cones = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    gain = (cones @ (0.9642, 1.0, 0.8249)) / (cones @ white)
    adapted: Array = np.linalg.inv(cones) @ (gain[:, None] * cones) @ primaries
    return adapted


def _bt709(stored: Array) -> Array:
    return np.where(stored < 0.081, stored / 4.5, ((stored + 0.099) / 1.099) ** (1 / 0.45))


def _pq(stored: Array) -> Array:
    """SMPTE ST 2084: stored values to luminance, 1 being 10,000 nits."""
    power = stored ** (1 / 78.84375)
    light: Array = (np.clip(power - 0.8359375, 0, None) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)
    return light


def _hlg(stored: Array) -> Array:
    """ITU-R BT.2100, table 5: stored values to the light of the scene."""
    bright = (np.exp((stored - 0.55991073) / 0.17883277) + 0.28466892) / 12
    return np.where(stored <= 0.5, stored**2 / 3, bright)


def _stored() -> Array:
    return np.linspace(0, 1, STEPS + 1)


# ITU-T H.273, table 3: number -> stored values to linear light, and the light of diffuse white.
_TRANSFERS: dict[int, tuple[Callable[[Array], Array], float]] = {
    **dict.fromkeys((1, 6, 14, 15), (_bt709, 1.0)),
    4: (lambda stored: stored**2.2, 1.0),
    5: (lambda stored: stored**2.8, 1.0),
    8: (lambda stored: stored, 1.0),
    13: (srgb_to_linear, 1.0),
    16: (_pq, HDR_WHITE_NITS / 10000),
    18: (_hlg, HLG_WHITE),
}
