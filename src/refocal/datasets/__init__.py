"""Data sets: an index in, a ``Pair`` of a blurred and a sharp image out.

A data set is opened by name, with at most one option after a slash or a colon (both mean the same): ``kodak24``,
``kodak24:none``, ``bsds500/disk:3``, ``pixel4_dp/4``, ``dpdd/val``; or by the path of a folder of pairs. It has
``len(data)``, ``data[i]`` and ``data.protocol``, and reads an image only when it is indexed. No data set is shipped:
licences differ, and several carry none.
"""

from __future__ import annotations

import inspect
import os
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from refocal.catalog import Entry, find
from refocal.types import Image, InputError

DATASETS: dict[str, Entry[Dataset]] = {
    "folder": Entry("refocal.datasets.folder:folder", "your own pairs: blurred/ and sharp/, or A_blurred and A_sharp"),
    "kodak24": Entry(
        "refocal.datasets.synthetic:kodak24",
        "24 sharp photos, blurred here",
        paper="Kodak 1993",
        folders=("kodak24", "kodak"),
        source="https://r0k.us/graphics/kodak/",
    ),
    "kodak22": Entry(
        "refocal.datasets.kodak22:kodak22",
        "22 sharp crops, blurred by known maps",
        paper="Karaali & Jung 2022",
        folders=("kodak24", "kodak"),
        source="https://r0k.us/graphics/kodak/",
    ),
    "kodak24_dp": Entry(
        "refocal.datasets.kodak24_dp:kodak24_dp",
        "24 sharp crops through a simulated dual-pixel sensor",
        paper="Kodak 1993",
        folders=("kodak24", "kodak"),
        source="https://r0k.us/graphics/kodak/",
    ),
    "bsds500": Entry(
        "refocal.datasets.synthetic:bsds500",
        "500 sharp photos, blurred here",
        paper="Arbelaez et al. 2011",
        folders=("bsds500", "BSDS500/data/images", "BSR/BSDS500/data/images"),
        source="https://github.com/BIDS/BSDS500",
    ),
    "cid22": Entry(
        "refocal.datasets.synthetic:cid22",
        "41 sharp photos, blurred here",
        paper="Sneyers et al. 2023",
        folders=("cid22", "CID22"),
        source="https://github.com/imazen/codec-corpus",
    ),
    "camera_synthetic": Entry(
        "refocal.datasets.camera_synthetic:camera_synthetic",
        "65 sharp crops through a simulated out-of-focus camera",
        paper="Kodak 1993, Sneyers et al. 2023",
        folders=("kodak24", "kodak"),
        source="https://r0k.us/graphics/kodak/",
    ),
    "pixel4_dp": Entry(
        "refocal.datasets.pixel4_dp:pixel4_dp",
        "real defocus of a phone, at scale 1, 2 or 4",
        paper="Xin et al. 2021",
        folders=("pixel4_dp", "DP_data_pixel_4"),
        source="https://github.com/cmu-ci-lab/dual_pixel_defocus_estimation_deblurring",
    ),
    "lytro_pairs": Entry(
        "refocal.datasets.lytro:lytro_pairs",
        "real defocus: near and far focus of a scene",
        paper="Nejati et al. 2015",
        folders=("lytro_pairs", "LytroDataset"),
        source="the authors of https://doi.org/10.1016/j.inffus.2014.10.004",
    ),
    "mmsp2024": Entry(
        "refocal.datasets.mmsp2024:mmsp2024",
        "9 public crops of real defocus, misaligned",
        paper="Aurangabadkar et al. 2024",
        folders=("mmsp2024_crops", "MMSP2024", "mmsp2024"),
        source="https://github.com/aurangau/MMSP2024",
    ),
    "dpdd": Entry(
        "refocal.datasets.source_target:dpdd",
        "real defocus of a Canon, both views",
        paper="Abuolaim & Brown 2020",
        folders=("dd_dp_dataset_canon", "DPDD", "dpdd"),
        source="https://github.com/Abdullah-Abuolaim/defocus-deblurring-dual-pixel",
    ),
    "realdof": Entry(
        "refocal.datasets.source_target:realdof",
        "real defocus, two cameras",
        paper="Lee et al. 2021",
        folders=("RealDOF", "realdof"),
        source="https://github.com/codeslake/IFAN",
    ),
    "pixeldp": Entry(
        "refocal.datasets.source_target:pixeldp",
        "real defocus of a phone, no sharp",
        paper="Abuolaim & Brown 2020",
        folders=("dd_dp_dataset_pixel", "PixelDP", "pixeldp"),
        source="https://github.com/Abdullah-Abuolaim/defocus-deblurring-dual-pixel",
    ),
    "dandres": Entry(
        "refocal.datasets.dandres:dandres",
        "real defocus; sharp and maps where you have them",
        paper="D'Andres et al. 2016",
        folders=("dandres",),
        source="its authors (D'Andres et al., IEEE TIP 2016)",
    ),
    "cuhk": Entry(
        "refocal.datasets.blurred_only:cuhk",
        "704 out-of-focus photos, no sharp",
        paper="Shi et al. 2014",
        folders=("CUHK", "cuhk", "photos"),
        source="http://www.cse.cuhk.edu.hk/~leojia/projects/dblurdetect/dataset.html",
    ),
}


@dataclass(frozen=True, eq=False)
class Pair:
    """One image of a data set.

    Attributes:
        blurred: (C, H, W) float32 in [0, 1], the input of a method.
        sharp: (C, H, W) float32 in [0, 1], the ground truth; None where it is unknown.
        name: Name of the image within its data set.
        extras: Further ground truth. ``"mask"`` (H, W) float32: weights of the pixels in the scores; ``"blur"``: the
            true ``Psf`` or ``BlurMap``; ``"left"``, ``"right"`` (C, H, W) float32: dual-pixel views; ``"radius_px"``,
            ``"defocus"``, ``"valid"``, ``"segmentation"`` (H, W) float32: as the set's own module documents.
    """

    blurred: Image
    sharp: Image | None
    name: str
    extras: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Protocol:
    """How scores are measured on a data set.

    Attributes:
        data: Name and option of the data set, as ``open_dataset`` takes them.
        about: One or two sentences on what the scores depend on.
        depth: Bit depth of the images that a method gets; restored images are scored as float, never rounded.
        channels: Channels that are compared; with ``"luma"``, colour images are reduced to BT.601 luma first.
        border_px: Pixels left out along each edge.
        fit: With ``"gain-offset"``, gain and offset of the restored image are fitted to the sharp one by least squares
            over the scored area.
    """

    data: str
    about: str
    depth: Literal["8-bit", "16-bit", "float"] = "8-bit"
    channels: Literal["rgb", "luma", "green"] = "rgb"
    border_px: int = 0
    fit: Literal["none", "gain-offset"] = "none"


class Dataset(typing.Protocol):
    """A data set: ``len(data)``, ``data[i]`` and the protocol of its scores."""

    @property
    def protocol(self) -> Protocol:
        """How scores are measured on this set."""
        ...

    def __len__(self) -> int:
        """Number of images."""
        ...

    def __getitem__(self, index: int) -> Pair:
        """Read image ``index``.

        Raises:
            IndexError: If there is no such image.
        """
        ...


def open_dataset(name: str | Path, data_root: str | Path | None = None) -> Dataset:
    """Open a data set by name and option, or a folder of pairs by its path.

    Args:
        name: ``NAME``, ``NAME/OPTION`` or ``NAME:OPTION`` with a name from ``DATASETS``, or the path of a folder. A
            name wins over a folder of the same name: write ``./kodak24`` for the folder.
        data_root: Folder that holds the data sets. Without it ``$REFOCAL_DATA``, ``./data`` and ``../shared/data/test``
            are tried in turn.

    Returns:
        The data set: ``len(data)``, ``data[i]`` (a ``Pair``) and ``data.protocol``.

    Raises:
        InputError: If there is no such name, option or folder, or the folder isn't laid out as expected.
    """
    match = re.fullmatch(r"([\w-]+)(?:[/:](.+))?", str(name))
    head, option = (match[1], match[2]) if match and match[1] in DATASETS else (str(name), None)
    if head not in DATASETS and Path(name).is_dir():
        head, option = "folder", str(name)
    make: Callable[..., Dataset] = find(DATASETS, head, "data set or folder").load()
    if head == "folder":
        return make(Path(option or "."))
    root = _find_root(head, data_root)
    if option is None:
        return make(root)
    if len(inspect.signature(make).parameters) == 1:
        raise InputError(f"Data set {head!r} takes no option, but got {option!r}.")
    return make(root, int(option) if option.isdecimal() else option)


def find_folder(name: str, data_root: str | Path | None = None) -> Path | None:
    """The folder of a data set in ``DATASETS`` where ``open_dataset`` looks for it; None if there is none."""
    folders = DATASETS[name].folders or (name,)
    found = (root / folder for root in _roots(data_root) for folder in folders if (root / folder).is_dir())
    return next(found, None)


def _roots(data_root: str | Path | None) -> list[Path]:
    """Where data sets are searched; with an explicit ``data_root``, nowhere else."""
    if data_root is not None:
        return [Path(data_root)]
    return [Path(place) for place in (os.environ.get("REFOCAL_DATA"), "data", "../shared/data/test") if place]


def _find_root(name: str, data_root: str | Path | None) -> Path:
    """The folder of data set ``name``."""
    folder = find_folder(name, data_root)
    if folder is not None:
        return folder
    entry = DATASETS[name]
    raise InputError(
        f"Data set {name!r} isn't in {' or '.join(map(str, _roots(data_root)))}: expected a folder "
        f"{' or '.join(entry.folders or (name,))} there; get it from {entry.source or 'its authors'} and name its "
        "parent with --data-root or REFOCAL_DATA."
    )
