"""The web page of the gallery: what stands where, in HTML that needs nothing but the pictures beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from refocal.batch.report import slider_script
from refocal.images.colour_map import palette

MARK = '<meta name="generator" content="refocal gallery">'
"""By this a gallery is known, which may be replaced by a newer one."""


@dataclass(frozen=True)
class Figure:
    """One picture file.

    Attributes:
        file: Its path, seen from the page.
        size: Its width and height in pixels.
        alt: What it shows, for those who don't see it.
        caption: Below it.
        zoom: How many pixels of the screen show one of the picture, across and down.
        top: Of a blur map: the radius in pixels that has the last colour.
    """

    file: str
    size: tuple[int, int]
    alt: str
    caption: str
    zoom: int = 1
    top: float | None = None


@dataclass(frozen=True)
class Case:
    """One photo.

    Attributes:
        title: Its name.
        about: What was measured, in a sentence; may be empty.
        pair: Before and after, of one size.
        sharp: The same in focus, where somebody has photographed it.
        rows: A heading and pictures side by side, each.
    """

    title: str
    about: str
    pair: tuple[Figure, Figure]
    sharp: Figure | None
    rows: Sequence[tuple[str, Sequence[Figure]]]


@dataclass(frozen=True)
class Chapter:
    """The photos of one data set.

    Attributes:
        name: An identifier of letters, digits, ``-``, ``_`` and ``.``.
        title: What they are.
        about: How they were taken and measured.
        scores: Means over the photos, the first line the heads; none where no sharp photos are.
        cases: The photos.
    """

    name: str
    title: str
    about: str
    scores: Sequence[Sequence[str]]
    cases: Sequence[Case]


def page(title: str, about: str, chapters: Sequence[Chapter]) -> str:
    """The whole page."""
    links = "".join(f'<li><a href="#{chapter.name}">{escape(chapter.title)}</a></li>' for chapter in chapters)
    parts = "".join(_chapter(chapter) for chapter in chapters)
    return (
        _HEAD.replace("TITLE", escape(title)) + f"<h1>{escape(title)}</h1>\n<p>{escape(about)}</p>\n"
        f'<nav aria-label="Sets of photos"><ul>{links}</ul></nav>\n<main>\n{parts}</main>\n'
        + _FOOT.replace("SCRIPT", slider_script())
    )


def _chapter(chapter: Chapter) -> str:
    text = f'<section id="{chapter.name}">\n<h2>{escape(chapter.title)}</h2>\n<p>{escape(chapter.about)}</p>\n'
    if chapter.scores:
        head, *lines = chapter.scores
        cells = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
        text += f"<table>\n<tr>{cells}</tr>\n"
        for name, *figures in lines:
            cells = "".join(f"<td>{escape(figure)}</td>" for figure in figures)
            text += f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>\n'
        text += "</table>\n"
    return text + "".join(_case(case) for case in chapter.cases) + "</section>\n"


def _case(case: Case) -> str:
    before, after = case.pair
    width = before.size[0]
    sides = "".join(
        f'<div class="{word}">{_image(figure)}<span>{escape(figure.caption)}</span></div>'
        for word, figure in (("before", before), ("after", after))
    )
    compared = (
        f'<figure class="compare" style="--width:{width}px"><div class="frame">{sides}'
        '<input type="range" min="0" max="100" value="50" hidden aria-label="How much of the photo before restoring is '
        'shown, in percent"><i></i></div></figure>'
    )
    text = f"<article>\n<h3>{escape(case.title)}</h3>\n" + (f"<p>{escape(case.about)}</p>\n" if case.about else "")
    text += f'<div class="row">{compared}{_figure(case.sharp) if case.sharp else ""}</div>\n'
    for heading, figures in case.rows:
        text += f'<h4>{escape(heading)}</h4>\n<div class="row">{"".join(map(_figure, figures))}</div>\n'
    return text + "</article>\n"


def _figure(figure: Figure) -> str:
    scale = ""
    if figure.top is not None:
        stops = ", ".join(f"rgb({red} {green} {blue})" for red, green, blue in palette()[::51])
        ticks = "".join(f"<span>{figure.top * tick / 4:.1f}</span>" for tick in range(5))
        scale = f'<div class="scale" style="background:linear-gradient(to right, {stops})"></div>'
        scale += f'<div class="ticks" aria-hidden="true">{ticks}</div>'
    return f"<figure>{_image(figure)}{scale}<figcaption>{escape(figure.caption)}</figcaption></figure>"


def _image(figure: Figure) -> str:
    width, height = (side * figure.zoom for side in figure.size)
    return f'<img src="{figure.file}" width="{width}" height="{height}" alt="{escape(figure.alt)}" loading="lazy">'


_HEAD = (
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
"""
    + MARK
    + """
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>TITLE</title>
<style>
:root { --paper: #f5f5f3; --ink: #1c1c1a; --quiet: #63635f; --line: #d9d9d4; color-scheme: light dark }
@media (prefers-color-scheme: dark) { :root { --paper: #171716; --ink: #ecece8; --quiet: #9c9c96; --line: #363633 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 3rem 1.5rem; max-width: 1460px; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums }
p { max-width: 80ch; margin: .25rem 0 1rem }
a { color: inherit }
h1 { margin: 0 0 .5rem; font-size: 1.75rem } h2 { margin: 0; font-size: 1.375rem } h3 { margin: 0; font-size: 1.125rem }
h4 { margin: 1.25rem 0 .4rem; font-size: .875rem; font-weight: 400; color: var(--quiet) }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; padding: 0; list-style: none }
section { margin-top: 3rem; padding-top: 1.5rem; border-top: 2px solid var(--ink) }
article { margin-top: 2rem; padding-top: 1.5rem; border-top: 1px solid var(--line) }
.row { display: flex; flex-wrap: wrap; gap: .75rem; align-items: flex-start; overflow-x: auto }
figure { margin: 0; flex: none }
img { display: block }
figcaption, footer { color: var(--quiet); font-size: .875rem }
.frame { display: grid; grid-template-columns: auto auto; justify-content: start; gap: .5rem }
.frame > div { position: relative; width: fit-content }
.frame span { position: absolute; left: .5rem; top: .5rem; padding: .05rem .5rem; border-radius: 1rem;
  background: #000a; color: #fff; font-size: .8125rem }
.scale { height: .5rem; margin-top: .4rem }
.ticks { display: flex; justify-content: space-between; font-size: .8125rem }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .25rem 1.5rem .25rem 0; border-bottom: 1px solid var(--line); text-align: left; font-weight: 400 }
tr:first-child th { color: var(--quiet); font-size: .875rem }
@media screen {
  .js .frame { display: block; position: relative; width: var(--width); --cut: 50% }
  .js .frame .before { position: absolute; inset: 0; z-index: 1; width: auto;
    clip-path: inset(0 calc(100% - var(--cut)) 0 0) }
  .js .frame .after span { left: auto; right: .5rem }
  .js .frame input { position: absolute; inset: 0; z-index: 3; width: 100%; height: 100%; margin: 0; opacity: 0;
    cursor: ew-resize; touch-action: pan-y }
  .js .frame i { position: absolute; z-index: 2; top: 0; bottom: 0; left: var(--cut); width: 2px; margin-left: -1px;
    background: #fff; box-shadow: 0 0 3px #0009; pointer-events: none }
  .js .frame input:focus-visible + i { outline: 3px solid #4c8dff; outline-offset: 1px }
}
</style>
<script>document.documentElement.classList.add("js")</script>
</head>
<body>
"""
)

_FOOT = """<footer>Made on this machine with refocal. The photos belong to their photographers:
before you publish this page, see what the licences of their data sets allow.</footer>
SCRIPT
</body>
</html>
"""
