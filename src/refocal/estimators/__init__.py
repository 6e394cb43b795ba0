"""Blur-map estimators: image in, circle-of-confusion radius per pixel out; one file each."""

from refocal.catalog import Entry, find
from refocal.types import BlurEstimator

ESTIMATORS: dict[str, Entry] = {
    "default": Entry("refocal.estimators.focus:FocusMap", "what the default method's network sees, with confidence"),
    "fast": Entry("refocal.estimators.focus:FocusMap", "the same of the method fast", "", "", {"weights": "fast"}),
    "zhuo-sim": Entry(
        "refocal.estimators.zhuo_sim:ZhuoSim", "re-blur ratio at edges, spread by propagation", "", "Zhuo & Sim 2011"
    ),
    "ebdb": Entry(
        "refocal.estimators.ebdb:Ebdb",
        "edges that last over scales, spread by the domain transform",
        "",
        "Karaali & Jung 2018",
    ),
    "jnb": Entry(
        "refocal.estimators.jnb:JNB",
        "atoms of a blurred-patch dictionary, spread by propagation",
        "",
        "Shi et al. 2015",
    ),
    "zhang": Entry(
        "refocal.estimators.zhang:Zhang",
        "gradient lost to re-blurring, spread by KNN matting",
        "",
        "Zhang et al. 2016",
    ),
    "dandres": Entry(
        "refocal.estimators.dandres:DAndres",
        "likelihood of 23 disks from local spectra (stand-in)",
        "",
        "D'Andres et al. 2016",
    ),
    "liu": Entry("refocal.estimators.liu:Liu", "dandres and a basis of edges (stand-in)", "", "Liu et al. 2020"),
    "dmenet": Entry(
        "refocal.estimators.network_map:NetworkMap",
        "trained network; train it or bring its weights",
        "",
        "Lee et al. 2019",
        {"weights": "dmenet"},
    ),
    "dual-pixel-learned": Entry(
        "refocal.estimators.network_map:NetworkMap",
        "trained network for the two views of a dual-pixel photo",
        "views",
        "Zhai et al. 2023",
        # 16 px at 252: on pixel4_dp/4 the mean rank correlation rises from 0.84 to 0.87.
        {"weights": "dual-pixel-map", "smooth": 1 / 16},
    ),
    "bambnet": Entry(
        "refocal.estimators.network_map:NetworkMap",
        "BaMBNet's network for the two views; train it or bring its weights",
        "views",
        "Liang et al. 2022",
        {"weights": "bambnet"},
    ),
    "from-file": Entry("refocal.estimators.from_file:FromFile", "a map that you have: --map FILE"),
}


def make_estimator(name: str) -> BlurEstimator:
    """The estimator of a name in ``ESTIMATORS``, or of an .onnx file that ``refocal export`` wrote.

    Raises:
        InputError: If there is no such name.
    """
    if name.endswith(".onnx"):
        from refocal.estimators.focus import FocusMap
        from refocal.estimators.network_map import NetworkMap
        from refocal.inference.focus import is_focus
        from refocal.inference.network_file import open_network

        return FocusMap(name) if is_focus(open_network(name)) else NetworkMap(name)
    estimator: BlurEstimator = find(ESTIMATORS, name, "estimator").make()
    return estimator
