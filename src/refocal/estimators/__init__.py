"""Blur-map estimators: image in, circle-of-confusion radius per pixel out; one file each."""

from refocal.catalog import Entry

ESTIMATORS: dict[str, Entry] = {
    "default": Entry("refocal.estimators.zhuo_sim:ZhuoSim", "zhuo-sim with its own defaults", "", "Zhuo & Sim 2011"),
    "zhuo-sim": Entry(
        "refocal.estimators.zhuo_sim:ZhuoSim", "re-blur ratio at edges, spread by propagation", "", "Zhuo & Sim 2011"
    ),
}
