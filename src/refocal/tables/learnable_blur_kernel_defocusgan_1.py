"""Table 1 of learnable_blur_kernel_defocusgan: methods that restore one photo."""

from __future__ import annotations

from refocal.tables.learnable_blur_kernel_defocusgan import (
    BLURRED,
    PARAMETERS,
    QUALITY,
    SECONDS,
    SPEARMAN,
    Row,
    deconvolved,
    figures,
    table_of,
)
from refocal.tables.learnable_blur_kernel_defocusgan_pictures import figure_3
from refocal.tables.published import PublishedTable

_ALL, _PART = "psnr ssim mae lpips parameters", "psnr ssim lpips"
_NO_NETWORK = "psnr ssim mae lpips"

ROWS = (
    BLURRED,
    deconvolved(
        "JNB",
        "jnb",
        figures(_NO_NETWORK, 23.28, 0.706, 0.049, 0.232),
        indoor=figures(_PART, 25.52, 0.784, 0.188),
        outdoor=figures(_PART, 21.16, 0.632, 0.274),
    ),
    deconvolved(
        "EBDB",
        "ebdb",
        figures(_NO_NETWORK, 23.47, 0.708, 0.049, 0.368),
        indoor=figures(_PART, 25.83, 0.790, 0.326),
        outdoor=figures(_PART, 21.21, 0.631, 0.407),
    ),
    deconvolved(
        "DMENet",
        "dmenet",
        figures(_ALL, 23.55, 0.720, 0.049, 0.360, 26.94),
        indoor=figures(_PART, 25.70, 0.789, 0.315),
        outdoor=figures(_PART, 21.51, 0.655, 0.402),
    ),
    Row(
        "DPDNet (single)",
        "dpdnet-single",
        figures(_ALL, 24.25, 0.757, 0.044, 0.204, 35.25),
        figures(_PART, 26.52, 0.828, 0.179),
        figures(_PART, 22.08, 0.689, 0.229),
    ),
    Row(
        "IFAN",
        "",
        figures(_ALL, 25.18, 0.786, 0.041, 0.156, 10.48),
        figures(_PART, 27.80, 0.856, 0.131),
        figures(_PART, 22.70, 0.719, 0.179),
        absent="not in refocal",
    ),
    Row(
        "KPAC",
        "",
        figures(_ALL, 25.26, 0.774, 0.041, 0.161, 2.06),
        figures(_PART, 28.02, 0.852, 0.129),
        figures(_PART, 22.64, 0.702, 0.190),
        absent="not in refocal",
    ),
    Row(
        "MDPNet",
        "mdpnet",
        figures(_ALL, 25.35, 0.763, 0.040, 0.225, 46.86),
        figures(_PART, 28.02, 0.840, 0.186),
        figures(_PART, 22.82, 0.689, 0.261),
    ),
    Row(
        "Ours",
        "defocusgan",
        figures(_ALL, 25.56, 0.786, 0.039, 0.111, 4.59),
        figures(_PART, 28.31, 0.857, 0.086),
        figures(_PART, 22.94, 0.718, 0.135),
    ),
    Row("Ours, without GAN", "defocusgan-no-gan"),
    Row("Ours, light glue", "defocusgan-light"),
    Row("classical", "classical"),
    Row("default", "default"),
    Row("fast", "fast"),
)


def table() -> PublishedTable:
    """Table 1, with Fig. 3 on real scenes of our own.

    Reference: "Learnable Blur Kernel for Single-Image Defocus Deblurring in the Wild", AAAI 2023.
    """
    return table_of(
        1,
        "Restoration of single photos",
        (*QUALITY, SPEARMAN, PARAMETERS, SECONDS),
        ROWS,
        (
            "`default` and `fast` are refocal's own networks for photos of which nothing is known; `classical` is a "
            "deconvolution under the map that `default` tells.",
            "Parameters of ours are those of the networks in refocal, where a test counts them. The released program of "
            "the paper has 4.86 million, and so have our weights; with the lighter joints between the scales that are "
            "the nearest reading of the published 4.59 million it is the line of the light glue.",
            "DMENet is counted with the branches that only its training uses, as the paper does. The authors' DPDNet "
            "for one photo has 31.03 million parameters, not 35.25.",
        ),
        {"figure_3": figure_3},
    )
