"""Table III of Aurangabadkar et al. 2024: networks on real defocus; only three scenes of its data are public."""

from __future__ import annotations

from refocal.tables.published import Line, PublishedTable
from refocal.tables.sharpness_loss import LPIPS_NOTE, PAPER, QUALITY, SCORED, SECONDS

_ELSEWHERE = "not in refocal"
_LINES = (
    Line("blurred, as given", method="identity", only="_low"),
    Line("XY-Deblur", (28.131, 0.784, 0.082, 0.668, 0.012), "xy-deblur", only="_low", own_threads=True),
    Line("IFAN", (23.728, 0.668, 0.044, 0.408, 0.022), absent=_ELSEWHERE),
    Line("Restormer", (22.594, 0.650, 0.042, 0.418, 0.066), absent=_ELSEWHERE),
    Line("Ours (w/o FT)", (28.788, 0.792, 0.079, 0.450, 0.040), "sharpness-unet-beta-0", only="_low", own_threads=True),
    Line(
        "Ours (w. FT)", (28.728, 0.792, 0.084, 0.447, 0.038), "sharpness-unet-beta-0.1", only="_low", own_threads=True
    ),
    *(
        Line(f"{label}, {level} blur", method=method, only=f"_{level}", own_threads=method != "identity")
        for level in ("medium", "high")
        for label, method in (
            ("blurred, as given", "identity"),
            ("XY-Deblur", "xy-deblur"),
            ("Ours (w/o FT)", "sharpness-unet-beta-0"),
            ("Ours (w. FT)", "sharpness-unet-beta-0.1"),
        )
    ),
)


def table() -> PublishedTable:
    """Table III, as far as its data are public.

    Reference: Aurangabadkar, Ramsook, Kokaram, "A Sharpness Based Loss Function for Removing Out-of-Focus Blur", MMSP
        2024.
    """
    return PublishedTable(
        name="sharpness_loss:III",
        title="Restoration of real defocus, Canon EOS 5D Mark III: another set than the paper's",
        source=f"{PAPER}, Table III",
        label_head="method",
        columns=(*QUALITY, SECONDS),
        lines=_LINES,
        data=("mmsp2024",),
        truncated=True,
        protocol=(
            "**Not the same pictures.** The paper's figures are of 188 crops of 128 × 128 pixels, low blur, of a set of 305 "
            "scenes that its authors give out on request only (https://github.com/aurangau/MMSP2024). Ours are of the three "
            "scenes in that repository: crops of 256 × 256 pixels, low blur above, medium and high blur below. With the "
            "whole set, cut crops into the folders blurred/ and sharp/ and run `refocal evaluate --data FOLDER`.",
            "Luma (BT.601, truncated to 8 bits).",
            *SCORED,
            "Time: median seconds per crop, four times as large as the paper's, on this machine's CPU.",
        ),
        notes=(
            "The public crops are misaligned by up to 6 pixels, which lowers every PSNR and SSIM, and most for the sharpest "
            "result.",
            "The paper's networks were trained on 77,000 crops of the whole set, ours on photos blurred by a mean of 5 × 5 "
            "pixels without noise: another blur, and they take the sensor's noise for detail, hence the low SSIM. To train "
            "on the set, see the recipes for real data; --weights-dir then runs the result.",
            "Lines without a published figure aren't in the paper.",
            LPIPS_NOTE,
        ),
    )
