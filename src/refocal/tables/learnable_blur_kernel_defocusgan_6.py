"""Table 6 of learnable_blur_kernel_defocusgan: two generators and three adversarial losses."""

from __future__ import annotations

from refocal.tables.learnable_blur_kernel_defocusgan import BLURRED, QUALITY, SECONDS, Row, figures, table_of
from refocal.tables.published import PublishedTable

_HEADS = "psnr ssim mae lpips"


def _ours(label: str, weights: str, *published: float) -> Row:
    return Row(label, "defocusgan", figures(_HEADS, *published), options={"weights": weights})


ROWS = (
    BLURRED,
    Row("FPN generator, original adversarial loss", "deblurgan-v2", figures(_HEADS, 24.23, 0.746, 0.045, 0.150)),
    _ours("Ours, original adversarial loss", "defocusgan-original-loss", 25.31, 0.780, 0.040, 0.149),
    _ours("Ours, doubleGAN loss", "defocusgan-double-loss", 24.92, 0.763, 0.041, 0.132),
    _ours("Ours, defocus adversarial loss", "defocusgan-defocus-loss", 25.42, 0.784, 0.039, 0.160),
    Row("Ours, defocus adversarial and perceptual loss", "defocusgan"),
)


def table() -> PublishedTable:
    """Table 6.

    Reference: "Learnable Blur Kernel for Single-Image Defocus Deblurring in the Wild", AAAI 2023.
    """
    return table_of(
        6,
        "Generators and adversarial losses",
        (*QUALITY, SECONDS),
        ROWS,
        (
            "The published lines are those of networks without the perceptual loss, to judge by their LPIPS; the "
            "weights that refocal ships are trained with it and stand in the last line.",
            "Train a line's network, export it, and name the folder of its file with --weights-dir: "
            "deblurgan-v2.onnx, defocusgan-original-loss.onnx, defocusgan-double-loss.onnx, "
            "defocusgan-defocus-loss.onnx.",
        ),
    )
