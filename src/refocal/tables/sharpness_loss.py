"""What the three tables of Aurangabadkar et al. 2024 have in common."""

from __future__ import annotations

from refocal.tables.published import Column

PAPER = 'U. Aurangabadkar, D. Ramsook, A. Kokaram, "A Sharpness Based Loss Function for Removing Out-of-Focus Blur", MMSP 2024'

# SSIM and PSNR are TensorFlow's in the code published with the paper; of the variants of Q, "eval" has the published
# scale and order.
QUALITY = (
    Column("psnr", "PSNR (dB)", "psnr"),
    Column("ssim", "SSIM", "ssim-gaussian11"),
    Column("q", "Q", "q"),
    Column("lpips", "LPIPS", "lpips"),
)
SECONDS = Column("seconds", "Time (s)")

SCORED = (
    "Restored pictures are clipped, multiplied by 255 and truncated to 8 bits before they are scored, as the authors' code "
    "does. Scored is the luma, all of it.",
    "PSNR: mean of the decibels of each picture. SSIM: Gaussian window of 11 × 11 pixels (`tf.image.ssim`). Q: the variant "
    "of the authors' evaluation tool (8 × 8 patches, significance 0.001). LPIPS v0.1, SqueezeNet.",
)
LPIPS_NOTE = (
    "The paper doesn't say which network its LPIPS uses (AlexNet is likely); ours is SqueezeNet, so that column compares "
    "our lines with each other, not with the paper's."
)
TRAINING_NOTE = (
    "The paper trained on 134,400 crops of 2,100 photos of DIV2K and Flickr2K, for 100 epochs with L1 and 100 more with the "
    "sharpness loss. Our weights saw other photos for another number of steps: their cards say which."
)
