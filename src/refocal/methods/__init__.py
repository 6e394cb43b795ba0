"""Methods: image (and its blur) in, restored image out; one file each.

A new method is one file and one line here. The line adds its row to ``refocal methods``, its flags to
``refocal deblur --method NAME``, and the tests of the contract suite.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from refocal.catalog import Entry, find
from refocal.types import Deblurrer, InputError

DEFAULT_WITH_BLUR = "classical"
"""The method that undoes a given blur where the method "default" is chosen, which predicts the blur and takes none."""

_MEAN = "luma under a mean of 5 x 5 pixels, not a lens's blur"
_DISKS = "photos without noise under disks of up to 6 px"
_LENS = "uncompressed photos of a simulated lens, radii of up to 6 px"

METHODS: dict[str, Entry[Deblurrer]] = {
    "default": Entry("refocal.methods.focus:Focus", "refocal's own network; predicts the blur map as well"),
    "fast": Entry(
        "refocal.methods.focus:Focus",
        "a smaller variant of `default`, about 1.5x faster",
        "",
        "",
        {"weights": "fast"},
    ),
    # Chosen on photos of known sharpness, see docs/log.md.
    "classical": Entry(
        "refocal.methods.hyper_laplacian:HyperLaplacian",
        "hyper-laplacian with an estimated blur map, attenuated where it is unsure",
        "blur",
        "Zhuo & Sim 2011, Krishnan & Fergus 2009",
        {"weight": 1000.0, "softening": 0.4},
    ),
    "identity": Entry("refocal.methods.identity:Identity", "returns the photo unchanged, the baseline of every table"),
    "unsharp-mask": Entry("refocal.methods.unsharp_mask:UnsharpMask", "adds the difference to a Gaussian-blurred copy"),
    "wiener": Entry("refocal.methods.wiener:Wiener", "regularised linear inverse filter", "blur", "Wiener 1949"),
    "richardson-lucy": Entry(
        "refocal.methods.richardson_lucy:RichardsonLucy",
        "multiplicative iterations for Poisson noise",
        "blur",
        "Richardson 1972, Lucy 1974",
    ),
    "hyper-laplacian": Entry(
        "refocal.methods.hyper_laplacian:HyperLaplacian",
        "sparse-gradient prior, half-quadratic splitting",
        "blur",
        "Krishnan & Fergus 2009",
    ),
    "levin-sparse": Entry(
        "refocal.methods.levin_sparse:LevinSparse",
        "sparse gradients, reweighted least squares, inverts a map as one operator",
        "blur",
        "Levin et al. 2007",
    ),
    "levin-krishnan": Entry(
        "refocal.methods.levin_krishnan:LevinKrishnan",
        "hyper-laplacian per disk radius, nearest radius per pixel",
        "blur",
        "Levin et al. 2007, Krishnan & Fergus 2009",
    ),
    "zhang-superpixel": Entry(
        "refocal.methods.zhang_superpixel:ZhangSuperpixel",
        "hyper-laplacian per superpixel (in place of BM3D), weaker where it fits badly",
        "blur",
        "Zhang et al. 2016",
    ),
    # Fewer iterations than the 250, 250 and 100 of the tables, which are for pictures without noise: on photos those
    # would raise the noise above the blur.
    "landweber-accelerated": Entry(
        "refocal.methods.landweber_accelerated:LandweberAccelerated",
        "accelerated Landweber iteration for any blur function (aL)",
        "blur",
        "Belyaev & Fayolle 2022",
        {"num_iter": 30},
    ),
    "richardson-lucy-modified": Entry(
        "refocal.methods.richardson_lucy_modified:RichardsonLucyModified",
        "modified Richardson-Lucy for any blur function (mRL)",
        "blur",
        "Belyaev & Fayolle 2022",
        {"num_iter": 15},
    ),
    "levenberg-marquardt-modified": Entry(
        "refocal.methods.levenberg_marquardt_modified:LevenbergMarquardtModified",
        "modified Levenberg-Marquardt for any blur function (mLM)",
        "blur",
        "Belyaev & Fayolle 2022",
        {"num_iter": 5},
    ),
    "red-fixed-point": Entry(
        "refocal.methods.red:RED",
        "regularisation by denoising, fixed point (RED-FP)",
        "blur",
        "Romano et al. 2017",
        {"num_iter": 30},
    ),
    "red-steepest-descent": Entry(
        "refocal.methods.red:RED",
        "regularisation by denoising, steepest descent (RED-SDM)",
        "blur",
        "Romano et al. 2017",
        {"num_iter": 60, "solver": "steepest-descent"},
    ),
    "ddnet": Entry(
        "refocal.methods.ddnet:DDNet",
        "null-space network for one known kernel; train it or supply weights",
        "psf",
        "Lopez-Tapia et al. 2023",
        made_for="luma under one kernel that is known",
    ),
    "sharpness-unet": Entry(
        "refocal.methods.network:Network",
        "U-Net for luma under a mean of 5 x 5 pixels, sharpness loss, beta 0.01",
        "",
        "Aurangabadkar et al. 2024",
        {"weights": "sharpness-unet-beta-0.01"},
        made_for=_MEAN,
    ),
    "sharpness-unet-beta-0": Entry(
        "refocal.methods.network:Network",
        "U-Net for luma under a mean of 5 x 5 pixels, L1 loss only",
        "",
        "Aurangabadkar et al. 2024",
        {"weights": "sharpness-unet-beta-0"},
        made_for=_MEAN,
    ),
    "sharpness-unet-beta-0.1": Entry(
        "refocal.methods.network:Network",
        "U-Net for luma under a mean of 5 x 5 pixels, sharpness loss, beta 0.1",
        "",
        "Aurangabadkar et al. 2024",
        {"weights": "sharpness-unet-beta-0.1"},
        made_for=_MEAN,
    ),
    "svbr-net": Entry(
        "refocal.methods.svbr_net:SVBRNet",
        "network conditioned on a blur map, robust to its errors; radii up to 6 px",
        "map",
        "Karaali & Jung 2022",
        made_for=_DISKS,
    ),
    "svbr-net-gtb": Entry(
        "refocal.methods.svbr_net:SVBRNet",
        "the same, trained on exact maps only",
        "map",
        "Karaali & Jung 2022",
        {"weights": "svbr-net-gtb"},
        made_for=f"{_DISKS}, with the exact map",
    ),
    "defocusgan": Entry(
        "refocal.methods.defocusgan:DefocusGAN",
        "network guided by blur maps in training only; L1 and adversarial loss mixed",
        "",
        "Zhai et al. 2023",
        made_for=_LENS,
    ),
    "defocusgan-no-gan": Entry(
        "refocal.methods.defocusgan:DefocusGAN",
        "the same, trained with L1 only",
        "",
        "Zhai et al. 2023",
        {"weights": "defocusgan-no-gan"},
        made_for=_LENS,
    ),
}


def make_method(name: str, options: Mapping[str, Any] | None = None) -> Deblurrer:
    """Make the method of a name in ``METHODS``.

    Args:
        name: Key in ``METHODS``.
        options: Fields of the method's class, which are also its flags.

    Raises:
        InputError: If there is no such method or option, or a value is refused.
    """
    entry = find(METHODS, name, "method")
    every = dataclasses.fields(entry.load())  # type: ignore[arg-type]  # a dataclass
    fields = [field.name for field in every if not field.metadata.get("named")]
    for option in options or {}:
        if option not in fields:
            hint = f"its options are {', '.join(fields)}" if fields else "it has no options"
            raise InputError(f"The method {name} has no option {option!r}: {hint}.")
    try:
        return entry.make(options)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(str(error)) from error
    except TypeError as error:
        given = ", ".join(f"{option}={value!r}" for option, value in (options or {}).items())
        raise InputError(f"The method {name} refuses the type of an option: {given}.") from error


def purpose(name: str, weights: str = "") -> str:
    """A sentence on what a paper's network was made for, to show when it is run on a photo.

    Args:
        name: Key in ``METHODS``.
        weights: The method's option of that name: a file of the user's own was made for something else.

    Returns:
        Empty where there is nothing to say.
    """
    made_for = METHODS[name].made_for
    if not made_for or weights.endswith(".onnx"):
        return ""
    return f"{name} was made for {made_for}; for other photos there is the method default."


def to_measure(method: Deblurrer) -> Deblurrer:
    """The method as data sets are measured with: restoring everything, where that is left to the photo.

    The truth of a data set is sharp all over, also behind a soft background.
    """
    if getattr(method, "target", "") == "auto" and getattr(method, "bokeh", None) is None:
        return dataclasses.replace(method, target="all")  # type: ignore[type-var]
    return method
