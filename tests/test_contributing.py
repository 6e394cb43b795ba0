"""CONTRIBUTING.md: the file and the line of every extension point work as they stand on the page."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from refocal.images.io import Photo, write

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTIONS = re.findall(
    r"^`(src/refocal/\S+\.py)`:\n\n```python\n(.*?)^```.*?"
    r"^The line in `(\w+)`, `(\S+\.py)`.*?```(?:py|text)\n(.*?)^```",
    PAGE,
    re.DOTALL | re.MULTILINE,
)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the package, extended by all files and lines of the page; weights are links."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.onnx", "*.egg-info"))
    for path in (ROOT / "src/refocal/weights").glob("*.onnx"):
        (folder / "src/refocal/weights" / path.name).symlink_to(path)
    for path, code, table, listing, line in SECTIONS:
        (folder / path).write_text(code, encoding="utf-8")
        text = (folder / listing).read_text(encoding="utf-8")
        opening = re.compile(rf"^{table}(?:: .*)? = [{{(]\n", re.MULTILINE)
        changed = opening.sub(lambda found, line=line: found[0] + line, text)
        assert changed.count(line) == 1, listing
        (folder / listing).write_text(changed, encoding="utf-8")
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.fixture
def run(project, tmp_path):
    """Run the extended command in a folder with a photo and the new data set."""
    random = np.random.default_rng(0)
    (tmp_path / "my_set").mkdir()
    for name in ("photo.png", "my_set/input_01.png", "my_set/target_01.png"):
        write(tmp_path / name, Photo(random.integers(0, 256, (64, 72, 3), np.uint8)))

    def run_command(*words):
        code = (
            f"import sys; sys.path.insert(0, {str(project / 'src')!r}); from refocal.cli import main; sys.exit(main())"
        )
        command = [sys.executable, "-c", code, *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run_command


def test_the_page_has_the_five_extension_points():
    assert [table for _, _, table, _, _ in SECTIONS] == ["METHODS", "ESTIMATORS", "METRICS", "DATASETS", "MODULES"]


def test_the_files_are_clean(project):
    files = [project / name for path, _, _, listing, _ in SECTIONS for name in (path, listing)]
    for command in ("check", "format --check"):
        words = [sys.executable, "-m", "ruff", *command.split(), "--config", project / "pyproject.toml", *files]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_the_method_is_listed_with_its_flags_and_restores(run, tmp_path):
    assert "my-method" in run("methods")
    run("deblur", "photo.png", "-o", "out.png", "--method", "my-method", "--radius-px", "2", "--num-iter", "3")
    assert (tmp_path / "out.png").is_file()


def test_the_method_passes_the_contract(project):
    """Its quick parts."""
    chosen = "my-method and (any_size or missing or another_size or sharp_photo or flat or uniform_map)"
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen]
    environment = os.environ | {"PYTHONPATH": str(project / "src")}
    done = subprocess.run(
        [*words, "tests/methods/test_contract.py"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d\d passed", done.stdout)


def test_the_estimator_writes_a_map(run, tmp_path):
    run("map", "photo.png", "-o", "radius.npy", "--estimator", "my-estimator")
    assert np.load(tmp_path / "radius.npy").shape == (64, 72)


def test_the_metric_is_measured_on_the_data_set(run):
    words = ("--method", "identity", "--data", "my-set", "--data-root", ".", "--metrics", "my-metric")
    assert "my-metric" in run("evaluate", *words)


def test_the_recipe_is_shown(run):
    pytest.importorskip("torch")
    assert "eq. 3" in run("train", "my-recipe")
