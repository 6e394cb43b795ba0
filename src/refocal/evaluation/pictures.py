"""One row per image and metric, with everything that the number depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from refocal.evaluation import row_files
from refocal.evaluation.results import Row

if TYPE_CHECKING:
    from refocal.evaluation.evaluate import Evaluation


@dataclass(frozen=True)
class PictureRow:
    """The number of one image; all but ``picture``, ``value`` and ``seconds_per_megapixel`` as in ``results.Row``.

    Attributes:
        method: Name of the method.
        options: The method's options.
        weights_sha256: SHA-256 of the network's weights.
        data: Name and option of the data set.
        depth: Bit depth of the images given to the method.
        channels: Channels that are compared.
        border_px: Pixels left out along each edge.
        fit: Whether gain and offset were fitted.
        blur: Source of the blur.
        picture: Name of the image in its data set.
        metric: Name in ``METRICS``.
        ssim_window: Window of an SSIM.
        lpips_net: Network of an LPIPS.
        value: The number of this image.
        seconds_per_megapixel: Time of this image.
        version: Version of refocal.
        commit: Short git hash.
        date: ISO 8601 day, UTC.
    """

    method: str
    options: str
    weights_sha256: str
    data: str
    depth: str
    channels: str
    border_px: int
    fit: str
    blur: str
    picture: str
    metric: str
    ssim_window: str
    lpips_net: str
    value: float
    seconds_per_megapixel: float
    version: str
    commit: str
    date: str


def picture_rows(found: Evaluation) -> list[PictureRow]:
    """The rows of every image of an evaluation, image by image."""
    shared = set(row_files.columns_of(PictureRow)) & set(row_files.columns_of(Row)) - {"value", "seconds_per_megapixel"}
    return [
        PictureRow(
            **{name: getattr(row, name) for name in shared},
            picture=picture,
            value=found.values[row.metric][place],
            seconds_per_megapixel=found.seconds_per_megapixel[place],
        )
        for place, picture in enumerate(found.names)
        for row in found.rows
    ]


def append_picture_rows(path: str | Path, rows: Sequence[PictureRow]) -> None:
    """Append rows to a .csv or .json file, or create it, as ``row_files.append`` does."""
    row_files.append(path, rows, PictureRow)


def read_picture_rows(path: str | Path) -> list[PictureRow]:
    """Read what ``append_picture_rows`` wrote.

    Raises:
        InputError: If the file's columns aren't those of a ``PictureRow``.
    """
    return row_files.read(path, PictureRow)
