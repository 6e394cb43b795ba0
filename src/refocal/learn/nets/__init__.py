"""Networks: an ``nn.Module`` with a frozen ``Config`` and a factory, one file per paper.

``forward`` takes sides of any length; ``body`` is the plain computation for sides that are multiples of ``multiple``,
and is exported; ``inputs``, where a network has it, names the arguments of ``forward`` if they aren't just ``blurred``.
No network picks a device.
"""

import importlib
from collections.abc import Mapping
from typing import Any

from refocal.catalog import Entry, find
from refocal.types import InputError

PARAMETERS = {
    "focus-unet": 4_258_726,
    "sharpness-unet": 4_891_216,
    "ddnet": 2_938_330,
    "xy-deblur": 4_917_473,
    "denoiser": 169_344,
    "svbr-net": 362_099,
    "dmenet": 26_943_184,
    "dual-pixel-map": 3_306_755,
    "defocusgan": 4_860_675,
    "defocusgan-light": 4_586_307,
    "deblurgan-v2": 2_106_627,
    "dpdnet": 31_035_151,
    "dpdnet-single": 31_033_423,
    "mdpnet": 46_860_397,
}
"""Trainable parameters with the default ``Config``, those of layers that only training uses included; and of two
variants, ``defocusgan-light`` (``glue="light"``) and ``dpdnet-single`` (``views=1``)."""


NETWORKS: dict[str, Entry] = {
    "focus-unet": Entry(
        "refocal.learn.nets.focus_unet:focus_unet",
        f"the default model: residual U-Net, predicts image and radius; {PARAMETERS['focus-unet']:,} parameters",
        "learn",
    ),
    "sharpness-unet": Entry(
        "refocal.learn.nets.sharpness_unet:sharpness_unet",
        f"U-Net of 45 convolutions in blocks of five, global residual; {PARAMETERS['sharpness-unet']:,} parameters",
        "learn",
        "Aurangabadkar et al. 2024",
    ),
    "ddnet": Entry(
        "refocal.learn.nets.ddnet:ddnet",
        f"dense blocks that fill the null space of a known blur, for luma; {PARAMETERS['ddnet']:,} parameters",
        "learn",
        "Lopez-Tapia et al. 2023",
    ),
    "xy-deblur": Entry(
        "refocal.learn.nets.xy_deblur:xy_deblur",
        f"one encoder, one decoder run twice, once on rotated features; {PARAMETERS['xy-deblur']:,} parameters",
        "learn",
        "Ji et al. 2022",
    ),
    "denoiser": Entry(
        "refocal.learn.nets.denoiser:denoiser",
        f"bias-free convolutions that predict the noise; {PARAMETERS['denoiser']:,} parameters",
        "learn",
        "Mohan et al. 2020",
    ),
    "svbr-net": Entry(
        "refocal.learn.nets.svbr_net:svbr_net",
        f"one branch for the photo, one for its blur map; {PARAMETERS['svbr-net']:,} parameters",
        "learn",
        "Karaali & Jung 2022",
    ),
    "dmenet": Entry(
        "refocal.learn.nets.dmenet:dmenet",
        f"VGG19 encoder, U-Net decoder, predicts the radius; {PARAMETERS['dmenet']:,} parameters",
        "learn",
        "Lee et al. 2019",
    ),
    "dual-pixel-map": Entry(
        "refocal.learn.nets.dual_pixel_map:dual_pixel_map",
        f"four branches that predict the radius from two views; {PARAMETERS['dual-pixel-map']:,} parameters",
        "learn",
        "Zhai et al. 2023",
    ),
    "defocusgan": Entry(
        "refocal.learn.nets.defocusgan:defocusgan",
        f"branches for small and large blur, three scales; {PARAMETERS['defocusgan']:,} parameters",
        "learn",
        "Zhai et al. 2023",
    ),
    "deblurgan-v2": Entry(
        "refocal.learn.nets.deblurgan_v2:deblurgan_v2",
        f"feature pyramid on MobileNetV2; {PARAMETERS['deblurgan-v2']:,} parameters",
        "learn",
        "Kupyn et al. 2019",
    ),
    "dpdnet": Entry(
        "refocal.learn.nets.dpdnet:dpdnet",
        f"U-Net of both dual-pixel views, or of one photo; {PARAMETERS['dpdnet']:,} parameters",
        "learn",
        "Abuolaim & Brown 2020",
    ),
    "mdpnet": Entry(
        "refocal.learn.nets.mdpnet:mdpnet",
        f"one photo to the sharp one and both views; {PARAMETERS['mdpnet']:,} parameters",
        "learn",
        "Abuolaim et al. 2022",
    ),
}

RETIRED: dict[str, dict[str, Any]] = {"focus-unet": {"channels": 1}}
"""Fields that a ``Config`` had in earlier versions, with the only value that is still supported; checkpoints and
exported files may carry them."""


def make_config(name: str, fields: Mapping[str, Any]) -> Any:
    """The ``Config`` of a network from fields as a recipe, a checkpoint or an exported file has them.

    Args:
        name: A name from ``NETWORKS``.
        fields: Fields that differ from the defaults; lists (JSON has no tuples) become tuples, and fields of earlier
            versions (``RETIRED``) are dropped.

    Raises:
        InputError: If there is no such network, or a field of an earlier version has a value that is no longer
            supported.
    """
    module = importlib.import_module(find(NETWORKS, name, "network").target.partition(":")[0])
    retired = RETIRED.get(name, {})
    for field, value in retired.items():
        if fields.get(field, value) != value:
            raise InputError(f"This version of refocal supports {name} with {field} {value} only, not {fields[field]}.")
    kept = {field: value for field, value in fields.items() if field not in retired}
    return module.Config(**{field: tuple(v) if isinstance(v, list) else v for field, v in kept.items()})
