"""Your own pairs: two folders of the same file names, or two endings in one folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from refocal.datasets import Pair, Protocol
from refocal.datasets.files import list_images, read_image, read_pixels
from refocal.types import InputError

FOLDER_NAMES = (("blurred", "sharp"), ("input", "target"), ("source", "target"))


@dataclass(frozen=True)
class Folder:
    """Pairs of files.

    Attributes:
        name: Name in the rows of an evaluation.
        pairs: Paths of the blurred and the sharp image of each pair.
    """

    name: str
    pairs: tuple[tuple[Path, Path], ...]

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Pair:
        paths = self.pairs[index]
        blurred, sharp = (read_image(path) for path in paths)
        if blurred.shape != sharp.shape:
            raise InputError(
                f"{paths[0]} and {paths[1]} differ in channels, height or width: {blurred.shape} and {sharp.shape}."
            )
        return Pair(blurred, sharp, paths[0].stem.removesuffix("_blurred"))

    @property
    def protocol(self) -> Protocol:
        """All pixels, all channels; the bit depth is that of the first blurred file."""
        deep = read_pixels(self.pairs[0][0]).dtype == np.uint16
        return Protocol(self.name, "pairs of files: all pixels and channels", "16-bit" if deep else "8-bit")


def folder(root: Path) -> Folder:
    """Pair the files of ``root`` by name.

    Args:
        root: Holds ``blurred/`` and ``sharp/`` (or ``input/`` and ``target/``, or ``source/`` and ``target/``) with the
            same file names except for the suffix, or ``A_blurred.png`` beside ``A_sharp.png``.

    Raises:
        InputError: If there are no pairs, or a file has no partner.
    """
    root = Path(root)
    for names in FOLDER_NAMES:
        if all((root / name).is_dir() for name in names):
            blurred, sharp = (_by_name({path: path.stem for path in list_images(root / name)}) for name in names)
            break
    else:
        names = ("*_blurred", "*_sharp")
        blurred, sharp = (
            _by_name({p: p.stem.removesuffix(end[1:]) for p in list_images(root) if p.stem.endswith(end[1:])})
            for end in names
        )
    if not blurred and not sharp:
        raise InputError(
            f"No pairs in {root}: expected sub-folders blurred/ and sharp/ with the same file names, "
            "or A_blurred.png beside A_sharp.png."
        )
    alone = sorted(blurred.keys() ^ sharp.keys())
    if alone:
        path, where = (blurred.get(alone[0]), names[1]) if alone[0] in blurred else (sharp[alone[0]], names[0])
        raise InputError(f"{path} has no partner in {root / where}.")
    return Folder(root.resolve().name, tuple((blurred[name], sharp[name]) for name in sorted(blurred)))


def _by_name(names: dict[Path, str]) -> dict[str, Path]:
    """Invert path -> name.

    Raises:
        InputError: If two files have one name.
    """
    found: dict[str, Path] = {}
    for path, name in names.items():
        if name in found:
            raise InputError(
                f"{found[name]} and {path} have the same name: it is unclear which one belongs to the pair."
            )
        found[name] = path
    return found
