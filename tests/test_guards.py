"""Properties of the package as a whole."""

import ast
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import refocal
from refocal.datasets import DATASETS
from refocal.estimators import ESTIMATORS
from refocal.methods import METHODS
from refocal.metrics import METRICS

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "src/refocal").rglob("*.py"))
MODULES = {
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__"): path for path in SOURCES
}
RUNTIME = [name for name in MODULES if not name.startswith("refocal.learn")]
HEAVY = {"numpy", "scipy", "PIL", "onnxruntime", "tifffile", "imagecodecs", "rich", "torch"}
BIN = Path(sys.executable).parent
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = SETTINGS["project"]
LAYERS = SETTINGS["tool"]["importlinter"]["contracts"][0]["layers"]  # top to bottom
TABLES = {"METHODS": METHODS, "ESTIMATORS": ESTIMATORS, "METRICS": METRICS, "DATASETS": DATASETS}

# Entries without a paper; the reason is in the comment.
NO_PAPER = {
    ("METHODS", "default"),  # of this project; its card describes the training
    ("METHODS", "fast"),  # likewise
    ("METHODS", "identity"),  # returns the image
    ("METHODS", "unsharp-mask"),  # from the darkroom; the reference in its docstring is for the formula only
    ("METRICS", "psnr"),  # elementary
    ("METRICS", "mae"),  # elementary
    ("METRICS", "map-mae"),  # elementary
    ("METRICS", "spearman"),  # elementary statistics
    ("DATASETS", "folder"),  # the user's own
    ("ESTIMATORS", "from-file"),  # likewise
    ("ESTIMATORS", "default"),  # of this project
    ("ESTIMATORS", "fast"),  # likewise
}
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")


def run_python(code, *arguments, cwd, **environment):
    """Run code in a fresh interpreter that writes no byte code; return its output."""
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    settings = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT / "src")} | environment
    done = subprocess.run(command, cwd=cwd, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_public_names_are_the_visible_ones_and_each_loads():
    assert set(dir(refocal)) == {*refocal.__all__, "__version__"}
    for name in refocal.__all__:
        assert getattr(refocal, name) is not None
    assert set(dir(refocal.metrics)) == set(refocal.metrics.__all__)
    assert all(callable(getattr(refocal.metrics, name)) for name in refocal.metrics.__all__ if name != "METRICS")
    with pytest.raises(AttributeError):
        _ = refocal.no_such_name


def test_parameters_of_the_public_calls():
    """Users' scripts depend on these names and their order."""
    names = ["image", "method", "blur", "strength", "mask", "tile_px", "target", "options", "device", "progress"]
    for call in (refocal.deblur, refocal.deblur_and_map):
        signature = inspect.signature(call).parameters
        assert list(signature) == names
        assert [name for name, given in signature.items() if given.kind is given.KEYWORD_ONLY] == names[6:]
    assert list(inspect.signature(refocal.estimate_blur).parameters) == ["image", "estimator", "device"]
    assert list(inspect.signature(refocal.fidelity).parameters) == ["blurred", "restored", "radius_px"]


def test_imports_respect_the_layers():
    tool = shutil.which("lint-imports", path=BIN) or shutil.which("lint-imports")
    assert tool, "lint-imports isn't installed: make test installs it"
    done = subprocess.run([tool, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_package_belongs_to_a_layer():
    """A new package outside the layers could import anything."""
    listed = {package.strip() for layer in LAYERS for package in layer.split("|")}
    assert {name.split(".")[1] for name in MODULES if "." in name} - {"__main__"} <= listed


def test_the_documentation_lists_the_same_layers():
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    block = re.search(r"^<!-- layers -->\n+```\w*\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert block, "docs/architecture.md has no block of layers"
    assert block[1].splitlines() == LAYERS


def test_modules_do_not_import_each_other_in_a_circle():
    """Late imports and those for type checkers count too."""
    graph = {name: imported(path) for name, path in MODULES.items()}
    # Types only, and under TYPE_CHECKING: the protocols name BlurMap, which is built from the types.
    graph["refocal.types"].remove("refocal.optics.blur")
    TopologicalSorter(graph).prepare()  # a CycleError names the circle


def imported(path):
    """Modules of the package that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by a relative name"
            members = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name in MODULES else node.module for name in members}
    return found & MODULES.keys()


BLOCK = """
import importlib, sys
LEARN = {"torch", "torchvision", "lightning_fabric", "safetensors", "pooch", "onnx", "onnxscript"}
LEARN |= {"matplotlib", "skimage"}
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in LEARN:
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Blocked())
"""


def test_the_runtime_needs_nothing_of_the_training_side(tmp_path):
    code = (
        BLOCK
        + """
import json
import numpy as np
from pathlib import Path
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
import refocal
from refocal.cli import main
from refocal.images.io import Photo, read, write
pixels = np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)
for folder in ("blurred", "sharp"):
    Path(folder).mkdir()
    write(f"{folder}/a.png", Photo(pixels))
assert main(["deblur", "blurred/a.png", "-o", "out.png", "--method", "wiener", "--radius-px", "2"]) == 0
assert (read("out.png").pixels != pixels).any()
assert refocal.deblur(pixels).shape == pixels.shape
assert refocal.deblur(pixels, "sharpness-unet").shape == pixels.shape
assert main(["evaluate", "--method", "unsharp-mask", "--data", ".", "--json", "rows.json"]) == 0
assert {row["metric"] for row in json.loads(Path("rows.json").read_text())} == {"psnr", "ssim"}
assert "torch" not in sys.modules
"""
    )
    quiet = "import sys, io; sys.stderr = io.StringIO()\n"  # progress lines
    run_python(quiet + code, json.dumps(RUNTIME), cwd=tmp_path)


def test_imports_change_no_state_and_print_nothing(tmp_path):
    code = """
import importlib, json, os, sys, warnings
import numpy as np
def state():
    kind, keys, *rest = np.random.get_state()
    return kind, keys.tobytes(), rest, os.getcwd(), dict(os.environ), np.geterr(), list(warnings.filters)
for name in json.loads(sys.argv[1]):
    before = state()
    importlib.import_module(name)
    assert state() == before, name
"""
    folder = {name: str(tmp_path) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME")} | {"ORT_DISABLE_TELEMETRY": "1"}
    # Third-party packages are loaded first: their own import effects do not count.
    third = "import scipy.ndimage, scipy.sparse.linalg, PIL.Image, tifffile, imagecodecs, rich.progress\n"
    third += "import torch, lightning_fabric, safetensors.torch, torch.optim.swa_utils, onnx, onnxscript, onnxruntime\n"
    assert run_python(third + code, json.dumps(list(MODULES)), cwd=tmp_path, **folder) == ""
    left = [path.name for path in tmp_path.iterdir()]
    assert [name for name in left if not name.startswith("torchinductor")] == []  # torch's own, at its import


def test_running_a_network_sends_no_telemetry(tmp_path):
    """ONNX Runtime's telemetry would leave its device id and its queue in these folders."""
    code = """
import os
import numpy as np
import refocal
before = dict(os.environ)
refocal.deblur(np.zeros((20, 20, 3), np.uint8), "sharpness-unet")
assert dict(os.environ) == before
"""
    folder = {name: str(tmp_path) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME")}
    run_python(code, cwd=tmp_path, **folder)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("verb", "text", "max_modules"), [("--help", "commands:", 9), ("methods", "wiener", 11)])
def test_a_start_imports_few_modules_and_no_heavy_one(verb, text, max_modules, tmp_path):
    """Start-up time in imports, which do not depend on the machine; benchmarks/core.py measures seconds."""
    code = "import sys; from refocal.cli import main; main(sys.argv[1:]); print('loaded', *sys.modules)"
    out, _, loaded = run_python(code, verb, cwd=tmp_path).rpartition("loaded ")
    assert text in out
    assert not {name.partition(".")[0] for name in loaded.split()} & HEAVY
    assert "importlib.metadata" not in loaded.split()  # slow; only --version reads it
    assert len([name for name in loaded.split() if name.partition(".")[0] == "refocal"]) <= max_modules


@pytest.mark.parametrize(("table", "name"), [(table, name) for table, entries in TABLES.items() for name in entries])
def test_every_entry_loads_and_is_documented(table, name):
    entry = TABLES[table][name]
    loaded = entry.load()
    assert callable(loaded)
    assert inspect.getdoc(loaded), f"{entry.target} has no docstring"
    assert 0 < len(entry.about) <= 80 and not entry.about.endswith(".")
    assert bool(entry.paper) != ((table, name) in NO_PAPER)
    if entry.paper:
        assert re.search(r"\b(19|20)\d\d\b", entry.paper), "a paper is cited with its year"


@pytest.mark.parametrize("name", METHODS)
def test_the_listing_states_the_blur_that_the_method_needs(name):
    """``Entry.needs`` repeats the class's, so that the listing imports no method."""
    assert METHODS[name].needs == METHODS[name].load().needs


def test_installed_command_starts(tmp_path):
    tool = shutil.which("refocal", path=BIN)
    assert tool, "refocal isn't installed: make test installs it"
    done = subprocess.run([tool, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"refocal {PROJECT['version']}\n"


def test_every_command_and_flag_is_documented():
    listed = subprocess.run([BIN / "refocal", "--help"], capture_output=True, text=True, check=True).stdout
    verbs = re.findall(r"^  ([a-z]+)  ", listed.partition("photo commands:")[2], flags=re.MULTILINE)
    assert {"deblur", "map", "blur", "methods", "evaluate"} <= set(verbs)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = readme + "".join(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").glob("*.md")))
    for verb in verbs:
        assert f"refocal {verb}" in readme, verb
        usage = subprocess.run([BIN / "refocal", verb, "--help"], capture_output=True, text=True, check=True).stdout
        usage = usage.partition("\nexamples:\n")[0]
        shared, _, own = usage.partition("\noptions of ")  # a method's own flags are documented by its class
        for flag in set(FLAG.findall(shared)) - set(FLAG.findall(own)) - {"--help"}:
            assert flag in FLAG.findall(pages), f"refocal {verb} {flag}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_file_is_too_long(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def test_nothing_is_unpickled_or_executed():
    """Weights and photos are untrusted: no pickle, no eval, no shell, anywhere in the package."""
    modules = {"pickle", "marshal", "shelve", "dill", "joblib"}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            where = f"{path}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import):
                assert not {alias.name.partition(".")[0] for alias in node.names} & modules, where
            elif isinstance(node, ast.ImportFrom):
                only_errors = all(
                    alias.name.endswith("Error") for alias in node.names
                )  # to catch the errors that torch raises
                assert only_errors or (node.module or "").partition(".")[0] not in modules, where
            elif isinstance(node, ast.Call):
                assert getattr(node.func, "id", "") not in {"eval", "exec"}, where
                assert getattr(node.func, "attr", "") not in {"system", "popen"}, where
                for keyword in node.keywords:
                    allowed = isinstance(keyword.value, ast.Constant) and not keyword.value.value
                    assert keyword.arg not in {"allow_pickle", "shell"} or allowed, where


def test_version_is_the_same_everywhere():
    version = PROJECT["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\S+)", changelog, flags=re.MULTILINE)
    assert newest is not None and newest[1] == version
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(rf"^version: {re.escape(version)}$", citation, flags=re.MULTILINE)
    assert refocal.__version__ == version


def test_the_licence_is_complete():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert text.lstrip().startswith("Apache License") and "END OF TERMS AND CONDITIONS" in text


def test_citation_file_is_valid():
    """The fields that the Citation File Format 1.2.0 requires."""
    import yaml

    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(cff) and cff["cff-version"] == "1.2.0"
    assert all(set(author) & {"name", "family-names"} for author in cff["authors"])
    assert cff["license"] == PROJECT["license"]
