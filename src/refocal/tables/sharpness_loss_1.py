"""Table I of Aurangabadkar et al. 2024: what the weight beta of the sharpness loss does, on the Kodak photos."""

from __future__ import annotations

from refocal.tables.pictures import beta_strip
from refocal.tables.published import Line, PublishedTable
from refocal.tables.sharpness_loss import LPIPS_NOTE, PAPER, QUALITY, SCORED, TRAINING_NOTE

# beta, method, PSNR, SSIM, Q, LPIPS
_PUBLISHED = (
    ("0", "sharpness-unet-beta-0", (35.069, 0.944, 0.153, 0.127)),
    ("0.001", "sharpness-unet-beta-0.001", (35.102, 0.945, 0.152, 0.117)),
    ("0.01", "sharpness-unet", (35.101, 0.945, 0.154, 0.117)),
    ("0.05", "sharpness-unet-beta-0.05", (34.844, 0.945, 0.166, 0.122)),
    ("0.1", "sharpness-unet-beta-0.1", (33.641, 0.940, 0.183, 0.127)),
)


def table() -> PublishedTable:
    """Table I, with Fig. 3.

    Reference: Aurangabadkar, Ramsook, Kokaram, "A Sharpness Based Loss Function for Removing Out-of-Focus Blur", MMSP
        2024.
    """
    return PublishedTable(
        name="sharpness_loss:I",
        title="Sharpness U-Net after fine-tuning with L1 - β Q, Kodak24",
        source=f"{PAPER}, Table I",
        label_head="β",
        columns=QUALITY,
        lines=(
            Line("blurred, as given", method="identity"),
            *(Line(beta, figures, method, own_threads=True) for beta, method, figures in _PUBLISHED),
        ),
        data=("kodak24:mean5",),
        truncated=True,
        protocol=(
            "Central 128 × 128 pixels of the 24 Kodak photos, luma (BT.601, truncated to 8 bits); blurred by the mean of "
            "5 × 5 pixels with mirrored edges, rounded to 8 bits.",
            *SCORED,
        ),
        notes=(
            "The first line, the blurred crops untouched, isn't in the paper.",
            "Q grows with ringing as well as with sharpness; the sharp crops themselves score 0.144.",
            TRAINING_NOTE,
            LPIPS_NOTE,
        ),
        pictures={"figure_3": beta_strip},
    )
