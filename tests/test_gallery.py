import importlib
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image as PilImage

from refocal.methods.network import Network
from refocal.metrics import psnr
from refocal.optics.blur import BlurMap
from refocal.weights import locate

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def gallery():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield importlib.import_module("gallery")
    finally:
        sys.path.remove(str(BENCHMARKS))
        for name in ("gallery", "gallery_page"):
            sys.modules.pop(name, None)


class Reader(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data.strip())

    def of(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    PilImage.fromarray(pixels).save(path)


def noise(seed, height, width, channels=3):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


@pytest.fixture
def root(tmp_path):
    """A photo without truth, and a scene of three crops of grey with it."""
    save(tmp_path / "data/photos/out_of_focus0001.jpg", noise(1, 150, 200))
    sharp = noise(2, 140, 180, 1).repeat(3, 2)
    for code, change in (("original", 0), ("lbc", 20), ("mbc", 40), ("hbc", 60)):
        dimmed = np.clip(sharp.astype(int) - change, 0, 255).astype(np.uint8)
        save(tmp_path / f"data/mmsp2024_crops/Dataset_Examples/cup_{code}_crop.png", dimmed)
    return tmp_path / "data"


def make(gallery, root, out, *more):
    words = ["--data-root", str(root), "--data", "cuhk", "mmsp2024", "-o", str(out), *more]
    return gallery.main([*words, *([] if "--method" in more else ["--method", "unsharp-mask", "identity"])])


def test_the_page_shows_its_images_and_scores(gallery, root, tmp_path, capsys):
    out = tmp_path / "out"
    assert make(gallery, root, out) == 0 and str(out / "index.html") in capsys.readouterr().out
    text = (out / "index.html").read_text(encoding="utf-8")
    page = Reader(text)
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} - {"index.html"}
    shown = page.of("img")
    assert {unquote(image["src"]) for image in shown} == files
    zooms = set()
    for image in shown:
        with PilImage.open(out / image["src"]) as picture:
            zoom = int(image["width"]) / picture.width
            assert zoom == int(image["height"]) / picture.height and len(image["alt"]) > 10
            zooms.add(zoom)
    assert zooms == {1.0, 2.0}
    # One photo without truth, two of three blurred ones with it; high blur is left out.
    heads = [word for word in page.words if word.startswith(("out_of", "cup_"))]
    assert heads == ["out_of_focus0001", "cup_low", "cup_medium"]
    folder = root / "mmsp2024_crops/Dataset_Examples"
    levels = [
        np.asarray(PilImage.open(folder / f"cup_{code}_crop.png"))[..., 0] / 255 for code in ("original", "lbc", "mbc")
    ]
    low, medium = (float(psnr(blurred[None], levels[0][None])) for blurred in levels[1:])
    assert re.search(rf"input: PSNR {low:.2f} dB, SSIM 0\.\d+; unsharp-mask: PSNR .*identity: PSNR {low:.2f} dB", text)
    row = page.words.index("identity", page.words.index("PSNR gained, dB"))
    assert [word for word in page.words[row:] if word][1:5:3] == [f"{(low + medium) / 2:.2f}", "0"]
    assert [path.name for path in tmp_path.iterdir()].count("out") == 1
    assert not list(tmp_path.glob(".gallery-*"))


def test_nothing_is_fetched_and_the_slider_has_a_name(gallery, root, tmp_path):
    make(gallery, root, tmp_path / "out")
    text = (tmp_path / "out/index.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|src=\"(?!pictures/)|@import|url\(", text)
    page = Reader(text)
    assert (
        all("hidden" in slider and slider["aria-label"] for slider in page.of("input")) and len(page.of("input")) == 3
    )
    ids = {section["id"] for section in page.of("section")}
    assert {link["href"] for link in page.of("a")} == {f"#{name}" for name in ids} == {"#cuhk", "#mmsp2024"}


def test_the_predicted_blur_is_drawn_in_the_colours_of_the_report(gallery, tmp_path):
    (tmp_path / "pictures").mkdir()
    radius_px = np.full((40, 60), 0.5, np.float32)
    radius_px[:, 20:], radius_px[:, 50:] = 4.0, 8.0
    confidence = np.linspace(0, 1, 60, dtype=np.float32)[None].repeat(40, 0)
    album = gallery.Album(tmp_path)
    radius, sure = gallery._maps("set/1 a", BlurMap(radius_px, confidence=confidence), album)
    assert (radius.file, radius.size, radius.top) == ("pictures/set-1-a-radius.png", (60, 40), 8.0)
    assert "0.5 to 8.0 px, median 4.0 px" in radius.alt and "mean 0.50" in sure.alt
    with PilImage.open(tmp_path / radius.file) as drawn:
        np.testing.assert_array_equal(np.asarray(drawn)[5, [5, 30, 55]], [16, 128, 255])
        colours = np.asarray(drawn.convert("RGB"))
    assert colours[5, 55].tolist() == [0xFD, 0xE7, 0x25]  # viridis' last
    with PilImage.open(tmp_path / sure.file) as drawn:
        assert np.abs(np.asarray(drawn)[20] / 255 - confidence[20]).max() < 0.03
    (faint,) = gallery._maps("b", BlurMap(radius_px / 100), album)
    with PilImage.open(tmp_path / faint.file) as drawn:
        assert np.asarray(drawn).max() < 16  # a map of a photo in focus stays dark
    text = gallery.page(
        "A", "b", [gallery.Chapter("c", "d", "e", (), [gallery.Case("f", "", (sure, sure), None, [("g", [radius])])])]
    )
    assert {"0.0", "2.0", "4.0", "6.0", "8.0"} <= set(Reader(text).words)


def test_a_file_of_a_network_is_a_method(gallery):
    file = locate("sharpness-unet-beta-0")
    assert gallery._method(str(file)) == Network(str(file))


def test_details_show_the_largest_change_and_the_smallest_gain(gallery):
    from refocal.datasets import Pair, Protocol

    random = np.random.default_rng(0)
    sharp = random.uniform(0.2, 0.8, (1, 400, 500))
    blurred = sharp + random.choice((-0.1, 0.1), sharp.shape)
    restored = sharp + 0.5 * (blurred - sharp)
    restored[:, 200:326, 50:218] = sharp[:, 200:326, 50:218]  # all of it gained
    restored[:, 10:136, 320:488] = sharp[:, 10:136, 320:488] + 1.2 * (blurred - sharp)[:, 10:136, 320:488]  # spoilt
    most, least = gallery._details(Pair(blurred, sharp, "a"), restored, Protocol("a", "b"))
    assert most[2] == (slice(200, 326), slice(50, 218))
    assert least[2] == (slice(10, 136), slice(320, 488)) and "(-1.6 dB)" in least[0]  # 20 log10(1.2)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--data", "pixel4_dp/4"], "'pixel4_dp' isn't in .*: expected a folder pixel4_dp"),
        (["--data", "kodak24"], "no part of the gallery named 'kodak24'"),
        (["--method", "wienr"], "did you mean 'wiener'"),
        (["--method", "wiener", "wiener"], "have the same name"),
        (["-o", "nowhere/out"], "there is no folder"),
        (["--colour"], "see gallery.py --help"),
    ],
)
def test_mistakes_are_one_sentence_and_leave_nothing(gallery, root, tmp_path, monkeypatch, capsys, more, said):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert make(gallery, root, tmp_path / "out", *more) == 2
    error = capsys.readouterr().err
    assert re.search(said, error) and error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_gallery_is_replaced_whole_or_not_at_all(gallery, root, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    make(gallery, root, out, "--data", "cuhk")
    old = (out / "index.html").read_text(encoding="utf-8")

    def broken(*_):
        raise ArithmeticError

    monkeypatch.setattr(gallery, "page", broken)
    with pytest.raises(ArithmeticError):
        make(gallery, root, out)
    assert (out / "index.html").read_text(encoding="utf-8") == old and not list(tmp_path.glob(".gallery-*"))
    monkeypatch.undo()
    assert make(gallery, root, out) == 0
    assert "mmsp2024" in (out / "index.html").read_text(encoding="utf-8") and not list(tmp_path.glob(".gallery-*"))
    capsys.readouterr()
    (out / "index.html").write_text("<p>mine")
    assert make(gallery, root, out) == 2 and "is no gallery of refocal's" in capsys.readouterr().err
    assert (out / "index.html").read_text() == "<p>mine"


def test_without_any_photos_one_sentence_says_what_to_get(gallery, tmp_path, capsys):
    (tmp_path / "data").mkdir()
    assert gallery.main(["--data-root", str(tmp_path / "data"), "-o", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "get one of the sets cuhk, lytro_pairs" in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_sets_that_are_not_here_are_left_out(gallery, root, tmp_path, capsys):
    assert gallery.main(["--data-root", str(root), "-o", str(tmp_path / "out"), "--method", "identity"]) == 0
    assert "lytro_pairs isn't found and is left out" in capsys.readouterr().out
    assert (tmp_path / "out/index.html").is_file()
