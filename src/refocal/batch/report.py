"""The report of ``refocal deblur``: one web page with every photo before and after, which needs no other file."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path

import numpy as np

from refocal.files.whole import check_target, whole_file, writing
from refocal.images.colour_map import COLOURS, palette
from refocal.images.photo import Photo, to_eight_bit
from refocal.printable import printable
from refocal.types import Array, InputError

TEMPLATE = Path(__file__).with_name("report.html")
MAX_SIDE = 1400  # pixels: fills a laptop's screen, at about 0.4 MB an image
_SECTIONS = "<!-- sections -->\n"
_CROP = (480, 320)  # width and height of the detail at full size; two of them fit beside each other
_MAP_SIDE = 700  # a blur map is smooth
_GENERATOR = b'<meta name="generator" content="refocal">'


@dataclass(frozen=True, eq=False)
class PageEntry:
    """The section of one photo.

    Attributes:
        title: Name of the photo.
        before: The photo before restoring.
        after: The restored photo, of the same size.
        facts: Label -> text.
        radius_px: The blur map (H, W) that was used, in pixels of the photo; None where there was none.
    """

    title: str
    before: Photo
    after: Photo
    facts: Mapping[str, str]
    radius_px: Array | None = None


@contextmanager
def open_page(path: str | Path, title: str) -> Iterator[Callable[[PageEntry], None]]:
    """Write a page section by section, so that only one photo is in memory; the file appears whole, at the end.

    Yields:
        A function that adds a section.

    Raises:
        InputError: If ``check_page`` refuses the path, the disk does, or another file has the name by then.
    """
    path = Path(path)
    replaces = check_page(path)
    head, _, foot = TEMPLATE.read_text(encoding="utf-8").partition(_SECTIONS)
    # A run beside this one may write its report meanwhile: it is replaced like an older one.
    with whole_file(path, overwrite=replaces, may_replace=_is_report) as part:
        with writing(path):
            file = part.open("w", encoding="utf-8")

        def write(texts: Iterable[str]) -> None:
            with writing(path):
                file.writelines(texts)

        try:
            write([head.replace("TITLE", _text(title))])
            yield lambda entry: write(_section(entry))
            write([foot])
        finally:
            with writing(path):
                file.close()


def check_page(path: Path) -> bool:
    """Refuse the paths that ``open_page`` refuses, before any work is done.

    Returns:
        Whether a report of refocal's is there, which may be replaced.

    Raises:
        InputError: If the folder is missing or not writable, or the file exists and is no report of refocal's.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"The report {path} is a web page; give it a name that ends in .html.")
    exists = path.is_symlink() or path.exists()
    check_target(path, overwrite=exists)
    if not path.exists():
        return exists
    try:
        own = _is_report(path)
    except OSError as error:
        raise InputError(f"{path} exists and can't be read: {error.strerror}.") from error
    if not own:
        raise InputError(f"{path} exists and isn't a report of refocal's; choose another name for the report.")
    return True


def _is_report(path: Path) -> bool:
    with path.open("rb") as file:
        return _GENERATOR in file.read(1000)


def _text(words: str) -> str:
    return escape(printable(words))


def _section(entry: PageEntry) -> Iterator[str]:
    before, after = (_eight_bit(photo) for photo in (entry.before, entry.after))
    small_before, small_after = _reduced(before, MAX_SIDE), _reduced(after, MAX_SIDE)
    icc = entry.before.metadata.icc
    yield f"<section>\n<h2>{_text(entry.title)}</h2>\n"
    yield _comparison(small_before, small_after, icc)
    yield '<div class="more">\n'
    if small_before.shape != before.shape:
        box = _most_changed(before.shape, small_before, small_after)
        yield _comparison(before[box], after[box], icc, "Detail with the largest change, at full size")
    if entry.radius_px is not None:
        yield _map_figure(entry.radius_px)
    yield "<table>\n"
    for label, text in entry.facts.items():
        yield f'<tr><th scope="row">{_text(label)}</th><td>{_text(text)}</td></tr>\n'
    yield "</table>\n</div>\n</section>\n"


def _comparison(before: Array, after: Array, icc: bytes | None, caption: str = "") -> str:
    height, width = before.shape[:2]
    sides = "".join(
        f'<div class="{word}"><img width="{width}" height="{height}" alt="{word}" '
        f'src="{_jpeg(pixels, icc)}"><span>{word}</span></div>\n'
        for word, pixels in (("before", before), ("after", after))
    )
    return (
        f'<figure class="compare" style="--width:{width}px">\n<div class="frame">\n{sides}'
        f'<input type="range" min="0" max="100" step="1" value="50" hidden aria-label="Share of the photo before'
        f' restoring, in percent"><i></i></div>\n<figcaption>{caption}</figcaption>\n</figure>\n'
    )


def _map_figure(radius_px: Array) -> str:
    """The map in colours, with a scale below it from 0 to the largest radius."""
    from PIL import Image

    top = max(float(radius_px.max()), 0.5)  # a map of zeros is all dark
    levels = np.rint(np.asarray(radius_px, np.float32) * (255 / top)).astype(np.uint8)
    picture = Image.fromarray(_reduced(levels[..., None], _MAP_SIDE)[..., 0])
    picture.putpalette(palette().tobytes())
    file = BytesIO()
    picture.save(file, "PNG", optimize=True)
    ticks = "".join(f"<span>{top * i / 4:.1f}</span>" for i in range(5))
    stops = ", ".join(f"#{colour}" for colour in COLOURS)
    return (
        f'<figure class="map"><img alt="Blur map" width="{picture.width}" height="{picture.height}"'
        f' src="{_data_uri("png", file.getvalue())}">\n'
        f'<div class="scale" style="background:linear-gradient(to right, {stops})"></div>'
        f'<div class="ticks">{ticks}</div>\n'
        "<figcaption>Blur map: radius of the circle of confusion in pixels</figcaption></figure>\n"
    )


def _most_changed(shape: tuple[int, ...], small_before: Array, small_after: Array) -> tuple[slice, slice]:
    """Rows and columns of the full photo, ``_CROP`` large, where the squared difference is greatest."""
    change = np.mean((small_after.astype(np.float32) - small_before) ** 2, axis=-1, dtype=np.float64)
    scale = shape[1] / change.shape[1]
    width, height = (min(side, full) for side, full in zip(_CROP, (shape[1], shape[0]), strict=True))
    rows, columns = (min(max(round(side / scale), 1), n) for side, n in zip((height, width), change.shape, strict=True))
    total = np.pad(change.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    sums = total[rows:, columns:] - total[:-rows, columns:] - total[rows:, :-columns] + total[:-rows, :-columns]
    top, left = np.unravel_index(int(sums.argmax()), sums.shape)
    y, x = min(round(int(top) * scale), shape[0] - height), min(round(int(left) * scale), shape[1] - width)
    return slice(y, y + height), slice(x, x + width)


def _eight_bit(photo: Photo) -> Array:
    return to_eight_bit(photo.pixels) if photo.pixels.dtype == np.uint16 else photo.pixels


def _reduced(pixels: Array, max_side: int) -> Array:
    """(H, W, C) uint8 with no side longer than ``max_side``."""
    from PIL import Image

    longest = max(pixels.shape[:2])
    if longest <= max_side:
        return pixels
    size = [max(round(side * max_side / longest), 1) for side in (pixels.shape[1], pixels.shape[0])]
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    reduced = np.asarray(picture.resize((size[0], size[1]), Image.Resampling.LANCZOS))
    return reduced[..., None] if reduced.ndim == 2 else reduced


def _jpeg(pixels: Array, icc: bytes | None) -> str:
    from PIL import Image

    picture, file = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)), BytesIO()
    # The colour profile only: a page that is shared must not reveal where the photo was taken.
    picture.save(file, "JPEG", quality=90, subsampling=0, optimize=True, icc_profile=icc)
    return _data_uri("jpeg", file.getvalue())


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def slider_script() -> str:
    """The script that makes sliders of the comparisons, for other pages with the same ``.frame``."""
    return (
        "<script>\n"
        + TEMPLATE.read_text(encoding="utf-8").rpartition("<script>\n")[2].partition("</script>")[0]
        + "</script>"
    )
