"""The six tables of learnable_blur_kernel_defocusgan: their data and columns, and a line per method and data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from refocal.tables.learnable_blur_kernel_defocusgan_measure import measure
from refocal.tables.learnable_blur_kernel_defocusgan_page import page
from refocal.tables.published import Column, Line, Picture, PublishedTable

PAPER = '"Learnable Blur Kernel for Single-Image Defocus Deblurring in the Wild", AAAI 2023'

DATA = ("pixel4_dp/4", "pixel4_dp/2", "kodak24_dp")
MORE_DATA = ("dpdd", "dpdd/indoor", "dpdd/outdoor")
"""The paper's own pictures; measured where the user has them."""

QUALITY = (
    Column("psnr", "PSNR (dB)", "psnr"),
    Column("ssim", "SSIM", "ssim"),
    Column("mae", "MAE", "mae"),
    Column("lpips", "LPIPS", "lpips"),
)
SPEARMAN = Column("spearman", "map: rank correlation", "spearman")
PARAMETERS = Column("parameters", "parameters (M)")
SECONDS = Column("seconds", "time (s)")

# The paper names "the deconvolution method" of Fish et al. 1995 and Krishnan & Fergus 2009, and not which of them, nor
# the kernel or the weight. On four scenes of pixel4_dp/4 under the set's own map, of 4.4 px at its most:
# hyper-laplacian with disks 27.95 dB at a weight of 500, 27.67 at 2000, with rings 27.10 and 25.28; levin-krishnan at
# 2000 27.42 and 24.50.
DECONVOLUTION = "hyper-laplacian"
DECONVOLUTION_OPTIONS = {"weight": 500.0}

PICTURES = (
    "**The paper's pictures** are the 76 test photos of DPDD, 37 indoors and 39 outdoors. With the set in the data "
    "root they are measured here: 16-bit files, all pixels and channels, nothing rounded. For the indoor and outdoor "
    "columns put a file `indoor.txt` beside its folders that names the photos taken indoors, one on a line, by file "
    "name or by place in the sorted list, counted from 1. The set doesn't say which they are.",
    "**`pixel4_dp/4`, `pixel4_dp/2`**: 8 real scenes of a Pixel 4 with all-in-focus pictures, reduced by 4 and by 2. "
    "Green alone, in display values; gain and offset fitted to the sharp picture, 16 px along the edges left out. The "
    "figures of each scene stand below, and in the CSV file.",
    "**`kodak24_dp`**: the central 384 × 256 px of 24 Kodak photos behind a simulated dual-pixel sensor: planes and "
    "shapes in front of each other, radii up to 8 px, rings as kernels, noise of 0.005. The radii are known exactly. "
    "The lens is that of the training, so this set is the easier one.",
    "Where a cell has a second figure in another set's table, it is the paper's for all of DPDD: **other pictures**. "
    "Compare the order of the lines, not the decibels.",
    "PSNR: mean of the decibels of each picture. SSIM: uniform window of 7 × 7 px. LPIPS v0.1, SqueezeNet. Pictures "
    "are scored as floating-point numbers. Time: median seconds per picture on the CPU that measured, the map's "
    "estimation left out.",
)
MAP_PROTOCOL = (
    "Maps are told to the deconvolution as radii of disks, on the stored values; it is "
    f"`{DECONVOLUTION}` with a weight of {DECONVOLUTION_OPTIONS['weight']:.0f}. The paper doesn't say which method, "
    "kernel or weight it uses; these were chosen on four scenes of `pixel4_dp/4` under the set's own map.",
    "Rank correlation: Spearman's rho between the estimated and the known radii. The map of `pixel4_dp` is in a unit "
    "of its own, 0 meaning unknown. It is taken as it is: in all 8 scenes everything lies behind the plane of focus, "
    "and the parallax between the views grows in proportion to the map, from 0 at a map of about 0. Known pixels "
    "count, and no others.",
)
TRAINING_NOTE = (
    "The paper trains on 7,000 patches of DPDD for 90 epochs. Our weights saw simulated dual-pixel photos for another "
    "number of steps: their cards say which. No photo of `pixel4_dp` or of the Kodak suite was among them."
)


@dataclass(frozen=True)
class Row:
    """A method as a line of the paper, or as one of ours.

    Attributes:
        label: As the paper prints it.
        method: Name in ``METHODS`` or of a weights file; empty where there is nothing to run.
        published: Column -> figure, for all of DPDD.
        indoor: The same for the photos taken indoors.
        outdoor: The same for those taken outdoors.
        blur: What tells the blur, as in ``Line``.
        options: Fields of the method.
        absent: As in ``Line``.
        only: Of the data sets, these alone; all where it is empty.
    """

    label: str
    method: str = ""
    published: Mapping[str, float] = field(default_factory=dict)
    indoor: Mapping[str, float] = field(default_factory=dict)
    outdoor: Mapping[str, float] = field(default_factory=dict)
    blur: str = "none"
    options: Mapping[str, Any] = field(default_factory=dict)
    absent: str = "not trained"
    only: tuple[str, ...] = ()


BLURRED = Row("blurred, as given", "identity")


def deconvolved(
    label: str,
    blur: str,
    published: Mapping[str, float] = MappingProxyType({}),
    indoor: Mapping[str, float] = MappingProxyType({}),
    outdoor: Mapping[str, float] = MappingProxyType({}),
) -> Row:
    """A row that deconvolves with the map of an estimator, or ``given``; ``indoor`` and ``outdoor`` as in ``Row``."""
    only = ("kodak24_dp",) if blur == "given" else ()
    return Row(label, DECONVOLUTION, published, indoor, outdoor, blur, DECONVOLUTION_OPTIONS, only=only)


def figures(columns: str, *values: float) -> dict[str, float]:
    """Columns, in one word each, and their figures."""
    return dict(zip(columns.split(), values, strict=True))


def table_of(
    number: int,
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    notes: Sequence[str],
    pictures: Mapping[str, Picture] | None = None,
) -> PublishedTable:
    """One of the tables: every row on every data set."""
    sets = (*DATA, *MORE_DATA)
    with_maps = any(row.blur not in ("none", "given") for row in rows)
    return PublishedTable(
        name=f"learnable_blur_kernel_defocusgan:{number}",
        title=title,
        source=f"{PAPER}, Table {number}, on DPDD",
        label_head="method",
        columns=tuple(columns),
        lines=tuple(_line(row, data, columns) for data in sets for row in rows if data in (row.only or sets)),
        data=DATA,
        more_data=MORE_DATA,
        truncated=False,
        protocol=(*PICTURES, *(MAP_PROTOCOL if with_maps else ())),
        notes=(*notes, TRAINING_NOTE, "Lines without a published figure aren't in the paper."),
        pictures=pictures or {},
        page=page,
        measure=measure,
    )


def _line(row: Row, data: str, columns: Sequence[Column]) -> Line:
    figures = {"dpdd": row.published, "dpdd/indoor": row.indoor, "dpdd/outdoor": row.outdoor}.get(data, {})
    shown = [column.name for column in columns if column != SPEARMAN or row.blur not in ("none", "given")]
    return Line(
        f"{row.label} | {data}",
        tuple(figures.get(name) for name in shown) if figures else (),
        row.method,
        row.options,
        own_threads=row.method != DECONVOLUTION,
        absent=row.absent,
        data=data,
        blur=row.blur,
        columns=tuple(shown),
    )
