"""Table 2 of learnable_blur_kernel_defocusgan: DefocusGAN, of one photo, beside networks that see both its views."""

from __future__ import annotations

from refocal.tables.learnable_blur_kernel_defocusgan import (
    BLURRED,
    PARAMETERS,
    QUALITY,
    SECONDS,
    Row,
    figures,
    table_of,
)
from refocal.tables.published import PublishedTable

_HEADS = "psnr ssim mae lpips"

ROWS = (
    BLURRED,
    Row("DPDNet (DP views)", "", figures(_HEADS, 25.13, 0.786, 0.041, 0.223), absent="not trained"),
    Row("RDPDNet", "", figures(_HEADS, 25.39, 0.772, 0.040, 0.179), absent="not in refocal"),
    Row("Ours", "defocusgan", figures(_HEADS, 25.56, 0.786, 0.039, 0.111)),
)


def table() -> PublishedTable:
    """Table 2.

    Reference: "Learnable Blur Kernel for Single-Image Defocus Deblurring in the Wild", AAAI 2023.
    """
    return table_of(
        2,
        "One photo against both of its dual-pixel views",
        (*QUALITY, PARAMETERS, SECONDS),
        ROWS,
        ("The published LPIPS of DPDNet is the literature's, of AlexNet; the others are of SqueezeNet.",),
    )
