"""Finished results: image files that are named like those of a data set, to be scored or saved."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from refocal.datasets import Pair, Protocol
from refocal.datasets.files import list_images, read_image
from refocal.evaluation.workers import Runs
from refocal.images.colour import luma
from refocal.images.io import Photo, from_float, write
from refocal.types import Image, InputError

Keep: TypeAlias = Callable[[Pair, Protocol, Image], None]
"""Called with each pair, the protocol of its data set, and its restored image."""


@dataclass(frozen=True)
class Finished:
    """A folder of finished results, scored in place of a method; they may come from any program.

    Attributes:
        folder: Holds one image per image of the data set, of the same name and size, in any format that is read; or a
            folder of them named like the set, as ``saved_into`` writes it.
    """

    folder: Path

    @property
    def name(self) -> str:
        """Name in the rows."""
        return f"results:{self.folder}"

    def reader(self, pair: Pair, protocol: Protocol) -> Runs:
        """The result of ``of``, called like a method."""
        return lambda *_: self.of(pair, protocol)

    def of(self, pair: Pair, protocol: Protocol) -> Image:
        """The result for a pair: (C, H, W) float32 in [0, 1], in the pair's number of channels.

        Raises:
            InputError: If there is none, there are several, it can't be read, or its size differs.
        """
        inside = self.folder / file_name(protocol.data)
        folder, name = inside if inside.is_dir() else self.folder, file_name(pair.name)
        paths = [path for path in list_images(folder) if path.stem == name]
        if len(paths) != 1:
            problem = f"has {' and '.join(path.name for path in paths)}" if paths else f"has no {name}.png"
            raise InputError(f"{folder} {problem}: one result is expected for the image {pair.name!r}.")
        image = read_image(paths[0])
        if image.shape[1:] != pair.blurred.shape[1:]:
            height, width = pair.blurred.shape[1:]
            raise InputError(
                f"{paths[0]} is {image.shape[2]}x{image.shape[1]}, the image {pair.name!r} of {protocol.data!r} "
                f"{width}x{height}: results have the size of what they were restored from."
            )
        if len(image) > len(pair.blurred):
            return luma(image)
        return image if len(image) == len(pair.blurred) else np.repeat(image, len(pair.blurred), axis=0)


def saved_into(folder: Path, method: str, *, overwrite: bool = False) -> Keep:
    """A function that saves each restored image as ``folder/METHOD/DATA/NAME.png``.

    Images are rounded to 8 bits where the data set's are 8-bit, else to 16.

    Args:
        folder: Created with the first image, with its parents.
        method: Name of the method.
        overwrite: Whether existing files are replaced.
    """

    def keep(pair: Pair, protocol: Protocol, restored: Image) -> None:
        path = folder_of(folder, method, protocol.data) / f"{file_name(pair.name)}.png"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{path.parent} can't be made: {error.strerror or error}.") from error
        dtype = np.uint8 if protocol.depth == "8-bit" else np.uint16
        write(path, Photo(from_float(np.asarray(restored), dtype)), overwrite=overwrite)

    return keep


def folder_of(folder: Path, method: str, data: str) -> Path:
    """Where the results of a method on a data set are saved."""
    return folder / file_name(method) / file_name(data)


def file_name(name: str) -> str:
    """A name without what no file system takes, such as ``pixel4_dp-4`` for ``pixel4_dp/4``."""
    return re.sub(r'[\\/:*?"<>|\x00-\x1f]|^\.+', "-", name)
