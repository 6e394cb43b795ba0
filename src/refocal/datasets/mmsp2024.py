"""The public crops of the real data of Aurangabadkar et al. 2024: three scenes, sharp and at three degrees of blur."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from refocal.datasets import Pair, Protocol
from refocal.datasets.files import list_images, read_luma8
from refocal.types import InputError

LEVELS = {"lbc": "low", "mbc": "medium", "hbc": "high"}
SHARP_END = "_original_crop"


@dataclass(frozen=True)
class Mmsp2024:
    """Luma crops (1, 256, 256) of a Canon 5D III: low, medium and high blur against the sharp photo.

    The whole set (305 scenes) is available from its authors on request and its layout isn't public, so only the crops
    of their repository are read.

    Reference: U. Aurangabadkar, D. Ramsook, A. Kokaram, "A Sharpness Based Loss Function for Removing Out-of-Focus
    Blur", MMSP 2024.

    Attributes:
        files: Name, blurred and sharp file of each pair.
    """

    files: tuple[tuple[str, Path, Path], ...]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Pair:
        name, *paths = self.files[index]
        blurred, sharp = ((read_luma8(path)[None] / 255).astype(np.float32) for path in paths)
        return Pair(blurred, sharp, name)

    @property
    def protocol(self) -> Protocol:
        """Luma, all pixels."""
        about = "luma truncated to 8 bit; the photos are misaligned by up to 6 px, which lowers every score"
        return Protocol("mmsp2024", about, "8-bit", "luma")


def mmsp2024(root: Path) -> Mmsp2024:
    """The quadruples of ``root`` or its Dataset_Examples/: A_original_crop.png, A_lbc_crop.png and so on.

    Raises:
        InputError: If there are none, or a blurred crop has no sharp one.
    """
    folder = Path(root) / "Dataset_Examples" if (Path(root) / "Dataset_Examples").is_dir() else Path(root)
    crops = {path.stem.lower(): path for path in list_images(folder)}  # "hbC" and "hbc" both occur
    files = []
    for stem, path in crops.items():
        scene, _, code = stem.removesuffix("_crop").rpartition("_")
        if code in LEVELS:
            sharp = crops.get(scene + SHARP_END)
            if sharp is None:
                raise InputError(f"{path} has no sharp partner {scene}{SHARP_END}.png beside it.")
            files.append((f"{scene}_{LEVELS[code]}", path, sharp))
    if not files:
        raise InputError(
            f"No quadruples in {folder}: expected keyboard1_original_crop.png, keyboard1_lbc_crop.png, ..."
        )
    return Mmsp2024(tuple(files))
