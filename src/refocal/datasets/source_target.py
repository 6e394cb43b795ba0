"""Sets laid out as folders source and target: DPDD, RealDOF and the Pixel 4 test photos of DPDNet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from refocal.datasets import Pair, Protocol
from refocal.datasets.files import list_images, read_image, require
from refocal.types import InputError

SPLITS = ("train", "val", "test")
PARTS = ("indoor", "outdoor")
INDOOR_LIST = "indoor.txt"


@dataclass(frozen=True)
class SourceTarget:
    """Files that are paired by their place in the sorted lists, as the names differ between the folders.

    Attributes:
        name: Name of the data set, with its option.
        depth: Bit depth of the files.
        source: Blurred photos.
        target: Sharp photos; empty where there are none.
        left: Left dual-pixel views, given as ``extras["left"]``; empty where there are none.
        right: Right dual-pixel views.
    """

    name: str
    depth: Literal["8-bit", "16-bit"]
    source: tuple[Path, ...]
    target: tuple[Path, ...] = ()
    left: tuple[Path, ...] = ()
    right: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        for files in (self.target, self.left, self.right):
            if files and len(files) != len(self.source):
                raise InputError(
                    f"{self.source[0].parent} holds {len(self.source)} images but {files[0].parent} holds "
                    f"{len(files)}: each needs its partner."
                )

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Pair:
        views = {"left": self.left, "right": self.right}
        extras = {side: read_image(files[index]) for side, files in views.items() if files}
        sharp = read_image(self.target[index]) if self.target else None
        return Pair(read_image(self.source[index]), sharp, self.source[index].stem, extras)

    @property
    def protocol(self) -> Protocol:
        """All pixels, all channels."""
        about = "all pixels and channels" if self.target else "no sharp photo: only metrics without a reference"
        return Protocol(self.name, about, self.depth)


def dpdd(root: Path, split: str = "test") -> SourceTarget:
    """DPDD: 350 train, 74 val and 76 test photos of a Canon 5D IV, 1680 x 1120, 16-bit PNG, with both views.

    The owners' layout: ``test_c/source``, ``test_c/target``, ``test_l/source``, ``test_r/source``. Papers report the
    test photos taken ``indoor`` (37) and ``outdoor`` (39) apart, too; the set doesn't say which they are. A file
    ``indoor.txt`` in the set's folder lists the indoor ones: on each line the name of a file in ``test_c/source``, with
    or without its suffix, or its place in the sorted list, counted from 1 as in the index arrays of other projects.

    Reference: A. Abuolaim, M. S. Brown, "Defocus Deblurring Using Dual-Pixel Data", ECCV 2020.

    Raises:
        InputError: If the folders or ``indoor.txt`` aren't there or don't fit, or ``split`` isn't train, val, test,
            indoor or outdoor.
    """
    if split not in (*SPLITS, *PARTS):
        raise InputError(
            f"There is no split {split!r} of dpdd: choose train, val or test, or of test indoor or outdoor."
        )
    folder = "test" if split in PARTS else split
    folders = [f"{folder}_{end}" for end in ("c/source", "c/target", "l/source", "r/source")]
    files = [require(list_images(Path(root) / folder), root, f"PNG files in {folder}") for folder in folders]
    whole = SourceTarget("dpdd" if split == "test" else f"dpdd/{split}", "16-bit", *files)
    if split not in PARTS:
        return whole
    indoor = _indoor(Path(root) / INDOOR_LIST, whole.source)
    chosen = [place for place in range(len(whole)) if (place in indoor) == (split == "indoor")]
    if not chosen:
        raise InputError(f"{Path(root) / INDOOR_LIST} leaves no {split} photo.")
    return SourceTarget(whole.name, "16-bit", *(tuple(of[place] for place in chosen) for of in files))


def _indoor(path: Path, photos: tuple[Path, ...]) -> set[int]:
    """Places, counted from 0, of the photos that the list names."""
    if not path.is_file():
        raise InputError(
            f"The set doesn't say which of its test photos were taken indoors: name them in {path}, one on a line, by "
            "file name or by place in the sorted list, counted from 1."
        )
    places = {word: place for place, photo in enumerate(photos) for word in (photo.name, photo.stem, str(place + 1))}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise InputError(f"{path} isn't UTF-8 text: save it as UTF-8.") from None
    words = [word for line in lines if (word := line.strip())]
    for word in words:
        if word not in places:
            raise InputError(f"{path} names {word!r}, but no photo of {photos[0].parent} is called so.")
    return {places[word] for word in words}


def realdof(root: Path) -> SourceTarget:
    """RealDOF: 50 pairs of two Sony cameras behind a beam splitter, in ``source`` and ``target``.

    Reference: J. Lee, H. Son, J. Rim, S. Cho, S. Lee, "Iterative Filter Adaptive Network for Single Image Defocus
    Deblurring", CVPR 2021.

    Raises:
        InputError: If the folders aren't there or their numbers of files differ.
    """
    files = [require(list_images(Path(root) / name), root, f"PNG files in {name}") for name in ("source", "target")]
    return SourceTarget("realdof", "8-bit", *files)


def pixeldp(root: Path) -> SourceTarget:
    """The Pixel 4 test photos of DPDNet: 16-bit, no sharp ones, with both views.

    The layout is that of DPDD without target, as published test code reads it: ``test_c``, ``test_l``, ``test_r``, with
    the files directly in them or in a folder ``source``. It has not been checked against the set itself.

    Reference: A. Abuolaim, M. S. Brown, "Defocus Deblurring Using Dual-Pixel Data", ECCV 2020.

    Raises:
        InputError: If the folders aren't there or their numbers of files differ.
    """
    files = []
    for name in ("test_c", "test_l", "test_r"):
        folder = Path(root) / name
        images = list_images(folder / "source") or list_images(folder)
        files.append(require(images, root, f"PNG files in {name}/source or {name}"))
    return SourceTarget("pixeldp", "16-bit", files[0], (), files[1], files[2])
