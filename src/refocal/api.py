"""The public calls: ``refocal.deblur``, ``refocal.deblur_and_map`` and ``refocal.estimate_blur``."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from refocal.estimators.choose import find_estimator
from refocal.estimators.views import stack_views
from refocal.images.inputs import open_picture
from refocal.inference.network_file import running_on
from refocal.methods import purpose
from refocal.optics.blur import BlurMap
from refocal.restore import Restored, restore
from refocal.types import Array, Blur, BlurEstimator, Deblurrer, InputError, Progress, Restorer

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

Same = TypeVar("Same", bound="bytes | NDArray[Any]")
Photo = TypeVar("Photo")
Method: TypeAlias = "str | Deblurrer | Restorer"
BlurInput: TypeAlias = "Blur | BlurEstimator | str | float | None"
Picture: TypeAlias = "str | Path | bytes | PilImage | NDArray[Any]"


@dataclass(frozen=True, eq=False)
class Deblurred(Generic[Photo]):
    """A restored photo and the blur that it was restored from.

    Attributes:
        image: The restored photo, of the kind that was given.
        radius_px: (H, W) float32, the circle-of-confusion radius in pixels; None where no map was used.
        confidence: (H, W) float32 in [0, 1], where the method or the estimator reports it; else None.
        notes: Sentences about what a paper's network was made for, what the method couldn't do as asked, and what it
            restored and what it kept.
    """

    image: Photo
    radius_px: NDArray[np.float32] | None
    confidence: NDArray[np.float32] | None
    notes: tuple[str, ...]


@overload
def deblur(
    image: str | Path,
    method: Method = ...,
    blur: BlurInput = ...,
    strength: float = ...,
    mask: Array | None = ...,
    tile_px: int | None = ...,
    *,
    target: str | None = ...,
    options: Mapping[str, Any] | None = ...,
    device: str | None = ...,
    progress: Progress | None = ...,
) -> PilImage | NDArray[np.uint16]: ...
@overload
def deblur(
    image: PilImage,
    method: Method = ...,
    blur: BlurInput = ...,
    strength: float = ...,
    mask: Array | None = ...,
    tile_px: int | None = ...,
    *,
    target: str | None = ...,
    options: Mapping[str, Any] | None = ...,
    device: str | None = ...,
    progress: Progress | None = ...,
) -> PilImage: ...
@overload
def deblur(
    image: Same,
    method: Method = ...,
    blur: BlurInput = ...,
    strength: float = ...,
    mask: Array | None = ...,
    tile_px: int | None = ...,
    *,
    target: str | None = ...,
    options: Mapping[str, Any] | None = ...,
    device: str | None = ...,
    progress: Progress | None = ...,
) -> Same: ...
def deblur(  # noqa: PLR0913  the words of the command line
    image: Picture,
    method: Method = "default",
    blur: BlurInput = None,
    strength: float = 1.0,
    mask: Array | None = None,
    tile_px: int | None = None,
    *,
    target: str | None = None,
    options: Mapping[str, Any] | None = None,
    device: str | None = None,
    progress: Progress | None = None,
) -> Any:
    """Restore a photo and return it as the kind that was given.

    Args:
        image: A path (returned as a ``PIL.Image.Image``, or as a uint16 array if the file has 16 bits, which Pillow
            cannot hold in colour), a file's bytes (returned encoded in the same format), a ``PIL.Image.Image``, or an
            array (H, W) or (H, W, C), C 1 to 4 with alpha last, of uint8, uint16 or float in [0, 1]. Files and PIL
            images are taken in the colour space of their profile, arrays as sRGB.
        method: A name from ``refocal.METHODS`` or the method itself.
        blur: A ``Psf`` or ``BlurMap``, the radius in pixels of a uniform disk, or an estimator or its name. With the
            method "default", which takes no blur, a given blur is undone by "classical"; other methods that need none
            warn that they ignore it.
        strength: 0 returns identical pixels, 1 restores fully.
        mask: (H, W) in [0, 1]: the weight of the restoration at each pixel.
        tile_px: Side of the tiles in pixels for large photos; chosen from the free memory by default.
        target: Which blur the default model restores: "auto", "all", "subject", or radii in pixels such as "1..5"; the
            option of that name.
        options: Options of a method that is given by name, such as ``{"noise_to_signal": 0.01}``.
        device: Where networks run: "cpu" or "cuda"; by default the one of ``$REFOCAL_DEVICE``, or the CPU.
        progress: Called after each tile with the number of tiles that are done and the number of all tiles.

    Raises:
        InputError: If the photo cannot be read or an argument is refused.
    """
    given = (method, blur, strength, mask, tile_px)
    return _deblurred(image, given, _with_target(options, target), device, progress)[0]


@overload
def deblur_and_map(
    image: str | Path,
    method: Method = ...,
    blur: BlurInput = ...,
    strength: float = ...,
    mask: Array | None = ...,
    tile_px: int | None = ...,
    *,
    target: str | None = ...,
    options: Mapping[str, Any] | None = ...,
    device: str | None = ...,
    progress: Progress | None = ...,
) -> Deblurred[PilImage | NDArray[np.uint16]]: ...
@overload
def deblur_and_map(
    image: PilImage,
    method: Method = ...,
    blur: BlurInput = ...,
    strength: float = ...,
    mask: Array | None = ...,
    tile_px: int | None = ...,
    *,
    target: str | None = ...,
    options: Mapping[str, Any] | None = ...,
    device: str | None = ...,
    progress: Progress | None = ...,
) -> Deblurred[PilImage]: ...
@overload
def deblur_and_map(
    image: Same,
    method: Method = ...,
    blur: BlurInput = ...,
    strength: float = ...,
    mask: Array | None = ...,
    tile_px: int | None = ...,
    *,
    target: str | None = ...,
    options: Mapping[str, Any] | None = ...,
    device: str | None = ...,
    progress: Progress | None = ...,
) -> Deblurred[Same]: ...
def deblur_and_map(  # noqa: PLR0913  the words of the command line
    image: Picture,
    method: Method = "default",
    blur: BlurInput = None,
    strength: float = 1.0,
    mask: Array | None = None,
    tile_px: int | None = None,
    *,
    target: str | None = None,
    options: Mapping[str, Any] | None = None,
    device: str | None = None,
    progress: Progress | None = None,
) -> Deblurred[Any]:
    """Restore a photo and return it with the blur map and the confidence, all from one pass.

    The arguments and errors are those of ``deblur``; notes are returned, not given as warnings.
    """
    given = (method, blur, strength, mask, tile_px)
    photo, restored = _deblurred(image, given, _with_target(options, target), device, progress, warn=False)
    found, notes = restored.blur, (*_purpose(method, options), *restored.notes, *restored.decisions)
    if isinstance(found, BlurMap):
        confidence = None if found.confidence is None else np.asarray(found.confidence, np.float32)
        return Deblurred(photo, np.asarray(found.radius_px, np.float32), confidence, notes)
    if found is not None and isinstance(blur, (int, float, np.number)):
        return Deblurred(photo, np.full(restored.image.shape[1:], blur, np.float32), None, notes)
    return Deblurred(photo, None, None, notes)


def _deblurred(
    image: Picture,
    given: tuple[Method, BlurInput, float, Array | None, int | None],
    options: Mapping[str, Any] | None,
    device: str | None,
    progress: Progress | None,
    warn: bool = True,
) -> tuple[Any, Restored]:
    opened, give_back, notes = open_picture(image)
    with running_on(device):
        restored = restore(opened.image, *given, options=options, progress=progress, space=opened.space)
    strength = given[2]
    if strength == 0 and isinstance(image, np.ndarray):
        result = image.copy()  # float64 has more digits than float32, through which the photo would go
    else:
        result = give_back(restored.image)
    if result is not image:  # else the file itself is returned, from which nothing was left out
        restored = replace(restored, notes=(*notes, *restored.notes))
    for note in restored.notes if warn else ():
        warnings.warn(note, UserWarning, stacklevel=3)
    return result, restored


def _purpose(method: Method, options: Mapping[str, Any] | None) -> tuple[str, ...]:
    """What a paper's network was made for, where it is given by name."""
    sentence = purpose(method, str((options or {}).get("weights", ""))) if isinstance(method, str) else ""
    return (sentence,) if sentence else ()


def _with_target(options: Mapping[str, Any] | None, target: str | None) -> Mapping[str, Any] | None:
    return options if target is None else {**(options or {}), "target": target}


def estimate_blur(
    image: Picture | tuple[Picture, Picture] | list[Picture],
    estimator: str | BlurEstimator = "default",
    *,
    device: str | None = None,
) -> NDArray[np.float32]:
    """Estimate the blur of each pixel: (H, W) float32, the circle-of-confusion radius in pixels.

    Args:
        image: As for ``deblur``; or two, the left and the right view of one dual-pixel photo, as a tuple or a list.
        estimator: A name from ``refocal.ESTIMATORS``, an .onnx file from ``refocal export``, or the estimator itself;
            with two views, "default" is "dual-pixel-learned".
        device: As for ``deblur``.

    Raises:
        InputError: If the photo cannot be read, there is no such estimator, it takes another number of views, or the
            views differ in size.
    """
    with running_on(device):
        if not isinstance(image, (tuple, list)):
            return _radius_px(find_estimator(estimator, 1)(open_picture(image)[0].in_srgb()))
        if len(image) != 2:
            raise InputError(f"Give one photo, or its left and its right view as a pair, not {len(image)} pictures.")
        left, right = (open_picture(view)[0].in_srgb() for view in image)
        return _radius_px(find_estimator(estimator, 2)(stack_views(left, right)))


def _radius_px(blur: BlurMap) -> NDArray[np.float32]:
    radius_px: NDArray[np.float32] = blur.radius_px
    return radius_px
