"""Blur-map estimators: from an image to its circle-of-confusion radius per pixel; one file each."""

from refocal.catalog import Entry, find
from refocal.types import BlurEstimator

ESTIMATORS: dict[str, Entry[BlurEstimator]] = {
    "default": Entry("refocal.estimators.focus:FocusMap", "blur map and confidence of the default network"),
    "fast": Entry(
        "refocal.estimators.focus:FocusMap", "the same of the smaller network fast", "", "", {"weights": "fast"}
    ),
    "zhuo-sim": Entry(
        "refocal.estimators.zhuo_sim:ZhuoSim",
        "gradient ratio of re-blurred edges, spread by the matting Laplacian",
        "",
        "Zhuo & Sim 2011",
    ),
    "ebdb": Entry(
        "refocal.estimators.ebdb:Ebdb",
        "gradient ratio at edges of several scales, spread by the domain transform",
        "",
        "Karaali & Jung 2018",
    ),
    "jnb": Entry(
        "refocal.estimators.jnb:JNB",
        "sparse codes over blurred patches, spread by the domain transform",
        "",
        "Shi et al. 2015",
    ),
    "zhang": Entry(
        "refocal.estimators.zhang:Zhang",
        "gradient loss under re-blurring, spread by KNN matting",
        "",
        "Zhang et al. 2016",
    ),
    "dandres": Entry(
        "refocal.estimators.dandres:DAndres",
        "likelihood of 23 disks from local spectra (approximation)",
        "",
        "D'Andres et al. 2016",
    ),
    "liu": Entry("refocal.estimators.liu:Liu", "dandres plus edge profiles (approximation)", "", "Liu et al. 2020"),
    "dmenet": Entry(
        "refocal.estimators.network_map:NetworkMap",
        "network; train it or supply weights",
        "",
        "Lee et al. 2019",
        {"weights": "dmenet"},
    ),
    "dual-pixel-learned": Entry(
        "refocal.estimators.network_map:NetworkMap",
        "network for the two views of a dual-pixel photo",
        "views",
        "Zhai et al. 2023",
        # Smoothing: 16 px at 252. On pixel4_dp/4 it raises the mean rank correlation from 0.84 to 0.87.
        {"weights": "dual-pixel-map", "smooth": 1 / 16},
        made_for="uncompressed views of a simulated sensor, radii of up to 9 px",
    ),
    "bambnet": Entry(
        "refocal.estimators.network_map:NetworkMap",
        "BaMBNet for the two views; train it or supply weights",
        "views",
        "Liang et al. 2022",
        {"weights": "bambnet"},
    ),
    "from-file": Entry("refocal.estimators.from_file:FromFile", "a blur map from a file: --map FILE"),
}


def make_estimator(name: str) -> BlurEstimator:
    """Make the estimator of a name in ``ESTIMATORS``, or of an .onnx file written by ``refocal export``.

    Raises:
        InputError: If there is no such name; the message suggests a similar one.
    """
    if name.endswith(".onnx"):
        from refocal.estimators.focus import FocusMap
        from refocal.estimators.network_map import NetworkMap
        from refocal.inference.focus import is_focus
        from refocal.inference.network_file import open_network

        return FocusMap(name) if is_focus(open_network(name)) else NetworkMap(name)
    estimator: BlurEstimator = find(ESTIMATORS, name, "estimator").make()
    return estimator
