import inspect
import subprocess
import sys

import numpy as np
import pytest

import refocal.metrics
from refocal.metrics import METRICS


@pytest.mark.parametrize("name", METRICS)
def test_the_arguments_of_every_metric_match_its_needs(name):
    entry = METRICS[name]
    arguments = list(inspect.signature(entry.load()).parameters)
    wanted = {"sharp": ["restored", "sharp"], "": ["image"], "map": ["estimated", "true"]}[entry.needs]
    assert arguments[: len(wanted)] == wanted
    assert ("sharp" in arguments) == (entry.needs == "sharp")


def test_variants_in_the_table_equal_options_of_the_functions():
    rng = np.random.default_rng(1)
    restored, sharp = rng.random((3, 32, 40)), rng.random((3, 32, 40))
    metrics = refocal.metrics
    assert METRICS["ssim"].load()(restored, sharp) == metrics.ssim(restored, sharp, "uniform7")
    assert METRICS["ssim-gaussian11"].load()(restored, sharp) == metrics.ssim(restored, sharp, "gaussian11")
    assert METRICS["q"].load()(sharp) == metrics.q(sharp, "eval")
    assert METRICS["q-zm"].load()(sharp) == metrics.q(sharp, "zm")
    assert METRICS["q-tf"].load()(sharp) == metrics.q(sharp, "tf")
    for p in (1, 2):
        score = METRICS[f"affine-invariant-error-{p}"].load()
        assert score(restored[0], sharp[0]) == metrics.affine_invariant_error(restored[0], sharp[0], p)


def test_public_names_are_functions_also_after_all_modules_are_imported():
    for entry in METRICS.values():
        entry.load()
    for name in refocal.metrics.__all__:
        assert name == "METRICS" or inspect.isfunction(getattr(refocal.metrics, name)), name
    assert dir(refocal.metrics) == sorted(refocal.metrics.__all__)
    with pytest.raises(AttributeError, match="no attribute 'fid'"):
        _ = refocal.metrics.fid


def test_importing_the_package_imports_no_heavy_module():
    code = (
        "import sys, refocal.metrics, refocal.weights; print({'numpy', 'scipy', 'torch', 'pooch'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
