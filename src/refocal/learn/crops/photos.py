"""Sharp crops in one file: packed once, then memory-mapped, so that no photo is decoded while a network trains."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from refocal.datasets import Dataset, Pair
from refocal.files.whole import check_target, whole_file, write_whole, writing
from refocal.images.io import SUFFIXES, from_float, read, to_float
from refocal.learn.crops.compressed import SUFFIX, read_compressed
from refocal.types import Array, InputError


def pack(  # noqa: PLR0913  the words of the command line
    folders: Sequence[str | Path],
    out: str | Path,
    side_px: int = 128,
    scales: Sequence[float] = (1.0, 0.5),
    drop_smooth: float = 0.0,
    seed: int = 0,
    *,
    overwrite: bool = False,
) -> int:
    """Cut all photos into crops that don't overlap and write them to one .npy file (N, side, side, 3) uint8.

    Photos are shuffled, so that the end of the file, which is used for validation only, is a random sample of photos
    that are not in the rest. A crop whose standard deviation is below one level is left out. NAME.json beside the file
    lists the photo of each crop.

    Args:
        folders: Folders of photos, searched recursively.
        out: The .npy file to write, whole or not at all.
        side_px: Side of a crop in pixels.
        scales: Scales at which each photo is cut; below 1 it is reduced by area averaging.
        drop_smooth: Fraction of the crops that is left out, those with the least detail (mean gradient of the luma).
        seed: Seed of the order.
        overwrite: Replace files of these names.

    Returns:
        Number of crops written.

    Raises:
        InputError: If no folder holds a photo that is large enough, or the file can't be written.
    """
    out = checked_name(out, overwrite=overwrite)
    cut = [(path.name, cut_photo(read(path).pixels, side_px, scales)) for path in photos_in(folders, seed)]
    if not any(crops for _, crops in cut):
        raise InputError(f"No photo of at least {side_px}x{side_px} px in {', '.join(map(str, folders))}.")
    kept = with_most_detail(cut, drop_smooth)
    about = {"side_px": side_px, "scales": list(scales), "drop_smooth": drop_smooth}
    return write_crops(out, kept, about, overwrite=overwrite)


def pack_pairs(
    pairs: Dataset | Sequence[Pair],
    out: str | Path,
    side_px: int = 128,
    seed: int = 0,
    *,
    overwrite: bool = False,
) -> int:
    """As ``pack``, for photographed pairs of blurred and sharp: (N, side, side, 6) uint8, the sharp photo first.

    Args:
        pairs: A data set, or any sequence of pairs; luma becomes three equal channels.
        out: As in ``pack``.
        side_px: As in ``pack``.
        seed: As in ``pack``.
        overwrite: As in ``pack``.

    Raises:
        InputError: As in ``pack``, or if a pair has no sharp photo.
    """
    out = checked_name(out, overwrite=overwrite)
    cut = []
    for index in np.random.default_rng(seed).permutation(len(pairs)):
        pair = pairs[int(index)]
        if pair.sharp is None:
            raise InputError(f"{pair.name} has no sharp photo.")
        both = [from_float(photo, np.dtype(np.uint8)) for photo in (pair.sharp, pair.blurred)]
        three = [np.broadcast_to(pixels, (*pixels.shape[:2], 3)) for pixels in both]
        cut.append((pair.name, squares(np.concatenate(three, axis=2), side_px)))
    if not any(crops for _, crops in cut):
        raise InputError(f"None of the pairs is {side_px}x{side_px} px or larger.")
    return write_crops(out, cut, {"side_px": side_px}, overwrite=overwrite)


def checked_name(out: str | Path, *, overwrite: bool = False) -> Path:
    """The path of a file of crops to write.

    Raises:
        InputError: If it doesn't end in .npy, its folder doesn't exist, or it or its description can't be written.
    """
    out = Path(out)
    if out.suffix != ".npy" or not out.parent.is_dir():
        raise InputError(f"Give the crops' file a name that ends in .npy, in a folder that exists, not {out}.")
    for path in (out, out.with_suffix(".json")):
        check_target(path, overwrite=overwrite)
    return out


@contextmanager
def described_file(out: Path, about: dict[str, object], *, overwrite: bool = False) -> Iterator[Path]:
    """As ``whole_file``, with a description beside it: NAME.json, published first, as ``out`` shows both are complete.

    Args:
        out: From ``checked_name``.
        about: The description; the block may still add to it.
        overwrite: Replace files of these names.
    """
    description = out.with_suffix(".json")
    is_new = False
    try:
        with whole_file(out, overwrite=overwrite) as part:
            with writing(out):
                yield part
            write_whole(description, json.dumps(about).encode(), overwrite=overwrite)
            is_new = not overwrite
    except BaseException:
        if is_new:  # the crops' name was taken meanwhile: the file there isn't the one described
            description.unlink(missing_ok=True)
        raise


def photos_in(folders: Sequence[str | Path], seed: int) -> list[Path]:
    """The photos of folders, searched recursively, in an order that depends on ``seed``."""
    photos = [path for folder in folders for path in sorted(Path(folder).rglob("*")) if path.suffix.lower() in SUFFIXES]
    return [photos[i] for i in np.random.default_rng(seed).permutation(len(photos))]


def write_crops(
    out: Path, cut: Sequence[tuple[str, list[Array]]], about: dict[str, object], *, overwrite: bool = False
) -> int:
    """Write the crops and a description beside them, see ``described_file``.

    Args:
        out: From ``checked_name``.
        cut: Photos' names and crops, all of one shape; at least one.
        about: Further fields of NAME.json.
        overwrite: Replace files of these names.

    Returns:
        Number of crops written.
    """
    photos, count = [], 0
    for name, crops in cut:
        if crops:
            photos.append({"photo": name, "first": count, "count": len(crops)})
            count += len(crops)
    about = {**about, "photos": photos}
    with described_file(out, about, overwrite=overwrite) as part, part.open("wb") as file:
        np.save(file, np.stack([crop for _, crops in cut for crop in crops]))
    return count


def cut_photo(pixels: Array, side_px: int, scales: Sequence[float]) -> list[Array]:
    """The ``squares`` of a photo (H, W, C) at all ``scales``."""
    return [crop for scale in scales for crop in squares(reduced(pixels, scale), side_px)]


def squares(pixels: Array, side_px: int) -> list[Array]:
    """Adjacent crops of (H, W, C) whose first three channels, the photo, aren't flat."""
    crops = []
    for top in range(0, pixels.shape[0] - side_px + 1, side_px):
        for left in range(0, pixels.shape[1] - side_px + 1, side_px):
            crop = pixels[top : top + side_px, left : left + side_px]
            if crop[..., :3].mean(axis=2).std() >= 1:
                crops.append(crop)
    return crops


def with_most_detail(cut: Sequence[tuple[str, list[Array]]], drop_smooth: float) -> list[tuple[str, list[Array]]]:
    """All crops except for the fraction ``drop_smooth`` that has the least detail."""
    if not drop_smooth:
        return list(cut)
    least = np.quantile([_detail(crop) for _, crops in cut for crop in crops], drop_smooth)
    return [(name, [crop for crop in crops if _detail(crop) >= least]) for name, crops in cut]


def _detail(crop: Array) -> float:
    """Mean absolute gradient of the luma, in grey levels per pixel."""
    grey = crop[..., :3].mean(axis=2)
    return float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean())


def reduced(pixels: Array, scale: float) -> Array:
    """(H, W, C) of any bit depth to (h, w, 3 or more) uint8, reduced by averaging; grey becomes three channels."""
    from PIL import Image

    if pixels.dtype != np.uint8:
        pixels = from_float(to_float(pixels), np.dtype(np.uint8))
    if pixels.shape[2] == 1:
        pixels = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
    if scale == 1:
        return pixels
    size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize(size, Image.Resampling.BOX))


@dataclass(frozen=True, eq=False)
class Crops:
    """A memory-mapped file of crops.

    Attributes:
        pixels: (N, side, side, C) uint8: the sharp photo (3) or its luma alone (1), behind it inverse depth (4), blur
            maps (5) or its pair (6).
        held_out: Number of crops at the end that are for validation only.
    """

    pixels: Array
    held_out: int

    @property
    def count(self) -> int:
        """Number of crops to train on."""
        return len(self.pixels) - self.held_out

    def batch(self, step: int, size: int, crop_px: int, seed: int, share: tuple[int, int] = (0, 1)) -> Array:
        """The crops of a step, which depend on the arguments alone, so that a resumed training has the same ones.

        Every crop is used once before any is used again; each is cut to ``crop_px`` at a random place, flipped and
        rotated.

        Args:
            step: Counted from 0; all steps must have the same ``size``, or crops repeat within an epoch.
            size: Size of the batch, over all processes.
            crop_px: Side in pixels, at most that of the file.
            seed: Seed of order, place and orientation.
            share: Rank of this process and number of processes: of the batch it gets every crop of its rank.

        Returns:
            (size / processes, crop_px, crop_px, C) uint8.
        """
        batch = []
        for index, top, left, way in self.places(step, size, crop_px, seed, share):
            batch.append(turned(self.pixels[index, top : top + crop_px, left : left + crop_px], int(way)))
        return np.stack(batch)

    def places(self, step: int, size: int, crop_px: int, seed: int, share: tuple[int, int] = (0, 1)) -> Array:
        """Index, row, column and orientation of the crops that ``batch`` returns, (N, 4) int64."""
        found = []
        for place in range(step * size + share[0], (step + 1) * size, share[1]):
            random = np.random.default_rng((seed, 1, place))
            top, left = random.integers(0, self.pixels.shape[1] - crop_px + 1, 2)
            index = _order(self.count, seed, place // self.count)[place % self.count]
            found.append((index, top, left, random.integers(8)))
        return np.array(found, np.int64)

    def validation(self, size: int, crop_px: int) -> Array:
        """(size, crop_px, crop_px, C) uint8: the centres of crops spread evenly over those held out."""
        index = (
            len(self.pixels) - self.held_out + np.linspace(0, self.held_out - 1, min(size, self.held_out)).astype(int)
        )
        first = (self.pixels.shape[1] - crop_px) // 2
        return self.pixels[index, first : first + crop_px, first : first + crop_px]


def open_crops(path: str | Path, held_out: float = 0.03) -> Crops:
    """Map a file written by ``pack``, or any .npy file of that shape; or decode the compressed crops of a bundle.

    Raises:
        InputError: If it is not such a file.
    """
    if Path(path).suffix == SUFFIX:
        pixels = read_compressed(Path(path))
    else:
        try:
            pixels = np.load(path, mmap_mode="r")
        except (OSError, ValueError, EOFError):
            raise InputError(f"{path} is no file of crops: make one with refocal crops.") from None
    shape = pixels.shape
    if (
        len(shape) != 4
        or shape[3] not in (1, 3, 4, 5, 6)
        or shape[1] != shape[2]
        or pixels.dtype != np.uint8
        or len(pixels) < 2
    ):
        raise InputError(f"{path} holds {shape} {pixels.dtype}, not crops (number, side, side, 3 to 6) uint8.")
    return Crops(pixels, max(1, round(held_out * len(pixels))))


@lru_cache(maxsize=2)
def _order(count: int, seed: int, epoch: int) -> Array:
    return np.random.default_rng((seed, 0, epoch)).permutation(count)


def turned(crop: Array, way: int) -> Array:
    """One of the eight orientations of a square."""
    turned = np.rot90(crop, way % 4)
    return turned[:, ::-1] if way >= 4 else turned
