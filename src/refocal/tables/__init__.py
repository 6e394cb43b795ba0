"""Published tables, measured again: ours beside theirs in every cell, with the protocol under it.

A table is a function that returns it as data, and one line here; the line alone makes ``refocal reproduce NAME`` work.
Names are ``PAPER:TABLE``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from refocal.catalog import Entry

if TYPE_CHECKING:
    from refocal.tables.published import PublishedTable

_AURANGABADKAR, _KARAALI, _ZHAI = "Aurangabadkar et al. 2024", "Karaali & Jung 2022", "Zhai et al. 2023"


def _zhai(number: int, about: str) -> Entry[PublishedTable]:
    return Entry(f"refocal.tables.learnable_blur_kernel_defocusgan:table_{number}", about, "", _ZHAI)


TABLES: dict[str, Entry[PublishedTable]] = {
    "sharpness_loss:I": Entry(
        "refocal.tables.sharpness_loss:table_1", "the sharpness loss at five weights beta", "", _AURANGABADKAR
    ),
    "sharpness_loss:II": Entry(
        "refocal.tables.sharpness_loss:table_2", "networks and iterative methods on 524 crops", "", _AURANGABADKAR
    ),
    "sharpness_loss:III": Entry(
        "refocal.tables.sharpness_loss:table_3", "networks on real defocus (public crops only)", "", _AURANGABADKAR
    ),
    "svbr_net:1": Entry(
        "refocal.tables.svbr_net:table_1", "deconvolution with true and with estimated blur maps", "", _KARAALI
    ),
    "learnable_blur_kernel_defocusgan:1": _zhai(1, "single-image methods, parameters"),
    "learnable_blur_kernel_defocusgan:2": _zhai(2, "methods that take both dual-pixel views"),
    "learnable_blur_kernel_defocusgan:3": _zhai(3, "deconvolution with estimated maps"),
    "learnable_blur_kernel_defocusgan:4": _zhai(4, "the gain of each part of DefocusGAN"),
    "learnable_blur_kernel_defocusgan:5": _zhai(5, "blur kernels, by the maps they lead to"),
    "learnable_blur_kernel_defocusgan:6": _zhai(6, "generators and adversarial losses"),
}
