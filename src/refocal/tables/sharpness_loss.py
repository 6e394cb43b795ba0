"""The three tables of Aurangabadkar et al. 2024."""

from __future__ import annotations

from refocal.tables.published import Column, Line, PublishedTable
from refocal.tables.sharpness_loss_figures import beta_strip, ssim_against_q

PAPER = (
    "U. Aurangabadkar, D. Ramsook, A. Kokaram, "
    '"A Sharpness Based Loss Function for Removing Out-of-Focus Blur", MMSP 2024'
)

# SSIM and PSNR are TensorFlow's in the code published with the paper; of the variants of Q, "eval" has the published
# scale and order.
QUALITY = (
    Column("psnr", "PSNR (dB)", "psnr"),
    Column("ssim", "SSIM", "ssim-gaussian11"),
    Column("q", "Q", "q"),
    Column("lpips", "LPIPS", "lpips"),
)
SECONDS = Column("seconds", "Time (s)")
SLOW_LIMIT = 24  # of all 524 crops the slow methods take hours; the user's --limit overrules

SCORED = (
    "Restored images are clipped, multiplied by 255 and truncated to 8 bits before they are scored, as in the authors' "
    "code. The whole luma is scored.",
    "PSNR: mean of the decibels of each image. SSIM: Gaussian window of 11 × 11 pixels (`tf.image.ssim`). Q: the "
    "variant of the authors' evaluation tool (8 × 8 patches, significance 0.001). LPIPS v0.1, SqueezeNet.",
)
LPIPS_NOTE = (
    "The paper doesn't say which network its LPIPS uses (AlexNet is likely); ours is SqueezeNet, so that column "
    "compares our lines with each other, not with the paper's."
)
TRAINING_NOTE = (
    "The paper trained on 134,400 crops of 2,100 photos of DIV2K and Flickr2K, for 100 epochs with L1 and 100 more "
    "with the sharpness loss. Our weights were trained on other photos for another number of steps; their cards state "
    "both."
)
OURS_ONLY = "Lines without a published figure aren't in the paper."

# beta, method, PSNR, SSIM, Q, LPIPS
_BETAS = (
    (0.0, "sharpness-unet-beta-0", (35.069, 0.944, 0.153, 0.127)),
    (0.001, "sharpness-unet-beta-0.001", (35.102, 0.945, 0.152, 0.117)),
    (0.01, "sharpness-unet", (35.101, 0.945, 0.154, 0.117)),
    (0.05, "sharpness-unet-beta-0.05", (34.844, 0.945, 0.166, 0.122)),
    (0.1, "sharpness-unet-beta-0.1", (33.641, 0.940, 0.183, 0.127)),
)


def _trained(beta: float) -> dict[str, float | None]:
    """The loss L1 - beta Q."""
    return {"l1": 1.0, "sharpness": beta} if beta else {"l1": 1.0}


def table_1() -> PublishedTable:
    """Table I, with Fig. 3: the weight beta of the sharpness loss, on the Kodak photos.

    Reference: Aurangabadkar, Ramsook, Kokaram, "A Sharpness Based Loss Function for Removing Out-of-Focus Blur",
    MMSP 2024.
    """
    return PublishedTable(
        name="sharpness_loss:I",
        title="Sharpness U-Net after fine-tuning with L1 - β Q, Kodak24",
        source=f"{PAPER}, Table I",
        label_head="β",
        columns=QUALITY,
        lines=(
            Line("blurred, as given", method="identity"),
            *(
                Line(f"{beta:g}", figures, method, own_threads=True, loss=_trained(beta))
                for beta, method, figures in _BETAS
            ),
        ),
        data=("kodak24:mean5",),
        truncated=True,
        protocol=(
            "Central 128 × 128 pixels of the 24 Kodak photos, luma (BT.601, truncated to 8 bits); blurred by the mean "
            "of 5 × 5 pixels with mirrored edges, rounded to 8 bits.",
            *SCORED,
        ),
        notes=(
            "The first line, the blurred crops unchanged, isn't in the paper.",
            "Q increases with ringing as well as with sharpness; the sharp crops themselves score 0.144.",
            TRAINING_NOTE,
            LPIPS_NOTE,
        ),
        pictures={"figure_3": beta_strip},
    )


def _iterative(label: str, figures: tuple[float, ...], method: str, num_iter: int) -> Line:
    return Line(label, figures, method, {"num_iter": num_iter}, "circular")


def _red(label: str, figures: tuple[float, ...], method: str, num_iter: int, denoiser: str) -> Line:
    options = {"num_iter": num_iter, "denoiser": denoiser}
    return Line(label, figures, method, options, "circular-psf", limit=SLOW_LIMIT)


def table_2() -> PublishedTable:
    """Table II, with Fig. 5: networks and iterative methods on 524 crops blurred by a 5 x 5 mean.

    Reference: Aurangabadkar, Ramsook, Kokaram, "A Sharpness Based Loss Function for Removing Out-of-Focus Blur",
    MMSP 2024.
    """
    return PublishedTable(
        name="sharpness_loss:II",
        title="Restoration under a mean of 5 × 5 pixels, Kodak24 and BSDS500",
        source=f"{PAPER}, Table II",
        label_head="method",
        columns=(*QUALITY, SECONDS),
        lines=(
            Line("blurred, as given", method="identity"),
            Line("DDNet", (29.559, 0.842, 0.130, 0.271, 0.019), "ddnet", own_threads=True),
            Line("XY-Deblur", (38.288, 0.970, 0.147, 0.071, 0.019), "xy-deblur", own_threads=True),
            # 250 iterations: section VI-A; for mLM see the note
            _iterative("aL", (29.362, 0.882, 0.136, 0.229, 0.009), "landweber-accelerated", 250),
            _iterative("mLM", (37.282, 0.971, 0.135, 0.059, 0.003), "levenberg-marquardt-modified", 100),
            _iterative("mRL", (29.658, 0.891, 0.134, 0.212, 0.012), "richardson-lucy-modified", 250),
            _iterative("mRL, 150 iterations", (), "richardson-lucy-modified", 150),
            _iterative("mLM, 250 iterations", (), "levenberg-marquardt-modified", 250),
            # 200 and 1500 iterations: Romano et al. 2017, as in their program
            _red("RED-FP", (33.137, 0.911, 0.154, 0.181, 47.800), "red-fixed-point", 200, "network"),
            _red("RED-SDM", (32.835, 0.909, 0.151, 0.181, 328.259), "red-steepest-descent", 1500, "network"),
            _red("RED-FP, median denoiser", (), "red-fixed-point", 200, "median"),
            _red("RED-SDM, median denoiser", (), "red-steepest-descent", 1500, "median"),
            Line(
                "Ours (w/o. FT)",
                (34.875, 0.946, 0.149, 0.116, 0.052),
                "sharpness-unet-beta-0",
                own_threads=True,
                loss=_trained(0),
            ),
            Line(
                "Ours (w. FT)",
                (34.890, 0.947, 0.150, 0.107, 0.063),
                "sharpness-unet",
                own_threads=True,
                loss=_trained(0.01),
            ),
        ),
        data=("kodak24:mean5", "bsds500:mean5"),
        truncated=True,
        protocol=(
            "Central 128 × 128 pixels of the 24 Kodak and 500 BSDS500 photos, luma (BT.601, truncated to 8 bits), "
            "taken together. Lines with fewer crops take them evenly spread over the 524 (--limit 524 takes all).",
            "Networks restore the mean of 5 × 5 pixels with mirrored edges, rounded to 8 bits; DDNet is given the "
            "kernel.",
            "The iterative methods restore the mean with periodic edges, not rounded, and are given the blur as a "
            "function: only so do aL and mLM produce the images that the authors published, and RED fits them better.",
            *SCORED,
            "Time: median seconds per crop on this machine's CPU, with one core per crop for the iterative methods. "
            "The paper's machine: i9-10900F with a GeForce RTX 2080 Ti.",
        ),
        notes=(
            OURS_ONLY,
            "The iterative methods have an easier task than the networks: no rounding, and no edge that hides "
            "anything. Their PSNR can't be compared with that of the other lines, neither in the paper nor here.",
            "PSNR and SSIM of aL and mLM are above the paper's in the mean over the crops; the PSNR of the pooled "
            "error is nearer to it. So the paper either pooled or cut its BSDS500 crops elsewhere; it states neither.",
            "mLM runs 100 iterations, where the paper says 250: after 100 the public crop of kodim19 equals the "
            "published image pixel for pixel; after 250 its PSNR is 44.2 dB, not the published 40.9.",
            "mRL runs the 250 iterations of the text. After 150 it is nearer to the paper, in the table and in the "
            "published image of kodim19 (31.57 dB there; 31.66 dB after 150, 32.44 after 250), but no number of "
            "iterations produces that image exactly.",
            "Q of aL, mLM and mRL is higher than published; the strict form of Q (`q-zm`) gives 0.133, 0.134 and "
            "0.133 (mRL after 150 iterations).",
            "RED: the paper's denoiser is TNRD, whose weights may not be redistributed; ours is a small network of our "
            "own.",
            "The published times of aL, mLM and mRL are too short for 250 iterations; they may be those of one.",
            TRAINING_NOTE,
            LPIPS_NOTE,
        ),
        pictures={"figure_5": ssim_against_q},
    )


def table_3() -> PublishedTable:
    """Table III, as far as its data are public: networks on real defocus.

    Reference: Aurangabadkar, Ramsook, Kokaram, "A Sharpness Based Loss Function for Removing Out-of-Focus Blur",
    MMSP 2024.
    """
    elsewhere = "not in refocal"
    compared: tuple[tuple[str, str, dict[str, float | None]], ...] = (
        ("blurred, as given", "identity", {}),
        ("XY-Deblur", "xy-deblur", {}),
        ("Ours (w/o FT)", "sharpness-unet-beta-0", _trained(0)),
        ("Ours (w. FT)", "sharpness-unet-beta-0.1", _trained(0.1)),
    )
    published = {
        "XY-Deblur": (28.131, 0.784, 0.082, 0.668, 0.012),
        "Ours (w/o FT)": (28.788, 0.792, 0.079, 0.450, 0.040),
        "Ours (w. FT)": (28.728, 0.792, 0.084, 0.447, 0.038),
    }
    first = [
        Line(label, published.get(label, ()), method, only="_low", own_threads=True, loss=loss)
        for label, method, loss in compared
    ]
    absent = (
        Line("IFAN", (23.728, 0.668, 0.044, 0.408, 0.022), absent=elsewhere),
        Line("Restormer", (22.594, 0.650, 0.042, 0.418, 0.066), absent=elsewhere),
    )
    return PublishedTable(
        name="sharpness_loss:III",
        title="Restoration of real defocus, Canon EOS 5D Mark III: another set than the paper's",
        source=f"{PAPER}, Table III",
        label_head="method",
        columns=(*QUALITY, SECONDS),
        lines=(
            *first[:2],
            *absent,
            *first[2:],
            *(
                Line(f"{label}, {level} blur", method=method, only=f"_{level}", own_threads=True, loss=loss)
                for level in ("medium", "high")
                for label, method, loss in compared
            ),
        ),
        data=("mmsp2024",),
        truncated=True,
        protocol=(
            "**Not the same pictures.** The paper's figures are of 188 crops of 128 × 128 pixels, low blur, of a set "
            "of 305 scenes that its authors give out on request only (https://github.com/aurangau/MMSP2024). Ours are "
            "of the three scenes in that repository: crops of 256 × 256 pixels, low blur above, medium and high blur "
            "below. With the whole set, cut crops into the folders blurred/ and sharp/ and run `refocal evaluate "
            "--data FOLDER`.",
            "Luma (BT.601, truncated to 8 bits).",
            *SCORED,
            "Time: median seconds per crop, four times as large as the paper's, on this machine's CPU.",
        ),
        notes=(
            "The public crops are misaligned by up to 6 pixels, which lowers every PSNR and SSIM, and most for the "
            "sharpest result.",
            "The paper's networks were trained on 77,000 crops of the whole set, ours on photos blurred by a mean of "
            "5 × 5 pixels without noise: another blur, and they take the sensor's noise for detail, hence the low "
            "SSIM. To train on the set, see the recipes for real data; --weights-dir then runs the result.",
            OURS_ONLY,
            LPIPS_NOTE,
        ),
    )
