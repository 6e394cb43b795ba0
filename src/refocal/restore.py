"""The one way from a photo to a better one: estimate the blur, restore by tiles, blend, clip."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from refocal.catalog import find, lines_of
from refocal.estimators.choose import find_estimator
from refocal.estimators.views import stack_views
from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.images.inputs import open_picture
from refocal.images.io import from_float, to_float
from refocal.images.map_files import MAX_RADIUS_PX
from refocal.images.tiles import Region, apply_tiled, tile_size
from refocal.methods import DEFAULT_WITH_BLUR, METHODS
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.kernels import disk
from refocal.types import Array, Blur, BlurEstimator, Deblurrer, Image, InputError

if TYPE_CHECKING:
    from refocal.images.photo import Photo

# How an estimated map is held back; each number chosen on photos of known sharpness (docs/log.md). A small radius may
# as well be the soft edge of something in focus; what the estimator doubts is restored less; a tenth of the photo
# always stays.
UNSURE_RADIUS_PX, SURE_RADIUS_PX = 1.0, 2.0
SURE_CONFIDENCE = 0.5  # a network's is a probability: from here on it is more likely right than wrong
MAX_BLEND_WEIGHT = 0.9
# A wrong radius, a clipped lamp or an object's outline ring. No pixel leaves the range of the photo around it, and
# where it holds less than a tenth of the brightest light near by, rings would outshine it: there the photo stays in
# proportion.
RANGE_REACH_PX = 4
GLARE_REACH_PX, GLARE_SHARE = 8, 0.1

UNUSED = "This method uses no blur: the one that was given changes nothing."

WORKING_BYTES = (
    64  # what a method holds at once per pixel and channel of a tile, unless it tells more: 16 float32 pictures
)


@dataclass(frozen=True, eq=False)
class Restored:
    """A restored image and the blur it was restored from.

    Attributes:
        image: (C, H, W) float32 in [0, 1].
        blur: What was given or estimated, or what the method itself found; ``None`` where it told and asked for none.
        notes: Sentences about what the method couldn't do as asked.
    """

    image: Image
    blur: Blur | None
    notes: tuple[str, ...] = ()


def restore(
    image: Image,
    method: str | Deblurrer = "default",
    blur: Blur | BlurEstimator | str | float | None = None,
    strength: float = 1.0,
    mask: Array | None = None,
    tile_px: int | None = None,
) -> Restored:
    """Restore one image.

    A given blur is believed; an estimated one is held back where the map is unsure. Blur is undone in the encoding that
    the blur names (linear light, unless told otherwise), blending happens in the image's own.

    Args:
        image: (C, H, W) float in [0, 1], C 1 or 3, sRGB.
        method: A name from ``METHODS`` or the method itself.
        blur: A ``Psf`` or ``BlurMap``, the radius in pixels of a uniform disk, or an estimator or its name; by default
            the default estimator is asked where the method needs a blur. Told with the method "default", which needs
            none, it is undone by "classical".
        strength: 0 gives the image back as it is, 1 restores fully.
        mask: (H, W) in [0, 1]: how far each pixel may change.
        tile_px: Side of the tiles for photos that don't fit into memory; chosen from the free memory by default.

    Raises:
        InputError: If an argument is out of range, a size differs, or there is no such method or estimator.
    """
    _check(image, strength, mask)
    if tile_px is not None and tile_px < 1:
        raise InputError(f"Give a tile side of at least 1 px, not {tile_px}.")
    deblurrer, needs = _method(method, blur)
    if strength == 0:
        return Restored(image, None)
    if needs == "psf" and _is_asked_for(blur):
        raise InputError("This method must be told one kernel for the whole photo: give the blur's radius, or a Psf.")
    estimated = needs in ("blur", "map") and _is_asked_for(blur)
    asked = needs in ("blur", "psf", "map") or (needs is None and blur is not None)
    operator = _operator(image, blur) if asked else None
    if needs == "map" and isinstance(blur, (int, float, np.number)):
        operator = BlurMap(np.full(image.shape[1:], blur, np.float32))
    notes = (UNUSED,) if blur is not None and not asked else _notes(deblurrer, operator)
    weight = _weight(strength, mask, operator if estimated else None)
    tells = getattr(deblurrer, "restore_and_map", None) if operator is None else None
    found = [np.empty(image.shape[1:], np.float32) for _ in ("radius_px", "confidence")] if tells else []

    def restore_tile(tile: Image, region: Region) -> Image:
        share = weight if isinstance(weight, float) else region.crop(weight)
        if not tells and not np.any(share):  # who tells the blur tells that of the whole photo, masked or not
            return tile
        part = operator.crop(region.rows, region.columns) if isinstance(operator, BlurMap) else operator
        restored, *maps = tells(tile) if tells else (_deblurred(tile, deblurrer, part),)
        for plane, told in zip(found, maps, strict=True):
            plane[region.core_rows, region.core_columns] = region.core(told)
        if estimated:
            restored, share = clamp_to_local_range(restored, tile), share * attenuation_near_highlights(tile)
        return np.clip(tile + share * (restored - tile), 0, 1)

    halo = _halo(deblurrer, operator)
    if halo is None:
        whole = tuple(slice(0, side) for side in image.shape[1:])
        restored = restore_tile(image, Region(*whole, *whole)).astype(np.float32)
    else:
        align = getattr(deblurrer, "multiple", 1)
        if tile_px is None:
            working = max(WORKING_BYTES * image.shape[0], getattr(deblurrer, "working_bytes", 0))
            tile_px = tile_size(image.shape[1], image.shape[2], bytes_per_pixel=working, halo_px=halo, align_px=align)
        restored = apply_tiled(restore_tile, image, tile_px=tile_px, halo_px=halo, align_px=align)
    return Restored(restored, BlurMap(found[0], confidence=found[1]) if tells else operator, notes)


def restore_photo(
    photo: Photo,
    method: str | Deblurrer = "default",
    blur: Blur | BlurEstimator | str | float | None = None,
    strength: float = 1.0,
    mask: Array | None = None,
    tile_px: int | None = None,
) -> tuple[Photo, Restored]:
    """The same for a photo read from a file: alpha and metadata are kept, pixels come back in their own depth."""
    restored = restore(to_float(photo.pixels), method, blur, strength, mask, tile_px)
    return replace(photo, pixels=from_float(restored.image, photo.pixels.dtype)), restored


def deblur(
    image: Any,
    method: str | Deblurrer = "default",
    blur: Blur | BlurEstimator | str | float | None = None,
    strength: float = 1.0,
    mask: Array | None = None,
    tile_px: int | None = None,
) -> Any:
    """Restore a photo and give it back as what it came as.

    Args:
        image: A path (comes back as a ``PIL.Image.Image``, or as a uint16 array if the file has 16 bits, which Pillow
            cannot hold in colour), a file's bytes (come back encoded in the same format), a ``PIL.Image.Image``, or an
            array (H, W) or (H, W, C), C 1 to 4 with alpha last, of uint8, uint16 or float in [0, 1].
        method: A name from ``refocal.METHODS`` or the method itself.
        blur: A ``Psf`` or ``BlurMap``, the radius in pixels of a uniform disk, or an estimator or its name; "default",
            which sees the blur itself, then means "classical", and other methods that need none say that they don't use
            it.
        strength: 0 gives identical pixels, 1 restores fully.
        mask: (H, W) in [0, 1]: how far each pixel may change.
        tile_px: Side of the tiles for large photos; chosen from the free memory by default.

    Raises:
        InputError: If the photo cannot be read or an argument is refused.
    """
    opened, give_back = open_picture(image)
    restored = restore(opened, method, blur, strength, mask, tile_px)
    for note in restored.notes:
        warnings.warn(note, UserWarning, stacklevel=2)
    if strength == 0 and isinstance(image, np.ndarray):
        return image.copy()  # float64 has more digits than the way through float32 keeps
    return give_back(restored.image)


def estimate_blur(image: Any, estimator: str | BlurEstimator = "default") -> Array:
    """How blurred each pixel is: (H, W) float32, the circle-of-confusion radius in pixels.

    Args:
        image: As for ``deblur``; or two, the left and the right view of one dual-pixel photo, as a tuple or a list.
        estimator: A name from ``refocal.ESTIMATORS``, an .onnx file from ``refocal export``, or the estimator itself;
            of two views, "default" is "dual-pixel-learned".

    Raises:
        InputError: If the photo cannot be read, there is no such estimator, it takes another number of views, or the
            views differ in size.
    """
    if not isinstance(image, (tuple, list)):
        return find_estimator(estimator, 1)(open_picture(image)[0]).radius_px
    if len(image) != 2:
        raise InputError(f"Give one photo, or its left and its right view as a pair, not {len(image)} pictures.")
    left, right = (open_picture(view)[0] for view in image)
    return find_estimator(estimator, 2)(stack_views(left, right)).radius_px


def _method(method: str | Deblurrer, blur: Any) -> tuple[Deblurrer, str | None]:
    """The method's object, and what it needs to know; ``None`` for one's own, which gets whatever is given."""
    if isinstance(method, str):
        entry = find(METHODS, DEFAULT_WITH_BLUR if method == "default" and blur is not None else method, "method")
        return entry.make(), entry.needs
    if not callable(method) or isinstance(method, type):
        raise InputError(f"Give a method by its name or as an object such as Wiener(), not {method!r}.")
    lines = lines_of(METHODS, method)
    return method, METHODS[lines[0]].needs if lines else None


def _is_asked_for(blur: Any) -> bool:
    """Whether an estimator is to tell the blur."""
    return blur is None or isinstance(blur, str) or (callable(blur) and not hasattr(blur, "apply"))


def _operator(image: Image, blur: Any) -> Blur:
    if _is_asked_for(blur):
        blur = find_estimator(blur or "default", 1)(image)
    if isinstance(blur, (int, float, np.number)):
        if not 0 <= blur <= MAX_RADIUS_PX:
            raise InputError(f"Give the blur radius as a number of pixels from 0 to {MAX_RADIUS_PX}, not {blur}.")
        return Psf(disk(float(blur)))
    if not hasattr(blur, "apply"):  # black-box methods ask for no more
        raise InputError(
            f"Give the blur as a Psf, a BlurMap, a radius or an estimator's name, not {type(blur).__name__}."
        )
    if isinstance(blur, BlurMap):
        blur.check_size(image)
        most = float(blur.radius_px.max())
        if most > MAX_RADIUS_PX:
            raise InputError(
                f"The blur map reaches {most:.0f}: give radii in pixels, at most {MAX_RADIUS_PX}, and no grey levels."
            )
    return blur


def _notes(deblurrer: Deblurrer, blur: Blur | None) -> tuple[str, ...]:
    """What is to be said about a map whose radii are beyond what the method knows."""
    if not isinstance(blur, BlurMap):
        return ()
    most = getattr(deblurrer, "max_radius_px", np.inf)
    share = float((blur.radius_px > most).mean())
    if share == 0:
        return ()
    largest = float(blur.radius_px.max())
    return (
        f"Radii above {most:g} px ({100 * share:.1f} % of the photo, up to {largest:.1f} px) were taken as {most:g} px.",
    )


def _weight(strength: float, mask: Array | None, estimate: Blur | None) -> Array | float:
    """How far each pixel goes from the photo to the restored one: a number or (H, W) float32."""
    weight: Array | float = float(strength)
    if mask is not None:
        weight = np.asarray(mask, np.float32) * np.float32(strength)
    if isinstance(estimate, BlurMap):
        known = (estimate.radius_px - UNSURE_RADIUS_PX) / (SURE_RADIUS_PX - UNSURE_RADIUS_PX)
        held_back = MAX_BLEND_WEIGHT * np.clip(known, 0, 1)
        if estimate.confidence is not None:
            held_back *= np.clip(estimate.confidence / SURE_CONFIDENCE, 0, 1)
        weight = (weight * held_back).astype(np.float32)
    return weight


def _deblurred(tile: Image, deblurrer: Deblurrer, blur: Blur | None) -> Image:
    encoding = getattr(deblurrer, "encoding", getattr(blur, "encoding", "linear"))
    if blur is None or encoding == "srgb":
        return deblurrer(tile, blur)
    return linear_to_srgb(deblurrer(srgb_to_linear(tile), blur))


def clamp_to_local_range(restored: Image, photo: Image) -> Image:
    """Cut every value to the range of the photo's values near by; (C, H, W)."""
    from scipy.ndimage import maximum_filter, minimum_filter

    window = (1, 2 * RANGE_REACH_PX + 1, 2 * RANGE_REACH_PX + 1)
    return np.clip(restored, minimum_filter(photo, window), maximum_filter(photo, window))


def attenuation_near_highlights(photo: Image) -> Array:
    """(H, W) from 0 to 1: how far the light at each pixel holds its own against the brightest near by."""
    from scipy.ndimage import maximum_filter

    light = srgb_to_linear(photo)
    brightest = maximum_filter(light.max(axis=0), 2 * GLARE_REACH_PX + 1)
    return np.clip(light.mean(axis=0) / (GLARE_SHARE * brightest + 1e-6), 0, 1)


def _halo(deblurrer: Deblurrer, blur: Blur | None) -> int | None:
    """Context that tiles need, or ``None`` when the method or the blur doesn't tell: then the image is restored
    whole.
    """
    if getattr(blur, "boundary", "") == "periodic":
        return None  # the far edge is a neighbour
    half = 0 if blur is None else getattr(blur, "half_px", None)
    context = getattr(deblurrer, "context_px", None)
    return None if half is None or context is None else max(context(half), GLARE_REACH_PX)


def _check(image: Image, strength: float, mask: Array | None) -> None:
    shape: tuple[int, ...] = getattr(image, "shape", ())
    if len(shape) != 3 or shape[0] not in (1, 3) or 0 in shape:
        raise InputError(f"Give an image of shape (1 or 3, height, width), not {tuple(shape)}.")
    if image.dtype.kind != "f" or not np.isfinite(image).all():
        raise InputError("Give an image of finite floating-point numbers in [0, 1].")
    if not isinstance(strength, (int, float, np.number)) or not 0 <= strength <= 1:
        raise InputError(f"Give a strength from 0 to 1, not {strength}.")
    if mask is not None and len(getattr(mask, "shape", ())) != 2:
        raise InputError("Give the mask as an array (height, width) with values from 0 (keep) to 1 (restore).")
    if mask is not None and tuple(mask.shape) != tuple(shape[1:]):
        raise InputError(
            f"The mask is {mask.shape[-1]}x{mask.shape[-2]}, the photo {shape[2]}x{shape[1]}: make them equal."
        )
    if mask is not None and not ((np.asarray(mask) >= 0) & (np.asarray(mask) <= 1)).all():
        raise InputError("Give a mask with values from 0 (keep) to 1 (restore).")
