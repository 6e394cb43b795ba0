"""Table 1 of Karaali and Jung 2022: what each way of restoring makes of the true blur map, and of estimated ones."""

from __future__ import annotations

from dataclasses import dataclass

from refocal.methods import METHODS
from refocal.tables.map_grid import BLIND, DECONVOLUTION, GTB, MAP_ERROR, MAPS, SVBR, label, page
from refocal.tables.map_pictures import figure_3, figure_3_dandres
from refocal.tables.published import Column, Line, PublishedTable

PAPER = 'A. Karaali, C. R. Jung, "SVBR-Net: A Non-Blind Spatially Varying Defocus Blur Removal Network", ICIP 2022'
COLUMNS = (
    Column("ssim", "SSIM", "ssim-gaussian11"),
    Column("psnr", "PSNR (dB)", "psnr"),
    Column("ssim_uniform7", "SSIM, 7 × 7", "ssim"),
    Column("q", "Q", "q"),
    Column("map_mae", "MAE of the map (px)", "map-mae"),
)
_RESTORED = ("ssim", "psnr", "ssim_uniform7", "q")
_DATA = ("kodak22", "dandres")


@dataclass(frozen=True)
class _Row:
    """A method under every map.

    Attributes:
        label: As on the page.
        method: Name in ``METHODS``.
        published: SSIM and PSNR with the true map and the five estimated ones, in the order of ``MAPS``.
        own_threads: As in ``Line``.
        absent: As in ``Line``.
    """

    label: str
    method: str
    published: tuple[tuple[float, float], ...] = ()
    own_threads: bool = False
    absent: str = "not trained"


_ROWS = (
    _Row(
        "Zhang 2016 [24]",
        "zhang-superpixel",
        ((0.756, 22.06), (0.776, 23.39), (0.725, 20.99), (0.756, 21.71), (0.754, 21.63), (0.781, 23.68)),
        absent="not in refocal",
    ),
    _Row(
        DECONVOLUTION,
        "levin-krishnan",
        ((0.885, 27.69), (0.862, 26.45), (0.788, 23.83), (0.833, 25.72), (0.865, 26.61), (0.803, 24.65)),
        absent="not in refocal",
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


def table() -> PublishedTable:
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
            "what a map costs, not the decibels.",
            "**`dandres`**: the paper's 22 photos, which their authors give out on request. With `sharp_01.png` ... and "
            "`map_01.mat` ... beside `image_01.png` ... in the folder `dandres` of the data root they are measured here as "
            "well, without their last 20 columns, as the paper does.",
            "Estimated maps are made from the blurred picture by the estimators' own defaults and cut to 6 px, where the "
            "paper's table from Gaussians to disks ends. MAE: mean absolute difference of the radii, sharp being 0.",
            "Restored pictures are clipped, multiplied by 255 and truncated to 8 bits, as the authors' program does. All "
            "channels, all pixels. PSNR: mean of the decibels of each picture. SSIM: Gaussian window of 11 × 11 pixels "
            "(`tf.image.ssim`, the loss that the paper trains with; it doesn't say what it measures with); the CSV file "
            "also has that of scikit-image (uniform 7 × 7) and Q.",
            "Measured are the methods themselves; `refocal deblur` holds back what is made of an estimated map.",
            "Nobody tells the blind lines the blur. They restore as `refocal deblur` does without options.",
        ),
        notes=(
            "Zhang's superpixels, the two deconvolutions of [22] & [23] and the estimators of D'Andres and of Liu are our "
            "stand-ins: none was published as a program, and the settings aren't in the paper.",
            f"The paper's blind method is the network of Ma et al. 2022. Ours in its line is `default`: "
            f"{METHODS['default'].about}.",
            "EBDB and Zhuo & Sim run with refocal's own defaults, which were chosen on Kodak photos, so that the comparison "
            "between estimators leans towards them; `Ebdb(luma_exponent=2.4, max_radius_px=9.45)` is nearly the authors'.",
            "The published errors of the maps may be in radii or in sigmas of Gaussians: the paper doesn't say, and the "
            "authors' demonstration turns true radii into sigmas before it shows both. Sigmas that an estimator finds "
            "become radii by the authors' table, between whose entries refocal interpolates.",
            "JNB, Zhang's estimator, hyper-Laplacian, Richardson-Lucy and the sharpness U-Net aren't in the paper's table.",
        ),
        pictures={"figure_3": figure_3, "figure_3_dandres": figure_3_dandres},
        page=page,
    )


def _lines(data: str) -> tuple[Line, ...]:
    estimators = [name for name in MAPS if name != "given"]
    # The pictures themselves are left alone in these lines: only the map is scored.
    errors = [
        Line(
            label(MAP_ERROR, name, data), (mae,) if mae else (), "identity", data=data, blur=name, columns=("map_mae",)
        )
        for name, mae in zip(estimators, (*_MAE, *[None] * (len(estimators) - len(_MAE))), strict=True)
    ]
    blurred = Line(
        label("blurred, as given", "none", data), method="identity", data=data, blur="given", columns=_RESTORED
    )
    restored = [
        Line(
            label(row.label, name, data),
            (*row.published[place], None, None) if place < len(row.published) else (),
            row.method,
            own_threads=row.own_threads,
            absent=row.absent,
            data=data,
            blur=name,
            columns=_RESTORED,
        )
        for row in _ROWS
        for place, name in enumerate(MAPS)
    ]
    blind = [
        Line(label(name, "none", data), figures, method, own_threads=True, data=data, blur="none", columns=_RESTORED)
        for name, method, figures in (
            (BLIND, "default", (0.855, 26.08, None, None)),
            ("sharpness U-Net, blind", "sharpness-unet", ()),
        )
    ]
    return (*errors, blurred, *restored, *blind)
