"""Table 4 of learnable_blur_kernel_defocusgan: what each part of DefocusGAN adds."""

from __future__ import annotations

from refocal.tables.learnable_blur_kernel_defocusgan import BLURRED, QUALITY, SECONDS, Row, figures, table_of
from refocal.tables.published import PublishedTable

_HEADS = "psnr ssim lpips"


def _ablation(label: str, weights: str, *published: float) -> Row:
    return Row(label, "defocusgan", figures(_HEADS, *published), options={"weights": weights})


ROWS = (
    BLURRED,
    _ablation("Base", "defocusgan-base", 24.73, 0.762, 0.199),
    _ablation("Base+RCAB", "defocusgan-rcab", 25.10, 0.771, 0.196),
    _ablation("Base+RCAB+DGB", "defocusgan-guided", 25.30, 0.782, 0.178),
    _ablation("Base+RCAB+DGB+MS", "defocusgan-multi-scale", 25.47, 0.786, 0.172),
    Row("Base+RCAB+DGB+MS+Lp", "defocusgan-no-gan", figures(_HEADS, 25.44, 0.783, 0.115)),
    Row("Base+RCAB+DGB+MS+Lp+GAN", "defocusgan", figures(_HEADS, 25.56, 0.786, 0.111)),
)


def table() -> PublishedTable:
    """Table 4.

    Reference: "Learnable Blur Kernel for Single-Image Defocus Deblurring in the Wild", AAAI 2023.
    """
    return table_of(
        4,
        "The parts of DefocusGAN",
        (*QUALITY, SECONDS),
        ROWS,
        (
            "The paper's text has lost which parts each line has, except the last one's; the parts are taken to be "
            "added in the order of the columns.",
            "Ablations aren't shipped. Train one, export it, and name the folder of its file with --weights-dir: "
            "defocusgan-base.onnx (one scale, no RCAB, no guidance, L1), defocusgan-rcab.onnx, "
            "defocusgan-guided.onnx, defocusgan-multi-scale.onnx.",
        ),
    )
