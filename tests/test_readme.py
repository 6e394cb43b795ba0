"""The commands and links of the README and the guides work."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from refocal.datasets import DATASETS
from refocal.evaluation.results import Row
from refocal.images.io import Photo, read, write
from refocal.methods import METHODS
from refocal.optics.blur import Psf
from refocal.optics.kernels import disk

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md"))),
]
PICTURES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")


def blocks(language):
    """Code blocks of all pages, as parameters named after the page."""
    found = []
    for page in PAGES:
        texts = re.findall(
            rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
        )
        found += [pytest.param(text, id=f"{page}-{place}") for place, text in enumerate(texts)]
    return found


@pytest.fixture
def desk(tmp_path):
    """A folder with the files that the pages name: small crops of the first example photo."""
    example = next(path for path in sorted((ROOT / "examples").iterdir()) if path.suffix in PICTURES)
    pixels = read(example).pixels
    top, left = pixels.shape[0] // 2 - 48, pixels.shape[1] // 2 - 64
    crop = Photo(pixels[top : top + 96, left : left + 128])
    height, width = crop.pixels.shape[:2]
    for name in (
        "photo.jpg",
        "sharp.jpg",
        "left.png",
        "right.png",
        "extra.tif",
        "photos/a.jpg",
        "photos/sub/b.png",
        "trip/day/c.jpg",
        "pairs/sharp/a.png",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / name, crop)
    (tmp_path / "pairs/blurred").mkdir()
    light = Psf(disk(2)).apply(np.moveaxis(crop.pixels / 255, -1, 0))
    write(
        tmp_path / "pairs/blurred/a.png", Photo(np.rint(255 * np.moveaxis(light, 0, -1)).clip(0, 255).astype(np.uint8))
    )
    write(tmp_path / "mask.png", Photo(np.full((height, width, 1), 255, np.uint8)))
    depth = np.linspace(1000, 4000, width).astype(np.uint16)
    write(tmp_path / "depth.png", Photo(np.broadcast_to(depth[None, :, None], (height, width, 1)).copy()))
    return tmp_path


def run(command, folder):
    """Run a command as in an activated environment."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("text", blocks("sh"))
def test_shell_commands_run(text, desk):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in text.replace("\\\n", " ").splitlines():
        command = line.partition(" #")[0].strip()
        if command.startswith("make "):
            assert re.search(rf"^{command.split()[1]}:", makefile, re.MULTILINE), command
        elif command:
            assert command.startswith("refocal "), f"no test for: {command}"
            run(["bash", "-c", command], desk)


@pytest.mark.parametrize("text", blocks("python"))
def test_python_lines_run(text, desk):
    run([sys.executable, "-W", "error", "-c", text], desk)


def test_the_first_command_and_the_first_python_line_restore_alike(desk):
    """The README's first command changes the photo, and its first Python line gives the same."""
    run(["refocal", "deblur", "photo.jpg", "-o", "restored.png"], desk)
    run([sys.executable, "-c", 'import refocal\nrefocal.deblur("photo.jpg").save("again.png")'], desk)
    before, after, again = (read(desk / name).pixels for name in ("photo.jpg", "restored.png", "again.png"))
    assert before.shape == after.shape
    assert np.array_equal(after, again)


@pytest.mark.parametrize("page", PAGES)
def test_links_have_targets(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)]+)\)", text):
        target, _, anchor = link.partition("#")
        if "://" not in link and target:
            assert ((ROOT / page).parent / target).exists(), link
        elif anchor:
            assert anchor in [
                re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-")
                for head in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
            ]


@pytest.fixture(scope="module")
def tables():
    spec = importlib.util.spec_from_file_location("readme_tables", ROOT / "benchmarks/readme_tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_tables_are_up_to_date(tables):
    assert tables.fill(README) == README, "run make tables"


def test_results_show_the_newest_number_of_each_method(tables):
    def row(method, value, options="", blur="estimated:zhuo-sim", data="lytro_pairs", date="2026-01-02", metric="psnr"):
        fixed = {"weights_sha256": "", "depth": "8-bit", "channels": "rgb", "border_px": 0, "fit": "none"}
        made = {"method": method, "options": options, "data": data, "blur": blur, "metric": metric, "value": value}
        return Row(
            **fixed,
            **made,
            ssim_window="",
            lpips_net="",
            lowest=0.0,
            highest=0.0,
            n=20,
            seconds_per_megapixel=0.51,
            version="0.1.0",
            commit="",
            date=date,
        )

    usual = f"noise_to_signal={METHODS['wiener'].make().noise_to_signal}"
    rows = [
        row("wiener", 23.126, usual),
        row("wiener", 1.0, usual, date="2026-01-01"),
        row("wiener", 0.61, usual, metric="ssim"),
        row("wiener", 22.0, "noise_to_signal=0.5"),
        row("identity", 22.478, blur="none"),
        row("identity", 30.0, blur="none", data="kodak24:none"),  # without another row to compare
    ]
    lines = [line for line in tables.results(rows).splitlines() if line.startswith("|")]
    assert lines == [
        "| method | lytro_pairs | s/MP |",
        "| --- | --- | --- |",
        "| `identity` | 22.48 | 0.5 |",
        "| `wiener` | **23.13** / **0.610** | 0.5 |",
        "| `wiener` noise_to_signal=0.5 | 22.00 | 0.5 |",
    ]


def test_every_data_set_is_described():
    page = (ROOT / "docs/data.md").read_text(encoding="utf-8")
    for name in DATASETS:
        assert f"| `{name}` |" in page, name
