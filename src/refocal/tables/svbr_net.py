"""Table 1 of Karaali and Jung 2022: every method with the true blur map and with estimated ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from refocal.methods import METHODS
from refocal.tables.by_map import Grid
from refocal.tables.published import Column, Line, PublishedTable
from refocal.tables.svbr_net_figures import figure_3, figure_3_dandres

PAPER = 'A. Karaali, C. R. Jung, "SVBR-Net: A Non-Blind Spatially Varying Defocus Blur Removal Network", ICIP 2022'
COLUMNS = (
    Column("ssim", "SSIM", "ssim-gaussian11"),
    Column("psnr", "PSNR (dB)", "psnr"),
    Column("ssim_uniform7", "SSIM, 7 × 7", "ssim"),
    Column("q", "Q", "q"),
    Column("map_mae", "MAE of the map (px)", "map-mae"),
)
MAPS = {
    "given": "GT map",
    "dandres": "D'Andres [9]",
    "zhuo-sim": "Zhuo & Sim [10]",
    "ebdb": "EBDB [11]",
    "liu": "Liu [12]",
    "dmenet": "DMENet [13]",
    "jnb": "JNB",
    "zhang": "Zhang",
}
"""Blur of a line -> head of its column."""

PAPER_MAPS = ("dandres", "zhuo-sim", "ebdb", "liu", "dmenet")
"""The estimators of the paper: its claims are about these."""

DECONVOLUTION, GTB, SVBR, BLIND = "[22] & [23]", "SVBR-Net GTB", "SVBR-Net", "[8], blind; ours: default"
DECONVOLUTIONS = ("Zhang 2016 [24]", DECONVOLUTION, "hyper-laplacian", "Richardson-Lucy")
MAX_LOSS_DB, MIN_LOSS_DB = 0.3, 2.0  # SVBR-Net loses 0.21 dB in the paper's table, without its training maps 4.22 dB
MAX_RADIUS_PX = 6.0  # the end of D'Andres et al.'s table from Gaussians to disks, by which the papers convert estimates
_RESTORED = ("ssim", "psnr", "ssim_uniform7", "q")
_DATA = ("kodak22", "dandres")


@dataclass(frozen=True)
class _Row:
    """A method under every map.

    Attributes:
        name: Name of the row.
        method: Key in ``METHODS``.
        published: SSIM and PSNR with the true map and the five estimated ones, in the order of ``MAPS``.
        own_threads: As in ``Line``.
    """

    name: str
    method: str
    published: tuple[tuple[float, float], ...] = ()
    own_threads: bool = False


_ROWS = (
    _Row(
        "Zhang 2016 [24]",
        "zhang-superpixel",
        ((0.756, 22.06), (0.776, 23.39), (0.725, 20.99), (0.756, 21.71), (0.754, 21.63), (0.781, 23.68)),
    ),
    _Row(
        DECONVOLUTION,
        "levin-krishnan",
        ((0.885, 27.69), (0.862, 26.45), (0.788, 23.83), (0.833, 25.72), (0.865, 26.61), (0.803, 24.65)),
    ),
    _Row(
        GTB,
        "svbr-net-gtb",
        ((0.900, 26.45), (0.876, 25.47), (0.732, 22.23), (0.824, 24.62), (0.881, 25.79), (0.765, 23.49)),
        own_threads=True,
    ),
    _Row(
        SVBR,
        "svbr-net",
        ((0.902, 26.62), (0.901, 26.59), (0.894, 26.41), (0.898, 26.52), (0.901, 26.57), (0.897, 26.43)),
        own_threads=True,
    ),
    _Row("hyper-laplacian", "hyper-laplacian"),
    _Row("Richardson-Lucy", "richardson-lucy"),
)
_MAE = (0.197, 0.589, 0.378, 0.172, 0.565)  # of the five estimated maps, in the order of ``MAPS``


def table_1() -> PublishedTable:
    """Table 1, with Fig. 3.

    Reference: Karaali and Jung, "SVBR-Net: A Non-Blind Spatially Varying Defocus Blur Removal Network", ICIP 2022.
    """
    return PublishedTable(
        name="svbr_net:1",
        title="Restoration with true and with estimated blur maps",
        source=f"{PAPER}, Table 1",
        label_head="method",
        columns=COLUMNS,
        lines=tuple(line for data in _DATA for line in _lines(data)),
        data=("kodak22",),
        more_data=("dandres",),
        truncated=True,
        protocol=(
            "**`kodak22`**: 22 Kodak photos cropped to 360 × 340 pixels, each blurred by a map of the 13 kinds of the "
            "paper's training data (disks of 0.75 to 6 px, sharp where the map is 0), on the stored sRGB values, edges "
            "replicated, truncated to 8 bits. The maps are known exactly. **Not the paper's pictures**: compare "
            "the cost of a map, not the decibels.",
            "**`dandres`**: the paper's 22 photos, which their authors give out on request. With `sharp_01.png` ... "
            "and `map_01.mat` ... beside `image_01.png` ... in the folder `dandres` of the data root they are "
            "measured here as well, without their last 20 columns, as in the paper.",
            "Estimated maps are made from the blurred image with the estimators' defaults and cut to 6 px, where the "
            "paper's table from Gaussians to disks ends. MAE: mean absolute difference of the radii, sharp being 0.",
            "Restored images are clipped, multiplied by 255 and truncated to 8 bits, as in the authors' program. All "
            "channels, all pixels. PSNR: mean of the decibels of each image. SSIM: Gaussian window of 11 × 11 pixels "
            "(`tf.image.ssim`, the loss of the paper's training; the paper doesn't name the one it measures with); the "
            "CSV file also has that of scikit-image (uniform 7 × 7) and Q.",
            "The methods themselves are measured; `refocal deblur` attenuates the result of an estimated map.",
            "The blind lines get no blur. They restore as `refocal deblur` does without options.",
        ),
        notes=(
            "Zhang's superpixels, the two deconvolutions of [22] & [23] and the estimators of D'Andres and of Liu are "
            "our own implementations: no program of them was published, and the settings aren't in the paper.",
            "The paper's blind method is the network of Ma et al. 2022. Ours in its line is `default`: "
            f"{METHODS['default'].about}.",
            "EBDB and Zhuo & Sim run with refocal's own defaults, which were chosen on Kodak photos, so the comparison "
            "between estimators is biased towards them; `Ebdb(luma_exponent=2.4, max_radius_px=9.45)` is nearly the "
            "authors'.",
            "The published errors of the maps may be in radii or in sigmas of Gaussians: the paper doesn't say, and "
            "the authors' demonstration converts true radii into sigmas before it shows both. Estimated sigmas become "
            "radii by the authors' table, interpolated between its entries.",
            "JNB, Zhang's estimator, hyper-Laplacian, Richardson-Lucy and the sharpness U-Net aren't in the paper's "
            "table.",
        ),
        pictures={"figure_3": figure_3, "figure_3_dandres": figure_3_dandres},
        layout="by-map",
        max_radius_px=MAX_RADIUS_PX,
        blur_heads=MAPS,
        compared=PAPER_MAPS,
        claims=claims,
    )


def _lines(data: str) -> tuple[Line, ...]:
    def label(row: str, head: str) -> str:
        return f"{row} | {head} | {data}"

    estimators = [name for name in MAPS if name != "given"]
    # The images themselves are left unchanged in these lines: only the map is scored.
    errors = [
        Line(
            label("MAE of the map", name),
            (mae,) if mae else (),
            "identity",
            data=data,
            blur=name,
            columns=("map_mae",),
            row="MAE of the map",
        )
        for name, mae in zip(estimators, (*_MAE, *[None] * (len(estimators) - len(_MAE))), strict=True)
    ]
    blurred = Line(
        label("blurred, as given", "none"),
        method="identity",
        data=data,
        columns=_RESTORED,
        row="blurred, as given",
        blur_head="none",
    )
    restored = [
        Line(
            label(row.name, name),
            (*row.published[place], None, None) if place < len(row.published) else (),
            row.method,
            own_threads=row.own_threads,
            data=data,
            blur=name,
            columns=_RESTORED,
            row=row.name,
        )
        for row in _ROWS
        for place, name in enumerate(MAPS)
    ]
    blind = [
        Line(
            label(row, "none"),
            figures,
            method,
            run="restore",
            own_threads=True,
            data=data,
            blur="none",
            columns=_RESTORED,
            row=row,
        )
        for row, method, figures in (
            (BLIND, "default", (0.855, 26.08, None, None)),
            ("sharpness U-Net, blind", "sharpness-unet", ()),
        )
    ]
    return (*errors, blurred, *restored, *blind)


def claims(grid: Grid) -> list[str]:
    """The claims of the paper, a sentence each, and whether our figures support them."""
    deconvolved = {
        f"{row} with {MAPS[blur]}": figure
        for row in DECONVOLUTIONS
        for blur in PAPER_MAPS
        if (figure := grid.ours(row, blur, "ssim")) is not None
    }
    similar = {blur: figure for blur in PAPER_MAPS if (figure := grid.ours(SVBR, blur, "ssim")) is not None}
    above = "Its SSIM with any estimated map is above every deconvolution's: "
    if similar and deconvolved:
        least, best = min(similar, key=similar.__getitem__), max(deconvolved, key=deconvolved.__getitem__)
        above += (
            f"at least {similar[least]:.3f} ({MAPS[least]}) against at most {deconvolved[best]:.3f} ({best}); "
            f"{len(similar)} of {len(PAPER_MAPS)} estimators; published 0.894 against 0.865. "
            f"**{_verdict(similar[least] > deconvolved[best])}**"
        )
    else:
        above += "**not measured.**"
    return [
        _loss(grid, SVBR, f"loses at most {MAX_LOSS_DB} dB", lambda lost: lost <= MAX_LOSS_DB),
        _loss(grid, GTB, f"loses more than {MIN_LOSS_DB:.0f} dB", lambda lost: lost > MIN_LOSS_DB),
        above,
    ]


def _loss(grid: Grid, row: str, claim: str, holds: Callable[[float], bool]) -> str:
    true = grid.ours(row, "given", "psnr")
    estimated = {blur: figure for blur in PAPER_MAPS if (figure := grid.ours(row, blur, "psnr")) is not None}
    theirs = f"published {-(grid.cost(grid.published, row, 'psnr') or 0):.2f} dB."
    start = f"{row} {claim} between the true map and the worst estimated one: "
    if true is None or not estimated:
        return f"{start}**not measured**; {theirs}"
    worst = min(estimated, key=estimated.__getitem__)
    lost = true - estimated[worst]
    return (
        f"{start}{lost:.2f} dB ({MAPS[worst]}, {len(estimated)} of {len(PAPER_MAPS)} estimators); {theirs} "
        f"**{_verdict(holds(lost))}**{_beyond(grid, row, true, lost)}"
    )


def _beyond(grid: Grid, row: str, true: float, lost: float) -> str:
    """A sentence if an estimator that isn't in the paper costs more than all of the paper's."""
    more = {
        blur: true - figure
        for blur in MAPS
        if blur not in ("given", *PAPER_MAPS) and (figure := grid.ours(row, blur, "psnr")) is not None
    }
    worst = max(more, key=more.__getitem__, default="given")
    if more.get(worst, 0.0) <= lost:
        return ""
    return f" With the map of {MAPS[worst]}, which isn't in the paper, it loses {more[worst]:.2f} dB."


def _verdict(holds: bool) -> str:
    return "Holds." if holds else "Doesn't hold."
