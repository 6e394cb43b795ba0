import base64
import re
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from refocal.batch.report import PageEntry, open_page
from refocal.images.io import Metadata, Photo
from refocal.types import InputError


class Reader(HTMLParser):
    """Pictures, texts and tags of a page."""

    def __init__(self, text):
        super().__init__()
        self.pictures, self.tags, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        if tag == "img":
            kind, data = re.fullmatch(r"data:image/(\w+);base64,(.+)", attrs["src"]).groups()
            picture = Image.open(BytesIO(base64.b64decode(data)))
            assert picture.format.lower() == kind
            assert (int(attrs["width"]), int(attrs["height"])) == picture.size and attrs["alt"]
            self.pictures.append(picture)

    def handle_data(self, data):
        self.words.append(data)


def photo(height, width, channels=3, dtype=np.uint8):
    coarse = np.random.default_rng((5, height, width, channels)).integers(
        0, 256, (height // 16 + 1, width // 16 + 1, channels)
    )
    pixels = np.kron(coarse, np.ones((16, 16, 1)))[:height, :width]
    return Photo(pixels.astype(np.uint8) if dtype == np.uint8 else (pixels * 257).astype(np.uint16))


def page(tmp_path, *entries, title="Test"):
    path = tmp_path / "page.html"
    with open_page(path, title) as add:
        for entry in entries:
            add(entry)
    return Reader(path.read_text(encoding="utf-8"))


def test_both_pictures_are_in_the_page_as_they_are(tmp_path):
    before, after = photo(48, 80), photo(48, 80, 1, np.uint16)
    found = page(tmp_path, PageEntry("a.png", before, after, {"Method": "none"}))
    assert [picture.size for picture in found.pictures] == [(80, 48)] * 2
    assert [picture.mode for picture in found.pictures] == ["RGB", "L"]
    for picture, given in zip(found.pictures, (before, after), strict=True):
        seen = np.asarray(picture, float).reshape(given.pixels.shape)
        expected = given.pixels / (257 if given.pixels.dtype == np.uint16 else 1)
        assert np.abs(seen - expected).mean() < 2  # JPEG
    assert "Method" in found.words and "none" in found.words


def test_nothing_is_fetched_and_names_are_text(tmp_path):
    entry = PageEntry("<script>x</script>.png", photo(20, 20), photo(20, 20), {"<b>": "a & <i>b</i>"})
    found = page(tmp_path, entry, title="A & <B>")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://|//[a-z]|@import|url\(", re.sub(r"base64,[^\"]+", "", text))
    assert all(not {"src", "href"} & set(attrs) for tag, attrs in found.tags if tag != "img")
    assert sum(tag == "script" for tag, _ in found.tags) == 2
    assert {"<script>x</script>.png", "<b>", "a & <i>b</i>", "A & <B>"} <= set(found.words)
    sliders = [attrs for tag, attrs in found.tags if tag == "input"]
    assert len(sliders) == 1 and "hidden" in sliders[0] and sliders[0]["aria-label"]  # shown by the script alone


def test_a_large_photo_is_reduced_and_shown_in_full_where_most_changed(tmp_path):
    before = photo(1500, 2801)
    pixels = before.pixels.copy()
    pixels[900:1100, 2000:2300] = 255 - pixels[900:1100, 2000:2300]
    found = page(tmp_path, PageEntry("big", before, Photo(pixels), {}))
    assert [picture.size for picture in found.pictures] == [(1400, 750)] * 2 + [(480, 320)] * 2
    # The changed patch lies wholly within the detail: as much differs there as in the whole photo.
    changed = np.abs(np.asarray(found.pictures[2], int) - np.asarray(found.pictures[3], int)).mean(-1) > 24
    assert changed.sum() == pytest.approx((np.abs(before.pixels.astype(int) - pixels).mean(-1) > 24).sum(), rel=0.02)


def test_the_map_has_colours_by_radius_and_a_scale(tmp_path):
    radius_px = np.zeros((20, 30), np.float32)
    radius_px[:, 10:] = 4.0
    radius_px[:, 20:] = 8.0
    found = page(tmp_path, PageEntry("a", photo(20, 30), photo(20, 30), {}, radius_px))
    colours = np.asarray(found.pictures[2].convert("RGB"))
    assert colours[5, 5].tolist() == [0x44, 0x01, 0x54] and colours[5, 25].tolist() == [0xFD, 0xE7, 0x25]
    middle = [33, 145, 140]  # matplotlib's viridis at 0.5
    assert np.abs(colours[5, 15].astype(int) - middle).max() < 6
    assert {"0.0", "2.0", "4.0", "6.0", "8.0"} <= set(found.words)


def test_the_profile_is_kept_and_the_place_is_not(tmp_path):
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010F] = "Camera of the author"
    before = Photo(photo(20, 20).pixels, metadata=Metadata(exif=exif.tobytes(), icc=icc))
    found = page(tmp_path, PageEntry("a", before, before, {}))
    for picture in found.pictures:
        assert picture.info["icc_profile"] == icc
        assert not picture.getexif()


def test_the_page_appears_at_the_end_or_not_at_all(tmp_path):
    path = tmp_path / "page.html"

    with pytest.raises(ArithmeticError), open_page(path, "Test") as add:
        add(PageEntry("a", photo(20, 20), photo(20, 20), {}))
        assert not path.exists()
        raise ArithmeticError
    assert list(tmp_path.iterdir()) == []
    with open_page(path, "Test"):
        pass
    with open_page(path, "Again"):  # its own page may be replaced
        pass
    assert "<h1>Again</h1>" in path.read_text(encoding="utf-8")


def test_other_files_are_not_written_over(tmp_path):
    own = tmp_path / "index.html"
    own.write_text("<p>mine")
    for path, said in [
        (own, "isn't a report of refocal's"),
        (tmp_path / "page.png", "ends in .html"),
        (tmp_path / "none/page.html", "there is no folder"),
    ]:
        with pytest.raises(InputError, match=said), open_page(path, "Test"):
            pass
    assert own.read_text() == "<p>mine"


def test_a_report_that_another_run_finished_meanwhile_is_replaced_and_another_file_is_not(tmp_path):
    path = tmp_path / "r.html"
    with open_page(path, "second"), open_page(path, "first"):
        pass
    assert "second" in path.read_text()
    path.unlink()
    with pytest.raises(InputError, match="exists already"), open_page(path, "mine"):
        path.write_text("the user's")
    assert path.read_text() == "the user's"
