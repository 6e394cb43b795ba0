"""Networks: an ``nn.Module`` with a frozen ``Config`` and a factory, one file per paper.

``forward`` takes sides of any length; ``body`` is the plain computation for sides that are multiples of ``multiple``,
and what is exported; ``inputs``, where there is one, names what ``forward`` takes if not just ``blurred``. No network
picks a device.
"""

from refocal.catalog import Entry

NETWORKS: dict[str, Entry] = {
    "focus-unet": Entry(
        "refocal.learn.nets.focus_unet:focus_unet",
        "the default model: residual U-Net, restores and tells the radius; 4,258,726 parameters",
        "learn",
    ),
    "sharpness-unet": Entry(
        "refocal.learn.nets.sharpness_unet:sharpness_unet",
        "U-Net of 45 convolutions in blocks of five, global residual; 4,891,216 parameters",
        "learn",
        "Aurangabadkar et al. 2024",
    ),
    "ddnet": Entry(
        "refocal.learn.nets.ddnet:ddnet",
        "dense blocks that fill the null space of a known blur; 2,938,330 parameters for luma",
        "learn",
        "Lopez-Tapia et al. 2023",
    ),
    "xy-deblur": Entry(
        "refocal.learn.nets.xy_deblur:xy_deblur",
        "one encoder, one decoder run twice, once on features turned by 90 degrees",
        "learn",
        "Ji et al. 2022",
    ),
    "denoiser": Entry(
        "refocal.learn.nets.denoiser:denoiser",
        "bias-free convolutions that find the noise; 169,344 parameters",
        "learn",
        "Mohan et al. 2020",
    ),
    "svbr-net": Entry(
        "refocal.learn.nets.svbr_net:svbr_net",
        "one branch for the photo, one for its blur map; 362,099 parameters",
        "learn",
        "Karaali & Jung 2022",
    ),
    "dmenet": Entry(
        "refocal.learn.nets.dmenet:dmenet",
        "VGG19 encoder, U-Net decoder: the radius; 26,943,184 parameters in training",
        "learn",
        "Lee et al. 2019",
    ),
    "dual-pixel-map": Entry(
        "refocal.learn.nets.dual_pixel_map:dual_pixel_map",
        "four branches that read the radius off two views; 3,306,755 parameters",
        "learn",
        "Zhai et al. 2023",
    ),
    "defocusgan": Entry(
        "refocal.learn.nets.defocusgan:defocusgan",
        "branches for small and large blur, three scales; 4,860,675 parameters",
        "learn",
        "Zhai et al. 2023",
    ),
    "deblurgan-v2": Entry(
        "refocal.learn.nets.deblurgan_v2:deblurgan_v2",
        "feature pyramid on MobileNetV2; 2,106,627 parameters",
        "learn",
        "Kupyn et al. 2019",
    ),
    "dpdnet": Entry(
        "refocal.learn.nets.dpdnet:dpdnet",
        "U-Net of both dual-pixel views, or of one photo; 31,035,151 parameters",
        "learn",
        "Abuolaim & Brown 2020",
    ),
    "mdpnet": Entry(
        "refocal.learn.nets.mdpnet:mdpnet",
        "one photo to the sharp one and both views; 46,860,397 parameters",
        "learn",
        "Abuolaim et al. 2022",
    ),
}
