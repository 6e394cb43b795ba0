"""The six tables of learnable_blur_kernel_defocusgan: a line per method and data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from refocal.tables.learnable_blur_kernel_defocusgan_figures import figure_3
from refocal.tables.learnable_blur_kernel_defocusgan_notes import (
    DUAL_PIXEL_FOOTNOTE,
    MAP_PROTOCOL,
    MIXED_FOOTNOTE,
    NOTES,
    PAPER,
    PICTURES,
    TRAINING_NOTE,
)
from refocal.tables.learned_kernels_figure import figure_6
from refocal.tables.published import Column, Line, Picture, PublishedTable

DATA = ("pixel4_dp/4", "pixel4_dp/2", "kodak24_dp")
MORE_DATA = ("dpdd", "dpdd/indoor", "dpdd/outdoor")
"""The paper's own photos; measured where the user has them."""

QUALITY = (
    Column("psnr", "PSNR (dB)", "psnr"),
    Column("ssim", "SSIM", "ssim"),
    Column("mae", "MAE", "mae"),
    Column("lpips", "LPIPS", "lpips"),
)
SPEARMAN = Column("spearman", "map: rank correlation", "spearman")
PARAMETERS = Column("parameters", "parameters (M)")
SECONDS = Column("seconds", "time (s)")
MAX_RADIUS_PX = 255.0  # the maximum of a map's 16-bit file

# The paper names "the deconvolution method" of Fish et al. 1995 and Krishnan & Fergus 2009, but not which of them, nor
# the kernel or the weight. On four scenes of pixel4_dp/4 under the set's own map, of 4.4 px at most: hyper-laplacian
# with disks 27.95 dB at a weight of 500, 27.67 at 2000, with rings 27.10 and 25.28; levin-krishnan at 2000 27.42 and
# 24.50.
DECONVOLUTION = "hyper-laplacian"
DECONVOLUTION_OPTIONS = {"weight": 500.0}

L1: Mapping[str, float | None] = MappingProxyType({"l1": None})
L1_LP: Mapping[str, float | None] = MappingProxyType({"l1": None, "perceptual": None})
L1_GAN: Mapping[str, float | None] = MappingProxyType({"l1": None, "adversarial": None})
L1_LP_GAN: Mapping[str, float | None] = MappingProxyType({"l1": None, "perceptual": None, "adversarial": None})


@dataclass(frozen=True)
class Row:
    """A method as a row of the paper, or as one of ours.

    Attributes:
        name: Name of the row, as in the paper.
        method: Key in ``METHODS`` or name of a weights file; empty where there is nothing to run.
        published: Column -> figure, for all of DPDD.
        indoor: The same for the photos taken indoors.
        outdoor: The same for those taken outdoors.
        blur: As in ``Line``.
        options: Fields of the method.
        absent: As in ``Line``.
        only: Data sets that the row is measured on; all where it is empty.
        loss: As in ``Line``.
        footnote: As in ``Line``.
    """

    name: str
    method: str = ""
    published: Mapping[str, float] = field(default_factory=dict)
    indoor: Mapping[str, float] = field(default_factory=dict)
    outdoor: Mapping[str, float] = field(default_factory=dict)
    blur: str = "none"
    options: Mapping[str, Any] = field(default_factory=dict)
    absent: str = "not trained"
    only: tuple[str, ...] = ()
    loss: Mapping[str, float | None] = field(default_factory=dict)
    footnote: str = ""


def _figures(columns: str, *values: float) -> dict[str, float]:
    """Column names, separated by spaces, and their figures."""
    return dict(zip(columns.split(), values, strict=True))


def _deconvolved(name: str, blur: str, *figures: Mapping[str, float], footnote: str = "") -> Row:
    """A row that deconvolves with the map of an estimator, or the given one; figures of all, indoor and outdoor."""
    only = ("kodak24_dp",) if blur == "given" else ()
    every, indoor, outdoor = (*figures, {}, {}, {})[:3]
    return Row(name, DECONVOLUTION, every, indoor, outdoor, blur, DECONVOLUTION_OPTIONS, only=only, footnote=footnote)


def _network(name: str, weights: str, figures: Mapping[str, float], loss: Mapping[str, float | None]) -> Row:
    """A row that runs DefocusGAN with the weights of an ablation."""
    return Row(name, "defocusgan", figures, options={"weights": weights}, loss=loss)


_ALL, _PART, _FOUR, _THREE = "psnr ssim mae lpips parameters", "psnr ssim lpips", "psnr ssim mae lpips", "psnr ssim mae"
_BLURRED = Row("blurred, as given", "identity")
_JNB = (_figures(_FOUR, 23.28, 0.706, 0.049, 0.232), _figures(_PART, 25.52, 0.784, 0.188))
_EBDB = (_figures(_FOUR, 23.47, 0.708, 0.049, 0.368), _figures(_PART, 25.83, 0.790, 0.326))
_DMENET = (_figures(_ALL, 23.55, 0.720, 0.049, 0.360, 26.94), _figures(_PART, 25.70, 0.789, 0.315))

_SINGLE = (
    _BLURRED,
    _deconvolved("JNB", "jnb", *_JNB, _figures(_PART, 21.16, 0.632, 0.274)),
    _deconvolved("EBDB", "ebdb", *_EBDB, _figures(_PART, 21.21, 0.631, 0.407)),
    _deconvolved("DMENet", "dmenet", *_DMENET, _figures(_PART, 21.51, 0.655, 0.402)),
    Row(
        "DPDNet (single)",
        "dpdnet-single",
        _figures(_ALL, 24.25, 0.757, 0.044, 0.204, 35.25),
        _figures(_PART, 26.52, 0.828, 0.179),
        _figures(_PART, 22.08, 0.689, 0.229),
    ),
    Row(
        "IFAN",
        "",
        _figures(_ALL, 25.18, 0.786, 0.041, 0.156, 10.48),
        _figures(_PART, 27.80, 0.856, 0.131),
        _figures(_PART, 22.70, 0.719, 0.179),
        absent="not in refocal",
    ),
    Row(
        "KPAC",
        "",
        _figures(_ALL, 25.26, 0.774, 0.041, 0.161, 2.06),
        _figures(_PART, 28.02, 0.852, 0.129),
        _figures(_PART, 22.64, 0.702, 0.190),
        absent="not in refocal",
    ),
    Row(
        "MDPNet",
        "mdpnet",
        _figures(_ALL, 25.35, 0.763, 0.040, 0.225, 46.86),
        _figures(_PART, 28.02, 0.840, 0.186),
        _figures(_PART, 22.82, 0.689, 0.261),
    ),
    Row(
        "Ours",
        "defocusgan",
        _figures(_ALL, 25.56, 0.786, 0.039, 0.111, 4.59),
        _figures(_PART, 28.31, 0.857, 0.086),
        _figures(_PART, 22.94, 0.718, 0.135),
        footnote=MIXED_FOOTNOTE,
    ),
    Row("Ours, L1 only", "defocusgan-no-gan", loss=L1),
    Row("Ours, light glue", "defocusgan-light"),
    Row("classical", "classical"),
    Row("default", "default"),
    Row("fast", "fast"),
)
_TWO_VIEWS = (
    _BLURRED,
    Row("DPDNet (DP views)", "", _figures(_FOUR, 25.13, 0.786, 0.041, 0.223)),
    Row("RDPDNet", "", _figures(_FOUR, 25.39, 0.772, 0.040, 0.179), absent="not in refocal"),
    Row("Ours", "defocusgan", _figures(_FOUR, 25.56, 0.786, 0.039, 0.111), footnote=MIXED_FOOTNOTE),
)
_MAPS = (
    _BLURRED,
    _deconvolved("BaMBNet", "bambnet", _figures(_FOUR, 22.56, 0.687, 0.054, 0.319)),
    _deconvolved("DMENet", "dmenet", _figures(_FOUR, 23.55, 0.720, 0.049, 0.360)),
    _deconvolved(
        "Ours", "dual-pixel-learned", _figures(_FOUR, 23.56, 0.711, 0.049, 0.361), footnote=DUAL_PIXEL_FOOTNOTE
    ),
    _deconvolved("D'Andres", "dandres"),
    _deconvolved("EBDB", "ebdb"),
    _deconvolved("the true map", "given"),
)
_PARTS = (
    _BLURRED,
    _network("Base", "defocusgan-base", _figures(_PART, 24.73, 0.762, 0.199), L1),
    _network("Base+RCAB", "defocusgan-rcab", _figures(_PART, 25.10, 0.771, 0.196), L1),
    _network("Base+RCAB+DGB", "defocusgan-guided", _figures(_PART, 25.30, 0.782, 0.178), L1),
    _network("Base+RCAB+DGB+MS", "defocusgan-multi-scale", _figures(_PART, 25.47, 0.786, 0.172), L1),
    _network("Base+RCAB+DGB+MS+Lp", "defocusgan-no-gan", _figures(_PART, 25.44, 0.783, 0.115), L1_LP),
    _network("Base+RCAB+DGB+MS+Lp+GAN", "defocusgan", _figures(_PART, 25.56, 0.786, 0.111), L1_LP_GAN),
)
_KERNELS = (
    _BLURRED,
    _deconvolved("Gaussian", "dual-pixel-map-gaussian", _figures(_THREE, 22.56, 0.687, 0.054)),
    _deconvolved("Butterworth", "dual-pixel-map-butterworth", _figures(_THREE, 23.31, 0.702, 0.049)),
    _deconvolved(
        "Ours (learnable)", "dual-pixel-learned", _figures(_THREE, 23.56, 0.711, 0.049), footnote=DUAL_PIXEL_FOOTNOTE
    ),
)
_LOSSES = (
    _BLURRED,
    Row("FPN generator, original adversarial loss", "deblurgan-v2", _figures(_FOUR, 24.23, 0.746, 0.045, 0.150)),
    _network(
        "Ours, original adversarial loss",
        "defocusgan-original-loss",
        _figures(_FOUR, 25.31, 0.780, 0.040, 0.149),
        L1_GAN,
    ),
    _network("Ours, doubleGAN loss", "defocusgan-double-loss", _figures(_FOUR, 24.92, 0.763, 0.041, 0.132), L1_GAN),
    _network(
        "Ours, defocus adversarial loss", "defocusgan-defocus-loss", _figures(_FOUR, 25.42, 0.784, 0.039, 0.160), L1_GAN
    ),
    _network("Ours, defocus adversarial and perceptual loss", "defocusgan", {}, L1_LP_GAN),
)


def table_1() -> PublishedTable:
    """Table 1, methods that restore one photo, with Fig. 3 on real scenes of our own."""
    columns = (*QUALITY, SPEARMAN, PARAMETERS, SECONDS)
    return _table(1, "Restoration of single photos", columns, _SINGLE, {"figure_3": figure_3})


def table_2() -> PublishedTable:
    """Table 2: DefocusGAN, of one photo, beside networks that take both its views."""
    return _table(2, "One photo against both of its dual-pixel views", (*QUALITY, PARAMETERS, SECONDS), _TWO_VIEWS)


def table_3() -> PublishedTable:
    """Table 3: one deconvolution with different estimated maps."""
    return _table(3, "Deconvolution with estimated maps", (*QUALITY, SPEARMAN, SECONDS), _MAPS)


def table_4() -> PublishedTable:
    """Table 4: the gain of each part of DefocusGAN."""
    return _table(4, "The parts of DefocusGAN", (*QUALITY, SECONDS), _PARTS)


def table_5() -> PublishedTable:
    """Table 5: maps that were learned with fixed kernels, and with learned ones; with Fig. 6."""
    title = "Deconvolution with maps that were learned with different kernels"
    return _table(5, title, (*QUALITY, SPEARMAN, SECONDS), _KERNELS, {"figure_6": figure_6})


def table_6() -> PublishedTable:
    """Table 6: two generators and three adversarial losses."""
    return _table(6, "Generators and adversarial losses", (*QUALITY, SECONDS), _LOSSES)


def _table(
    number: int,
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
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
        notes=(*NOTES[number], TRAINING_NOTE, "Lines without a published figure aren't in the paper."),
        pictures=pictures or {},
        layout="by-set",
        every_line=True,
        max_radius_px=MAX_RADIUS_PX,
        disks=True,
    )


def _line(row: Row, data: str, columns: Sequence[Column]) -> Line:
    figures = {"dpdd": row.published, "dpdd/indoor": row.indoor, "dpdd/outdoor": row.outdoor}.get(data, {})
    shown = [column.name for column in columns if column != SPEARMAN or row.blur not in ("none", "given")]
    return Line(
        f"{row.name} | {data}",
        tuple(figures.get(name) for name in shown) if figures else (),
        row.method,
        row.options,
        run="restore",
        own_threads=row.method != DECONVOLUTION,
        absent=row.absent,
        data=data,
        blur=row.blur,
        columns=tuple(shown),
        row=row.name,
        loss=row.loss,
        footnote=row.footnote,
    )
