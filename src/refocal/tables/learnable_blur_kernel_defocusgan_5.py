"""Table 5 of learnable_blur_kernel_defocusgan: maps that were learned with fixed kernels, and with learned ones."""

from __future__ import annotations

from refocal.tables.kernel_pictures import figure_6
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

_HEADS = "psnr ssim mae"

ROWS = (
    BLURRED,
    deconvolved("Gaussian", "dual-pixel-map-gaussian", figures(_HEADS, 22.56, 0.687, 0.054)),
    deconvolved("Butterworth", "dual-pixel-map-butterworth", figures(_HEADS, 23.31, 0.702, 0.049)),
    deconvolved("Ours (learnable)", "dual-pixel-learned", figures(_HEADS, 23.56, 0.711, 0.049)),
)


def table() -> PublishedTable:
    """Table 5, with Fig. 6.

    Reference: "Learnable Blur Kernel for Single-Image Defocus Deblurring in the Wild", AAAI 2023.
    """
    return table_of(
        5,
        "Deconvolution with maps that were learned with different kernels",
        (*QUALITY, SPEARMAN, SECONDS),
        ROWS,
        (
            "The published line of the Gaussian kernels is that of BaMBNet in Table 3, figure by figure.",
            "Of the three only the learned kernels' map is shipped. Train another, export it, and name the folder of "
            "dual-pixel-map-gaussian.onnx or dual-pixel-map-butterworth.onnx with --weights-dir.",
        ),
        {"figure_6": figure_6},
    )
