"""Before and after as one web page that needs nothing but itself: no network, no other file, readable without
script.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path

import numpy as np

from refocal.images.colour_map import COLOURS, palette
from refocal.images.io import part_path
from refocal.images.photo import Photo, to_eight_bit
from refocal.types import Array, InputError

MAX_SIDE = 1400  # pixels: fills a laptop's screen, at about 0.4 MB a picture
_CROP = (480, 320)  # of the detail shown pixel by pixel, width and height; two of them fit beside each other
_MAP_SIDE = 700  # a blur map is smooth
_GENERATOR = b'<meta name="generator" content="refocal">'


@dataclass(frozen=True, eq=False)
class PageEntry:
    """One photo's section.

    Attributes:
        title: Its name.
        before: As it was.
        after: As it is now, of the same size.
        facts: What to tell about it, label -> text.
        radius_px: The blur map (H, W) that was used, in pixels of the photo, if there was one.
    """

    title: str
    before: Photo
    after: Photo
    facts: Mapping[str, str]
    radius_px: Array | None = None


def write_page(path: str | Path, entries: Iterable[PageEntry], title: str) -> None:
    """Write a page with a section for each entry; they are taken one at a time.

    Raises:
        InputError: As ``open_page``.
    """
    with open_page(path, title) as add:
        for entry in entries:
            add(entry)


@contextmanager
def open_page(path: str | Path, title: str) -> Iterator[Callable[[PageEntry], None]]:
    """Write a page section by section, so that no more than one photo is held; it appears whole, at the end.

    Yields:
        A function that adds a section.

    Raises:
        InputError: If the folder is missing, or the file exists and is no page of refocal's.
    """
    path = Path(path)
    check_page(path)
    part = part_path(path.parent)
    try:
        with part.open("w", encoding="utf-8", errors="backslashreplace") as file:  # names of files may be any bytes
            file.write(_HEAD.replace("TITLE", escape(title)))
            yield lambda entry: file.writelines(_section(entry))
            file.write(_FOOT)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def check_page(path: Path) -> None:
    """Refuse what ``open_page`` would refuse, before any work is done.

    Raises:
        InputError: If the folder is missing, or the file exists and is no page of refocal's.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"The report {path} is a web page; give it a name that ends in .html.")
    if not path.parent.is_dir():
        raise InputError(f"{path} can't be written: there is no folder {path.parent}.")
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the report another name.")
    if path.exists():
        with path.open("rb") as file:
            if _GENERATOR not in file.read(1000):
                raise InputError(f"{path} exists and isn't a report of refocal's; choose another name for the report.")


def _section(entry: PageEntry) -> Iterator[str]:
    before, after = (_eight_bit(photo) for photo in (entry.before, entry.after))
    small_before, small_after = _reduced(before, MAX_SIDE), _reduced(after, MAX_SIDE)
    icc = entry.before.metadata.icc
    yield f"<section>\n<h2>{escape(entry.title)}</h2>\n"
    yield _comparison(small_before, small_after, icc)
    yield '<div class="more">\n'
    if small_before.shape != before.shape:
        box = _most_changed(before.shape, small_before, small_after)
        yield _comparison(before[box], after[box], icc, "Where most changed, pixel by pixel")
    if entry.radius_px is not None:
        yield _map_figure(entry.radius_px)
    yield "<table>\n"
    for label, text in entry.facts.items():
        yield f'<tr><th scope="row">{escape(label)}</th><td>{escape(text)}</td></tr>\n'
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
        f'<input type="range" min="0" max="100" step="1" value="50" hidden aria-label="How much of the photo before'
        f' restoring is shown, in percent"><i></i></div>\n<figcaption>{caption}</figcaption>\n</figure>\n'
    )


def _map_figure(radius_px: Array) -> str:
    """The map in colours, with a scale below it from 0 to the largest radius."""
    from PIL import Image

    top = max(float(radius_px.max()), 0.5)  # a map of nothing but 0 is all dark
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
        f'<div class="scale" style="background:linear-gradient(to right, {stops})"></div><div class="ticks">{ticks}</div>\n'
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
    # The profile only: a page that is sent around should not tell where the photo was taken.
    picture.save(file, "JPEG", quality=90, subsampling=0, optimize=True, icc_profile=icc)
    return _data_uri("jpeg", file.getvalue())


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


_HEAD = (
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
"""
    + _GENERATOR.decode()
    + """
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>TITLE</title>
<style>
:root { --paper: #f5f5f3; --ink: #1c1c1a; --quiet: #6b6b66; --line: #d9d9d4; color-scheme: light dark }
@media (prefers-color-scheme: dark) { :root { --paper: #171716; --ink: #ecece8; --quiet: #9c9c96; --line: #363633 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 3rem 1.5rem; max-width: 1448px; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif }
h1 { margin: 0 0 2.5rem; font-size: 1.75rem; font-weight: 600 }
h2 { margin: 0 0 .75rem; font-size: 1.125rem; font-weight: 600; overflow-wrap: anywhere }
section { padding: 2rem 0 3rem; border-top: 1px solid var(--line) }
figure { margin: 0; min-width: 0 }
img { display: block; max-width: 100%; height: auto; border-radius: 3px }
figcaption, footer, th { color: var(--quiet); font-size: .875rem }
figcaption:not(:empty) { margin-top: .4rem }
.frame { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem }
.frame > div { position: relative; width: fit-content }
.frame span { position: absolute; left: .6rem; top: .6rem; padding: .1rem .55rem; border-radius: 1rem; background: #000a;
  color: #fff; font-size: .8125rem }
.more { display: flex; flex-wrap: wrap; gap: 2rem; margin-top: 1.75rem; align-items: flex-start }
.more .compare { flex: 0 1 var(--width) }
.map { flex: 0 1 420px } .map img { width: 100% }
.scale { height: .6rem; margin-top: .5rem; border-radius: 3px }
.ticks { display: flex; justify-content: space-between; font-size: .8125rem; font-variant-numeric: tabular-nums }
table { border-collapse: collapse; flex: 1 1 300px; max-width: 600px; font-variant-numeric: tabular-nums }
th, td { padding: .35rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
th { width: 1%; padding-right: 1.5rem; font-weight: 400; white-space: nowrap } td { overflow-wrap: anywhere }
@media screen {
  .js .frame { display: block; position: relative; width: min(100%, var(--width)); --cut: 50% }
  .js .frame img { width: 100% }
  .js .frame > div { width: auto }
  .js .frame .before { position: absolute; inset: 0; z-index: 1; clip-path: inset(0 calc(100% - var(--cut)) 0 0) }
  .js .frame .after span { left: auto; right: .6rem }
  .js .frame input { position: absolute; inset: 0; z-index: 3; width: 100%; height: 100%; margin: 0; opacity: 0;
    cursor: ew-resize; touch-action: pan-y; appearance: none }
  .js .frame input::-webkit-slider-thumb { appearance: none; width: 1px; height: 1px }
  .js .frame input::-moz-range-thumb { width: 1px; height: 1px; border: 0 }
  .js .frame i { position: absolute; z-index: 2; top: 0; bottom: 0; left: var(--cut); width: 2px; margin-left: -1px;
    background: #fff; box-shadow: 0 0 3px #0009; pointer-events: none }
  .js .frame i::after { content: "\\2194"; position: absolute; top: 50%; left: 50%; translate: -50% -50%; width: 2rem;
    height: 2rem; border-radius: 50%; background: #fff; color: #222; box-shadow: 0 0 3px #0009;
    font: 1.1rem/2rem system-ui; text-align: center }
  .js .frame input:focus-visible + i { outline: 3px solid #4c8dff; outline-offset: 1px }
}
</style>
<script>document.documentElement.classList.add("js")</script>
</head>
<body>
<h1>TITLE</h1>
<main>
"""
)

_FOOT = """</main>
<footer>Made with refocal. Everything on this page is in this file.</footer>
<script>
for (const input of document.querySelectorAll(".frame input")) {
  const show = () => input.parentElement.style.setProperty("--cut", input.value + "%")
  input.hidden = false
  input.addEventListener("input", show)
  show()
}
</script>
</body>
</html>
"""
