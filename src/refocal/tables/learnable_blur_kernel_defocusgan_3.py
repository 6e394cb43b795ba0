"""Table 3 of learnable_blur_kernel_defocusgan: what one deconvolution makes of different estimated maps."""

from __future__ import annotations

from refocal.tables.learnable_blur_kernel_defocusgan import (
    BLURRED,
    QUALITY,
    SECONDS,
    SPEARMAN,
    deconvolved,
    figures,
    table_of,
)
from refocal.tables.published import PublishedTable

_HEADS = "psnr ssim mae lpips"

ROWS = (
    BLURRED,
    deconvolved("BaMBNet", "bambnet", figures(_HEADS, 22.56, 0.687, 0.054, 0.319)),
    deconvolved("DMENet", "dmenet", figures(_HEADS, 23.55, 0.720, 0.049, 0.360)),
    deconvolved("Ours", "dual-pixel-learned", figures(_HEADS, 23.56, 0.711, 0.049, 0.361)),
    deconvolved("D'Andres", "dandres"),
    deconvolved("EBDB", "ebdb"),
    deconvolved("the true map", "given"),
)


def table() -> PublishedTable:
    """Table 3.

    Reference: "Learnable Blur Kernel for Single-Image Defocus Deblurring in the Wild", AAAI 2023.
    """
    return table_of(
        3,
        "Deconvolution with estimated maps",
        (*QUALITY, SPEARMAN, SECONDS),
        ROWS,
        (
            "Ours and BaMBNet see both views of a photo, the other estimators see one photo. The true map is known of "
            "`kodak24_dp` alone; it is told with the rings that blurred the photos, the estimated ones as disks.",
        ),
    )
