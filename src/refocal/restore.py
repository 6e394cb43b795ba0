"""The engine: from an image and a blur to a restored image, by tiles, with the safeguards of an estimated blur."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from refocal.estimators.choose import find_estimator
from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.images.io import from_float, to_float
from refocal.images.map_files import MAX_RADIUS_PX
from refocal.images.tiles import Region, apply_tiled, tile_size
from refocal.methods import DEFAULT_WITH_BLUR, make_method
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.kernels import disk
from refocal.safeguards import (
    HIGHLIGHT_REACH_PX,
    attenuation_near_highlights,
    blend_weight,
    clamp_to_local_range,
    within_recovery,
)
from refocal.types import (
    Array,
    Blur,
    BlurEstimator,
    Deblurrer,
    Encoding,
    Image,
    InputError,
    Needs,
    Prepared,
    Progress,
    Restorer,
    Tiling,
)

if TYPE_CHECKING:
    from refocal.images.photo import Photo

UNUSED = "This method uses no blur: the given one is ignored."
Predict: TypeAlias = "Callable[[Image, slice, slice], tuple[Image, Array, Array]]"

BYTES_PER_PIXEL = 64  # per channel, where a method reports no more: 16 float32 images


@dataclass(frozen=True, eq=False)
class Restored:
    """A restored image and the blur that it was restored from.

    Attributes:
        image: (C, H, W) float32 in [0, 1].
        blur: The blur that was given, estimated, or predicted by the method; ``None`` if the method used none.
        notes: Sentences about what the method couldn't do as asked.
        decisions: Sentences about what the method chose to restore and what to keep.
    """

    image: Image
    blur: Blur | None
    notes: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """Facts about a method, also about a user's own callable, which has none of them.

    Attributes:
        needs: As ``Deblurrer.needs``; None for a callable without it, which gets the blur as it is given.
        encoding: Encoding of the images that the method takes; None for the blur's.
        max_radius_px: The largest radius that the method can undo.
        tiling: As ``Deblurrer.tiling``.
        restore_and_map: As ``Deblurrer`` says; None for a method that predicts no blur.
        prepare: As ``Deblurrer`` says; None for a method that needs to see no more than each tile.
    """

    needs: Needs | None
    encoding: Encoding | None
    max_radius_px: float
    tiling: Callable[[int], Tiling | None]
    restore_and_map: Callable[[Image], tuple[Image, Array, Array]] | None
    prepare: Callable[[Image], Prepared] | None


def facts_of(method: Deblurrer | Restorer) -> Facts:
    """Read the facts of a method: the only place that looks for optional ones."""
    return Facts(
        getattr(method, "needs", None),
        getattr(method, "encoding", None),
        getattr(method, "max_radius_px", np.inf),
        getattr(method, "tiling", lambda half_px: None),  # noqa: ARG005
        getattr(method, "restore_and_map", None),
        getattr(method, "prepare", None),
    )


def restore(  # noqa: PLR0913  the words of the command line
    image: Image,
    method: str | Deblurrer | Restorer = "default",
    blur: Blur | BlurEstimator | str | float | None = None,
    strength: float = 1.0,
    mask: Array | None = None,
    tile_px: int | None = None,
    *,
    options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Restored:
    """Restore one image.

    A given blur is undone at full strength; the result of an estimated one is attenuated, see ``refocal.safeguards``.
    Blur is undone in the encoding that the blur names (linear light by default), blending happens in the image's own.

    Args:
        image: (C, H, W) float in [0, 1], C 1 or 3, sRGB.
        method: A name from ``METHODS`` or the method itself.
        blur: A ``Psf`` or ``BlurMap``, the radius in pixels of a uniform disk, or an estimator or its name; by default
            the default estimator, where the method needs a blur. With the method "default", which needs none, a given
            blur is undone by "classical".
        strength: 0 returns the image unchanged, 1 restores fully.
        mask: (H, W) in [0, 1]: the weight of the restoration at each pixel.
        tile_px: Side of the tiles in pixels; chosen from the free memory by default.
        options: Options of the method, where it is given by name.
        progress: Called after each tile.

    Raises:
        InputError: If an argument is out of range, a size differs, or there is no such method, option or estimator.
    """
    _check(image, strength, mask, tile_px)
    deblurrer = _method(method, blur, options)
    if strength == 0:
        return Restored(image, None)
    facts = facts_of(deblurrer)
    operator, estimated, notes = _blur_for(facts, blur, image)
    estimate = operator if estimated and isinstance(operator, BlurMap) else None
    weight = blend_weight(strength, mask, estimate)
    inverse = operator if estimate is None else within_recovery(estimate)
    predict, decisions = _prediction(facts, image, operator)
    predicted = [np.empty(image.shape[1:], np.float32) for _ in ("radius_px", "confidence")] if predict else []

    def restore_tile(tile: Image, region: Region) -> Image:
        tile_weight = weight if isinstance(weight, float) else region.crop(weight)
        if predict is not None:  # also where the mask is 0: the map is that of the whole photo
            restored, *maps = predict(tile, region.rows, region.columns)
            for plane, part in zip(predicted, maps, strict=True):
                plane[region.core_rows, region.core_columns] = region.core(part)
        elif not np.any(tile_weight):
            return tile
        else:
            part = inverse.crop(region.rows, region.columns) if isinstance(inverse, BlurMap) else inverse
            restored = _deblurred(tile, deblurrer, part, facts.encoding)
        if estimated:
            restored = clamp_to_local_range(restored, tile)
            tile_weight = tile_weight * attenuation_near_highlights(tile)
        return np.clip(tile + tile_weight * (restored - tile), 0, 1)

    restored = _by_tiles(restore_tile, image, _tiling(facts, inverse), tile_px, progress)
    found = BlurMap(predicted[0], confidence=predicted[1]) if predicted else operator
    return Restored(restored, found, notes, decisions)


def restore_photo(
    photo: Photo,
    method: str | Deblurrer | Restorer = "default",
    blur: Blur | BlurEstimator | str | float | None = None,
    strength: float = 1.0,
    mask: Array | None = None,
    tile_px: int | None = None,
) -> tuple[Photo, Restored]:
    """Restore a photo read from a file: alpha and metadata are kept, pixels return in their own bit depth."""
    restored = restore(to_float(photo.pixels), method, blur, strength, mask, tile_px)
    return replace(photo, pixels=from_float(restored.image, photo.pixels.dtype)), restored


def _prediction(facts: Facts, image: Image, blur: Blur | None) -> tuple[Predict | None, tuple[str, ...]]:
    """What restores a tile and predicts its blur, and the method's decisions; None if it predicts none."""
    if facts.restore_and_map is None or blur is not None:
        return None, ()
    if facts.prepare is None:
        return lambda tile, rows, columns: facts.restore_and_map(tile), ()  # noqa: ARG005
    prepared = facts.prepare(image)
    return prepared.restore_and_map, prepared.decisions


def _method(method: str | Deblurrer | Restorer, blur: Any, options: Mapping[str, Any] | None) -> Deblurrer | Restorer:
    if isinstance(method, str):
        return make_method(DEFAULT_WITH_BLUR if method == "default" and blur is not None else method, options)
    if not callable(method) or isinstance(method, type):
        raise InputError(f"Give a method by its name or as an object such as Wiener(), not {method!r}.")
    if options:
        raise InputError("Give options with the name of a method; an object has its options already.")
    return method


def _blur_for(facts: Facts, blur: Any, image: Image) -> tuple[Blur | None, bool, tuple[str, ...]]:
    """The operator that the method is called with, whether it is estimated, and notes."""
    to_estimate = blur is None or isinstance(blur, str) or (callable(blur) and not hasattr(blur, "apply"))
    if facts.needs == "psf" and to_estimate:
        raise InputError("This method needs one kernel for the whole photo: give the blur's radius, or a Psf.")
    if facts.needs == "" or (facts.needs is None and blur is None):
        return None, False, (UNUSED,) if blur is not None else ()
    if facts.needs == "map" and isinstance(blur, (int, float, np.number)):
        _radius(blur)
        operator: Blur = BlurMap(np.full(image.shape[1:], blur, np.float32))
    else:
        operator = _operator(image, blur, to_estimate)
    return operator, to_estimate and facts.needs in ("blur", "map"), _notes(facts.max_radius_px, operator)


def _operator(image: Image, blur: Any, to_estimate: bool) -> Blur:
    if to_estimate:
        blur = find_estimator(blur or "default", 1)(image)
    if isinstance(blur, (int, float, np.number)):
        return Psf(disk(_radius(blur)))
    if not hasattr(blur, "apply"):  # black-box methods need no more
        raise InputError(
            f"Give the blur as a Psf, a BlurMap, a radius or an estimator's name, not {type(blur).__name__}."
        )
    if isinstance(blur, BlurMap):
        blur.check_size(image)
        largest = float(blur.radius_px.max())
        if largest > MAX_RADIUS_PX:
            raise InputError(
                f"The blur map reaches {largest:.0f}: give radii in pixels, at most {MAX_RADIUS_PX}, not grey levels."
            )
    return blur


def _radius(blur: Any) -> float:
    if not 0 <= blur <= MAX_RADIUS_PX:
        raise InputError(f"Give the blur radius as a number of pixels from 0 to {MAX_RADIUS_PX}, not {blur}.")
    return float(blur)


def _notes(max_radius_px: float, blur: Blur) -> tuple[str, ...]:
    """A sentence if a map has radii beyond the method's largest."""
    if not isinstance(blur, BlurMap):
        return ()
    share = float((blur.radius_px > max_radius_px).mean())
    if share == 0:
        return ()
    largest = float(blur.radius_px.max())
    beyond = f"Radii above {max_radius_px:g} px ({100 * share:.1f} % of the photo, up to {largest:.1f} px)"
    return (f"{beyond} were taken as {max_radius_px:g} px.",)


def _deblurred(tile: Image, deblurrer: Deblurrer | Restorer, blur: Blur | None, encoding: Encoding | None) -> Image:
    if blur is None or (encoding or getattr(blur, "encoding", "linear")) == "srgb":
        return deblurrer(tile, blur)
    return linear_to_srgb(deblurrer(srgb_to_linear(tile), blur))


def _tiling(facts: Facts, blur: Blur | None) -> Tiling | None:
    """The tiling under this blur; None if the image must stay whole, or the blur's extent is unknown."""
    half_px = 0 if blur is None else getattr(blur, "half_px", None)
    if half_px is None or getattr(blur, "boundary", "") == "periodic":  # the opposite edge is a neighbour
        return None
    return facts.tiling(half_px)


def _by_tiles(
    restore_tile: Callable[[Image, Region], Image],
    image: Image,
    tiling: Tiling | None,
    tile_px: int | None,
    progress: Progress | None,
) -> Image:
    if tiling is None:
        whole = tuple(slice(0, side) for side in image.shape[1:])
        restored = restore_tile(image, Region(*whole, *whole)).astype(np.float32)
        if progress is not None:
            progress(1, 1)
        return restored
    halo_px, align_px = max(tiling.context_px, HIGHLIGHT_REACH_PX), tiling.multiple
    if tile_px is None:
        size = max(BYTES_PER_PIXEL * image.shape[0], tiling.bytes_per_pixel)
        tile_px = tile_size(*image.shape[1:], bytes_per_pixel=size, halo_px=halo_px, align_px=align_px)
    return apply_tiled(restore_tile, image, tile_px=tile_px, halo_px=halo_px, align_px=align_px, progress=progress)


def _check(image: Image, strength: float, mask: Array | None, tile_px: int | None) -> None:
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
    if tile_px is not None and tile_px < 1:
        raise InputError(f"Give a tile side of at least 1 px, not {tile_px}.")
