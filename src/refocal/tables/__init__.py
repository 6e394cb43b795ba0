"""Published tables, measured again: ours beside theirs in every cell, with the protocol under it.

A table is one file (what to run, under which protocol, what was published) and one line here; the line alone makes
``refocal reproduce NAME`` work. Names are ``PAPER:TABLE``.
"""

from refocal.catalog import Entry

_SHARPNESS_LOSS = "Aurangabadkar et al. 2024"

TABLES: dict[str, Entry] = {
    "sharpness_loss:I": Entry(
        "refocal.tables.sharpness_loss_1:table", "the sharpness loss at five weights beta", "", _SHARPNESS_LOSS
    ),
    "sharpness_loss:II": Entry(
        "refocal.tables.sharpness_loss_2:table", "networks and iterative methods on 524 crops", "", _SHARPNESS_LOSS
    ),
    "sharpness_loss:III": Entry(
        "refocal.tables.sharpness_loss_3:table", "networks on real defocus (public crops only)", "", _SHARPNESS_LOSS
    ),
    "svbr_net:1": Entry(
        "refocal.tables.svbr_net_1:table",
        "deconvolution with true and with estimated blur maps",
        "",
        "Karaali & Jung 2022",
    ),
    "learnable_blur_kernel_defocusgan:1": Entry(
        "refocal.tables.learnable_blur_kernel_defocusgan_1:table",
        "single-image methods, parameters",
        "",
        "Zhai et al. 2023",
    ),
    "learnable_blur_kernel_defocusgan:2": Entry(
        "refocal.tables.learnable_blur_kernel_defocusgan_2:table",
        "methods that see both dual-pixel views",
        "",
        "Zhai et al. 2023",
    ),
    "learnable_blur_kernel_defocusgan:3": Entry(
        "refocal.tables.learnable_blur_kernel_defocusgan_3:table",
        "deconvolution with estimated maps",
        "",
        "Zhai et al. 2023",
    ),
    "learnable_blur_kernel_defocusgan:4": Entry(
        "refocal.tables.learnable_blur_kernel_defocusgan_4:table",
        "what each part of DefocusGAN brings",
        "",
        "Zhai et al. 2023",
    ),
    "learnable_blur_kernel_defocusgan:5": Entry(
        "refocal.tables.learnable_blur_kernel_defocusgan_5:table",
        "blur kernels, by the maps they lead to",
        "",
        "Zhai et al. 2023",
    ),
    "learnable_blur_kernel_defocusgan:6": Entry(
        "refocal.tables.learnable_blur_kernel_defocusgan_6:table",
        "generators and adversarial losses",
        "",
        "Zhai et al. 2023",
    ),
}
