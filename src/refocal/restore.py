"""The engine: from an image and a blur to a restored image, by tiles, with the safeguards of an estimated blur."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from refocal.given_blur import blur_for
from refocal.images.colour_space import SRGB, ColourSpace
from refocal.images.opened import in_srgb, open_photo, with_restored
from refocal.images.tiles import Region, apply_tiled, tile_size
from refocal.methods import DEFAULT_WITH_BLUR, make_method
from refocal.optics.blur import BlurMap
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

Predict: TypeAlias = "Callable[[Image, slice, slice], tuple[Image, Array, Array]]"

MIN_TILE_PX = 16  # smaller tiles are nearly all context, and take hours
BYTES_PER_PIXEL = 64  # per channel, where a method reports no more: 16 float32 images


@dataclass(frozen=True, eq=False)
class Restored:
    """A restored image and the blur that it was restored from.

    Attributes:
        image: (C, H, W) float32 in [0, 1].
        blur: The blur that was given, estimated, or predicted by the method; ``None`` if the method used none.
        notes: Sentences about what the method couldn't do as asked.
        decisions: Sentences about what the method chose to restore and what to keep.
        estimate_seconds: Time that estimating the blur took, or the survey of a method that predicts it.
    """

    image: Image
    blur: Blur | None
    notes: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    estimate_seconds: float = 0.0


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
    space: ColourSpace = SRGB,
) -> Restored:
    """Restore one image.

    A given blur is undone at full strength; the result of an estimated one is attenuated, see ``refocal.safeguards``.
    Blur is undone in the encoding that the blur names (linear light by default), blending happens in the image's own.
    Linear light is that of the image's colour space; what works on sRGB gets the image converted, and its change goes
    back.

    Args:
        image: (C, H, W) float in [0, 1], C 1 or 3, in the encoding of ``space``.
        method: A name from ``METHODS`` or the method itself.
        blur: A ``Psf`` or ``BlurMap``, the radius in pixels of a uniform disk, or an estimator or its name; by default
            the default estimator, where the method needs a blur. With the method "default", which needs none, a given
            blur is undone by "classical".
        strength: 0 returns the image unchanged, 1 restores fully.
        mask: (H, W) in [0, 1]: the weight of the restoration at each pixel.
        tile_px: Side of the tiles in pixels, at least ``MIN_TILE_PX``; chosen from the free memory by default.
        options: Options of the method, where it is given by name.
        progress: Called after each tile.
        space: The colour space of the image.

    Raises:
        InputError: If an argument is out of range, a size differs, or there is no such method, option or estimator.
    """
    _check(image, strength, mask, tile_px)
    deblurrer = _method(method, blur, options)
    if strength == 0:
        return Restored(image, None)
    facts = facts_of(deblurrer)
    seen = in_srgb(image, space)
    began = time.perf_counter()
    operator, estimated, notes = blur_for(facts.needs, facts.max_radius_px, blur, seen)
    estimate = operator if estimated and isinstance(operator, BlurMap) else None
    weight = blend_weight(strength, mask, estimate)
    inverse = operator if estimate is None else within_recovery(estimate)
    predict, decisions = _prediction(facts, seen, operator)
    estimate_seconds = time.perf_counter() - began
    del seen  # of a photo that isn't sRGB, a copy
    predicted = [np.empty(image.shape[1:], np.float32) for _ in ("radius_px", "confidence")] if predict else []

    def restore_tile(tile: Image, region: Region) -> Image:
        tile_weight = weight if isinstance(weight, float) else region.crop(weight)
        if predict is not None:  # also where the mask is 0: the map is that of the whole photo
            maps: list[Array] = []

            def change(srgb: Image) -> Image:
                changed, *maps[:] = predict(srgb, region.rows, region.columns)
                return changed

            restored = space.changed_in_srgb(tile, change)
            for plane, part in zip(predicted, maps, strict=True):
                plane[region.core_rows, region.core_columns] = region.core(part)
        elif not np.any(tile_weight):
            return tile
        else:
            part = inverse.crop(region.rows, region.columns) if isinstance(inverse, BlurMap) else inverse
            restored = _deblurred(tile, deblurrer, part, facts.encoding, space)
        if not np.isfinite(restored).all():
            raise InputError("The method returned values that are no numbers, so the photo is not restored.")
        if estimated:
            restored = clamp_to_local_range(restored, tile)
            tile_weight = tile_weight * attenuation_near_highlights(space.to_light(tile))
        return np.clip(tile + tile_weight * (restored - tile), 0, 1)

    restored = _by_tiles(restore_tile, image, _tiling(facts, inverse), tile_px, progress)
    found = BlurMap(predicted[0], confidence=predicted[1]) if predicted else operator
    return Restored(restored, found, notes, decisions, estimate_seconds)


def restore_photo(  # noqa: PLR0913  as restore
    photo: Photo,
    method: str | Deblurrer | Restorer = "default",
    blur: Blur | BlurEstimator | str | float | None = None,
    strength: float = 1.0,
    mask: Array | None = None,
    tile_px: int | None = None,
    *,
    progress: Progress | None = None,
) -> tuple[Photo, Restored]:
    """Restore a photo read from a file: alpha and metadata are kept, pixels return in their own bit depth."""
    opened = open_photo(photo)
    restored = restore(opened.image, method, blur, strength, mask, tile_px, progress=progress, space=opened.space)
    return with_restored(photo, opened, restored.image), restored


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


def _deblurred(
    tile: Image, deblurrer: Deblurrer | Restorer, blur: Blur | None, encoding: Encoding | None, space: ColourSpace
) -> Image:
    if blur is None or (encoding or getattr(blur, "encoding", "linear")) == "srgb":
        return space.changed_in_srgb(tile, lambda srgb: deblurrer(srgb, blur))
    return space.from_light(deblurrer(space.to_light(tile), blur))


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
    if mask is not None and (len(getattr(mask, "shape", ())) != 2 or isinstance(mask, np.ma.MaskedArray)):
        raise InputError("Give the mask as an array (height, width) with values from 0 (keep) to 1 (restore).")
    if mask is not None and tuple(mask.shape) != tuple(shape[1:]):
        raise InputError(
            f"The mask is {mask.shape[-1]}x{mask.shape[-2]}, the photo {shape[2]}x{shape[1]}: make them equal."
        )
    if mask is not None and not ((np.asarray(mask) >= 0) & (np.asarray(mask) <= 1)).all():
        raise InputError("Give a mask with values from 0 (keep) to 1 (restore).")
    if tile_px is not None and not (isinstance(tile_px, (int, np.integer)) and tile_px >= MIN_TILE_PX):
        raise InputError(f"Give a tile side as a whole number of at least {MIN_TILE_PX} px, not {tile_px!r}.")
