"""Fig. 3 of Karaali and Jung 2022: a photo, its blur maps, and every method's result with each of them."""

from __future__ import annotations

from collections.abc import Sequence

from refocal.datasets import Pair, open_dataset
from refocal.metrics import psnr, q
from refocal.metrics.map_errors import map_mae
from refocal.metrics.structural import ssim_gaussian11
from refocal.optics.blur import BlurMap
from refocal.tables.blur_maps import Maps
from refocal.tables.contact_sheet import MAX_RADIUS_PX, Tile, coloured, montage
from refocal.tables.measure import to_scored
from refocal.tables.published import Cell, Line, PublishedTable, Settings
from refocal.tables.runnable import Estimator, Runnable, make_estimator_runnable, make_runnable
from refocal.types import Image, InputError

PHOTO, REAL_PHOTO = "kodim14", "image_22"  # a ramp from left to right; the sharpest of the three public photos
PREFERRED = ("dandres", "liu", "ebdb", "zhuo-sim", "dmenet", "jnb", "zhang")  # the paper shows the first two
ROWS = ("Zhang 2016 [24]", "[22] & [23]", "SVBR-Net GTB", "SVBR-Net")  # the methods of the paper's figure
COLUMNS = 3
ROWS_SHOWN = slice(60, 300)  # part of the image: the sheet fits on a screen


def figure_3(table: PublishedTable, found: Sequence[Cell], settings: Settings) -> bytes:  # noqa: ARG001
    """Fig. 3 on an image of ``kodak22``: the true map and two estimated ones.

    Raises:
        InputError: If the photo isn't among the data.
    """
    return _sheet(table, "kodak22", PHOTO, settings)


def figure_3_dandres(table: PublishedTable, found: Sequence[Cell], settings: Settings) -> bytes:  # noqa: ARG001
    """Fig. 3 on a photo of D'Andres et al.; without its sharp version and map, three estimated maps and Q.

    Raises:
        InputError: If the photo isn't among the data.
    """
    return _sheet(table, "dandres", REAL_PHOTO, settings)


def _sheet(table: PublishedTable, data: str, photo: str, settings: Settings) -> bytes:
    images = open_dataset(data, settings.data_root)
    pair = next((pair for pair in map(images.__getitem__, range(len(images))) if pair.name == photo), None)
    if pair is None:
        raise InputError(f"it shows {photo}, which isn't among the data")
    blurs = _blurs(table, data, pair, settings)
    first: list[Tile] = [(f"blurred, {_figures(pair.blurred, pair)}", pair.blurred[:, ROWS_SHOWN])]
    if pair.sharp is not None:
        first += [("sharp", pair.sharp[:, ROWS_SHOWN])]
    blind = Line("", method="default", blur="none", run="restore")
    first += [_restored("default, blind", make_runnable(blind, table.max_radius_px, settings.weights_dir), pair, None)]
    rows = [
        first,
        [(_map_head(head, blur, pair), coloured(blur.radius_px[ROWS_SHOWN])) for head, blur in blurs.items()],
    ]
    methods = {line.row: line.method for line in table.lines}
    for head in ROWS:
        runnable = make_runnable(Line("", method=methods[head]), table.max_radius_px, settings.weights_dir)
        if isinstance(runnable, Runnable):  # the page names the methods that aren't there
            rows += [[_restored(head, runnable, pair, blur) for blur in blurs.values()]]
    return montage(rows)


def _blurs(table: PublishedTable, data: str, pair: Pair, settings: Settings) -> dict[str, BlurMap]:
    """Head -> map: the true one, where it is known, and those of the first estimators that can be run."""
    blurs = {table.blur_heads["given"]: pair.extras["blur"]} if "blur" in pair.extras else {}
    maps = Maps(settings, lambda *_: None)
    for name in PREFERRED:
        estimator = make_estimator_runnable(name, table.max_radius_px)
        if isinstance(estimator, Estimator) and len(blurs) < COLUMNS:
            blurs[table.blur_heads[name]] = maps.of(estimator, data, [pair])[0]
    return blurs


def _restored(head: str, runnable: Runnable | str, pair: Pair, blur: BlurMap | None) -> Tile:
    if isinstance(runnable, str):
        return head, runnable
    image = to_scored(runnable.method(pair.blurred, blur), truncated=True)
    return f"{head}, {_figures(image, pair)}", image[:, ROWS_SHOWN]


def _figures(image: Image, pair: Pair) -> str:
    if pair.sharp is None:
        return f"Q {float(q(image)):.3f}"
    return f"{float(psnr(image, pair.sharp)):.2f} dB / {float(ssim_gaussian11(image, pair.sharp)):.3f}"


def _map_head(head: str, blur: BlurMap, pair: Pair) -> str:
    true = pair.extras.get("blur")
    if true is None or true is blur:
        return f"{head}, bar: 0 to {MAX_RADIUS_PX:.0f} px"
    return f"{head}, MAE {float(map_mae(blur.radius_px, true.radius_px)):.2f} px"
