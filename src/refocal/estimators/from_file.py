"""A blur map that somebody else has made."""

from __future__ import annotations

from dataclasses import dataclass

from refocal.images.map_files import read_map
from refocal.optics.blur import BlurMap
from refocal.types import Image, InputError


@dataclass(frozen=True)
class FromFile:
    """Read the blur map from a file, as it is.

    Attributes:
        path: ``.npy`` or ``.tif`` of radii in pixels, or a ``.png`` that ``refocal map`` wrote.
    """

    path: str = ""

    def __call__(self, image: Image) -> BlurMap:
        """The map; ``image`` (C, H, W) tells the size that it must have.

        Raises:
            InputError: If there is no path, or the file holds no blur map of the photo's size.
        """
        if not self.path:
            raise InputError("Name the blur map's file: --map FILE, or FromFile(path) in Python.")
        blur = BlurMap(read_map(self.path))
        blur.check_size(image)
        return blur
