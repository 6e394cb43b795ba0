"""Blur map read from a file."""

from __future__ import annotations

from dataclasses import dataclass

from refocal.images.map_files import read_map
from refocal.optics.blur import BlurMap
from refocal.types import Image, InputError


@dataclass(frozen=True)
class FromFile:
    """Read a blur map from a file, unchanged.

    Attributes:
        path: File of radii in pixels: ``.npy``, ``.tif``, or a ``.png`` that ``refocal map`` wrote.
    """

    path: str = ""

    def __call__(self, image: Image) -> BlurMap:
        """Return the map, which must have the size of ``image`` (C, H, W).

        Raises:
            InputError: If there is no path, or the file isn't a blur map of the photo's size.
        """
        if not self.path:
            raise InputError("Name the blur map's file: --map FILE, or FromFile(path) in Python.")
        blur = BlurMap(read_map(self.path))
        blur.check_size(image)
        return blur
