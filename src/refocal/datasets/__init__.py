"""Data sets: an index in, a ``Pair`` of a blurred and a sharp picture out.

A data set is opened by name, with at most one option behind a slash or a colon (both mean the same): ``kodak24``,
``kodak24:none``, ``bsds500/disk:3``, ``pixel4_dp/4``, ``dpdd/val``; or by the path of a folder of pairs. It gives
``len(data)``, ``data[i]`` and ``data.protocol``, and reads pictures only when they are asked for. No data set is
shipped: licences differ, and several carry none.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from refocal.catalog import Entry, find
from refocal.types import Image, InputError

DATASETS: dict[str, Entry[Any]] = {
    "folder": Entry("refocal.datasets.folder:folder", "your own pairs: blurred/ and sharp/, or A_blurred and A_sharp"),
    "kodak24": Entry("refocal.datasets.synthetic:kodak24", "24 sharp photos, blurred here", "", "Kodak 1993"),
    "kodak22": Entry(
        "refocal.datasets.kodak22:kodak22", "22 sharp crops, blurred by known maps", "", "Karaali & Jung 2022"
    ),
    "kodak24_dp": Entry(
        "refocal.datasets.kodak24_dp:kodak24_dp",
        "24 sharp crops, seen by a dual-pixel sensor made here",
        "",
        "Kodak 1993",
    ),
    "bsds500": Entry(
        "refocal.datasets.synthetic:bsds500", "500 sharp photos, blurred here", "", "Arbelaez et al. 2011"
    ),
    "cid22": Entry("refocal.datasets.synthetic:cid22", "41 sharp photos, blurred here", "", "Sneyers et al. 2023"),
    "camera_synthetic": Entry(
        "refocal.datasets.camera_synthetic:camera_synthetic",
        "65 sharp crops, taken out of focus by a camera made here",
        "",
        "Kodak 1993, Sneyers et al. 2023",
    ),
    "pixel4_dp": Entry(
        "refocal.datasets.pixel4_dp:pixel4_dp", "real defocus of a phone, at scale 1, 2 or 4", "", "Xin et al. 2021"
    ),
    "lytro_pairs": Entry(
        "refocal.datasets.lytro:lytro_pairs", "real defocus: near and far focus of a scene", "", "Nejati et al. 2015"
    ),
    "mmsp2024": Entry(
        "refocal.datasets.mmsp2024:mmsp2024",
        "9 public crops of real defocus, misaligned",
        "",
        "Aurangabadkar et al. 2024",
    ),
    "dpdd": Entry(
        "refocal.datasets.source_target:dpdd", "real defocus of a Canon, both views", "", "Abuolaim & Brown 2020"
    ),
    "realdof": Entry("refocal.datasets.source_target:realdof", "real defocus, two cameras", "", "Lee et al. 2021"),
    "pixeldp": Entry(
        "refocal.datasets.source_target:pixeldp", "real defocus of a phone, no sharp", "", "Abuolaim & Brown 2020"
    ),
    "dandres": Entry(
        "refocal.datasets.dandres:dandres",
        "real defocus; sharp and maps where you have them",
        "",
        "D'Andres et al. 2016",
    ),
    "cuhk": Entry("refocal.datasets.blurred_only:cuhk", "704 out-of-focus photos, no sharp", "", "Shi et al. 2014"),
}


@dataclass(frozen=True, eq=False)
class Pair:
    """One picture of a data set.

    Attributes:
        blurred: (C, H, W) float32 in [0, 1], what a method is given.
        sharp: (C, H, W) float32 in [0, 1], what it should give back; None where nobody knows.
        name: Names the picture within its data set.
        extras: What else is known. ``"mask"`` (H, W) float32: weights of the pixels that count; ``"blur"``: the true
            ``Psf`` or ``BlurMap``; ``"left"``, ``"right"`` (C, H, W) float32: dual-pixel views; ``"defocus"``,
            ``"segmentation"`` (H, W) float32: as the set's own module tells.
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
        about: What the numbers depend on, in a sentence or two.
        depth: Depth of the pictures handed to the method; what comes back is scored as float, never rounded.
        channels: What is compared; with ``"luma"``, colour pictures are reduced to BT.601 luma first.
        border_px: Pixels left out along each edge.
        fit: ``"gain-offset"``: the restored picture's gain and offset are fitted to the sharp one by least squares over
            the area that counts.
    """

    data: str
    about: str
    depth: Literal["8-bit", "16-bit", "float"] = "8-bit"
    channels: Literal["rgb", "luma", "green"] = "rgb"
    border_px: int = 0
    fit: Literal["none", "gain-offset"] = "none"


@dataclass(frozen=True)
class _Home:
    """Where a set lies beneath a data root (the first folder that exists), and where to get it."""

    folders: tuple[str, ...]
    source: str


_HOMES = {
    "kodak24": _Home(("kodak24", "kodak"), "https://r0k.us/graphics/kodak/"),
    "kodak22": _Home(("kodak24", "kodak"), "https://r0k.us/graphics/kodak/"),
    "camera_synthetic": _Home(("kodak24", "kodak"), "https://r0k.us/graphics/kodak/"),
    "kodak24_dp": _Home(("kodak24", "kodak"), "https://r0k.us/graphics/kodak/"),
    "bsds500": _Home(("bsds500", "BSDS500/data/images", "BSR/BSDS500/data/images"), "https://github.com/BIDS/BSDS500"),
    "cid22": _Home(("cid22", "CID22"), "https://github.com/imazen/codec-corpus"),
    "pixel4_dp": _Home(
        ("pixel4_dp", "DP_data_pixel_4"), "https://github.com/cmu-ci-lab/dual_pixel_defocus_estimation_deblurring"
    ),
    "lytro_pairs": _Home(
        ("lytro_pairs", "LytroDataset"), "the authors of https://doi.org/10.1016/j.inffus.2014.10.004"
    ),
    "mmsp2024": _Home(("mmsp2024_crops", "MMSP2024", "mmsp2024"), "https://github.com/aurangau/MMSP2024"),
    "dpdd": _Home(
        ("dd_dp_dataset_canon", "DPDD", "dpdd"), "https://github.com/Abdullah-Abuolaim/defocus-deblurring-dual-pixel"
    ),
    "realdof": _Home(("RealDOF", "realdof"), "https://github.com/codeslake/IFAN"),
    "pixeldp": _Home(
        ("dd_dp_dataset_pixel", "PixelDP", "pixeldp"),
        "https://github.com/Abdullah-Abuolaim/defocus-deblurring-dual-pixel",
    ),
    "dandres": _Home(("dandres",), "its authors (D'Andres et al., IEEE TIP 2016)"),
    "cuhk": _Home(("CUHK", "cuhk", "photos"), "http://www.cse.cuhk.edu.hk/~leojia/projects/dblurdetect/dataset.html"),
}


def open_dataset(name: str | Path, data_root: str | Path | None = None) -> Any:
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
    match = re.fullmatch(r"(\w+)(?:[/:](.+))?", str(name))
    head, option = (match[1], match[2]) if match and match[1] in DATASETS else (str(name), None)
    if head not in DATASETS and Path(name).is_dir():
        head, option = "folder", str(name)
    make = find(DATASETS, head, "data set or folder").load()
    if head == "folder":
        return make(Path(option or "."))
    root = _find_root(head, data_root)
    if option is None:
        return make(root)
    if len(inspect.signature(make).parameters) == 1:
        raise InputError(f"Data set {head!r} takes no option, but got {option!r}.")
    return make(root, int(option) if option.isdecimal() else option)


def _find_root(name: str, data_root: str | Path | None) -> Path:
    """The folder of data set ``name``; an explicit ``data_root`` is not silently passed over for another place."""
    if data_root is not None:
        roots = [Path(data_root)]
    else:
        roots = [Path(place) for place in (os.environ.get("REFOCAL_DATA"), "data", "../shared/data/test") if place]
    home = _HOMES[name]
    for root in roots:
        for folder in home.folders:
            if (root / folder).is_dir():
                return root / folder
    raise InputError(
        f"Data set {name!r} isn't in {' or '.join(map(str, roots))}: expected a folder {' or '.join(home.folders)} "
        f"there; get it from {home.source} and name its parent with --data-root or REFOCAL_DATA."
    )
