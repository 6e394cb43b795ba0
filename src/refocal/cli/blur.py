"""The verb ``blur``: blur a sharp photo like a lens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from refocal.cli.flags import Parser, add_overwrite, check_out, flag, number, say, whole_number
from refocal.images.io import Photo, format_of, from_float, read, to_float, write
from refocal.images.map_files import read_depth
from refocal.images.opened import space_of
from refocal.optics.blur import Psf
from refocal.optics.kernels import FAMILIES, family_kernel
from refocal.optics.render import render_depth
from refocal.optics.thin_lens import ThinLens
from refocal.types import Image, InputError

MAX_RADIUS_PX = 500
"""Larger kernels take more memory than the photo."""


_LENS = {
    "focal_length_mm": "focal length of the lens",
    "f_number": "aperture number",
    "focus_distance_m": "distance of the sharp plane from the lens",
    "pixel_pitch_um": "distance between pixel centres on the sensor",
}


def command(words: list[str]) -> int:
    """Blur a photo with a uniform radius, or with a depth map and a lens."""
    parser = Parser(prog="refocal blur", description="Blur a sharp photo like a lens, in linear light.")
    files = parser.add_argument_group("what is read and written")
    files.add_argument("input", metavar="IN", help="sharp photo")
    files.add_argument("-o", "--out", required=True, type=Path, metavar="OUT", help="photo to write")
    add_overwrite(files)
    shape = parser.add_argument_group("the blur")
    how = shape.add_mutually_exclusive_group(required=True)
    how.add_argument("--radius-px", type=number(0, 500), metavar="R", help="radius of the circle of confusion")
    how.add_argument("--depth", type=Path, metavar="FILE", help="16-bit .png in millimetres, or .npy or .tif in metres")
    shape.add_argument("--family", choices=tuple(FAMILIES), default="disk", help="shape of the blur [disk]")
    lens = parser.add_argument_group("the lens, with --depth")
    for name, about in _LENS.items():
        lens.add_argument(flag(name), type=number(0, above=True), metavar="X", help=about)
    noise = parser.add_argument_group("noise")
    noise.add_argument("--noise-std", type=number(0), default=0.0, metavar="X", help="noise, on a range of 0 to 1 [0]")
    noise.add_argument("--seed", type=whole_number(0), default=0, metavar="N", help="seed of the noise [0]")
    values = parser.parse_intermixed_args(words)
    given = {name: value for name in _LENS if (value := getattr(values, name)) is not None}
    if values.depth is None and given:
        raise InputError(f"{flag(next(iter(given)))} goes with --depth; with --radius-px, no lens is needed.")
    if values.depth is not None and (missing := [flag(name) for name in _LENS if name not in given]):
        raise InputError(f"With --depth the lens must be known: add {' and '.join(missing)}.")

    format_of(values.out)
    check_out(values.input, values.out, values.overwrite)
    try:
        optics = values.radius_px if values.depth is None else (values.depth, ThinLens(**given))
    except ValueError as error:
        raise InputError(str(error)) from error
    amount = (values.noise_std, values.seed)
    photo = read(values.input)
    for note in defocus_file(photo, values.out, optics, values.family, amount, values.overwrite):
        say(note)
    return 1 if photo.damaged else 0


def defocus_file(
    photo: Photo,
    target: Path,
    lens: float | tuple[Path, ThinLens],
    family: str,
    noise: tuple[float, int],
    overwrite: bool,
) -> tuple[str, ...]:
    """Blur a sharp photo and write it.

    Args:
        photo: The sharp photo.
        target: The photo to write.
        lens: The radius of a uniform blur in pixels, or the file of a depth map and the lens.
        family: Family of the kernels, a key of ``optics.kernels.FAMILIES``.
        noise: Standard deviation of Gaussian noise, added to the encoded photo whose range is [0, 1]; and its seed.
        overwrite: Replace a file of this name.

    Returns:
        Sentences about what reading and writing changed in the file.

    Raises:
        InputError: If a file can't be read or written, or the sizes differ.
    """
    light, back = _as_light(photo)
    if isinstance(lens, tuple):
        depth_m = read_depth(lens[0])
        largest = float(np.abs(lens[1].signed_radius_px(depth_m)).max())
        if not largest <= MAX_RADIUS_PX:
            raise InputError(
                f"With this lens {lens[0]} gives a blur radius of {largest:,.0f} px, and the limit is {MAX_RADIUS_PX}; "
                "check the depths and the pixel pitch."
            )
        light = render_depth(light, depth_m, lens[1], family=family, encoding="linear")
    else:
        light = Psf(family_kernel(family, lens)).apply(light)
    blurred = back(light, *noise)
    return (*photo.notes, *write(target, blurred, overwrite=overwrite))


def _as_light(photo: Photo) -> tuple[Image, Callable[[Image, float, int], Photo]]:
    """The light of a photo in its own colour space, and the way back to a photo, with noise.

    Transparency is blurred with the scene: the light is multiplied by alpha, which becomes a further channel, and
    divided by the blurred alpha again.
    """
    space = space_of(photo.metadata, photo.pixels.shape[2])
    light = space.to_light(to_float(photo.pixels))
    if photo.alpha is not None:
        alpha = to_float(photo.alpha)
        light = np.concatenate([light * alpha, alpha])

    def back(light: Image, noise_std: float, seed: int) -> Photo:
        alpha, dtype = None, photo.pixels.dtype
        light = np.clip(light, 0, 1)
        if photo.alpha is not None:
            light, alpha = light[:-1], light[-1:]
            light = np.clip(np.divide(light, alpha, out=np.zeros_like(light), where=alpha > 0), 0, 1)
        image = space.from_light(light)
        if noise_std > 0:
            image = image + noise_std * np.random.default_rng(seed).standard_normal(image.shape, np.float32)
        pixels = from_float(image, dtype)
        if alpha is None:
            return replace(photo, pixels=pixels)
        opacity = from_float(alpha, dtype)
        return replace(photo, pixels=np.where(opacity > 0, pixels, photo.pixels), alpha=opacity[..., 0])

    return light, back
