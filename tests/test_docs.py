"""The documentation builds without a warning, and its API page lists every line of every table."""

import subprocess
import sys
from pathlib import Path

import pytest

import refocal

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    """The folder of the built pages."""
    out = tmp_path_factory.mktemp("html")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", out / "doctrees"]
    answer = subprocess.run([*command, ROOT / "docs", out / "html"], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return out / "html"


@pytest.mark.parametrize("table", ["METHODS", "ESTIMATORS", "METRICS", "DATASETS"])
def test_the_api_page_lists_every_entry(html, table):
    page = (html / "api.html").read_text(encoding="utf-8")
    for entry in getattr(refocal, table).values():
        assert f'id="{entry.target.replace(":", ".")}"' in page


def test_the_api_page_lists_every_public_name(html):
    page = (html / "api.html").read_text(encoding="utf-8")
    for name in refocal.__all__:
        assert f"refocal.{name}" in page
