"""Fig. 3 of Karaali and Jung 2022: a photo, its blur maps, and what every method makes of each of them."""

from __future__ import annotations

from collections.abc import Sequence

from refocal.datasets import Pair, open_dataset
from refocal.metrics import psnr, q
from refocal.metrics.map_errors import map_mae
from refocal.metrics.structural import ssim_gaussian11
from refocal.optics.blur import BlurMap
from refocal.tables.blur_maps import Maps
from refocal.tables.cells import Cell
from refocal.tables.map_grid import DECONVOLUTION, GTB, MAPS, SVBR
from refocal.tables.measure import to_scored
from refocal.tables.published import Line, Settings
from refocal.tables.runnable import MAX_RADIUS_PX, Estimator, Ready, prepare, prepare_estimator
from refocal.tables.sheets import Tile, coloured, montage
from refocal.types import Image, InputError

PHOTO, REAL_PHOTO = "kodim14", "image_22"  # a ramp from left to right; the sharpest of the three public photos
FIRST_ASKED = ("dandres", "liu", "ebdb", "zhuo-sim", "dmenet", "jnb", "zhang")  # the paper shows the first two
METHODS = {
    "Zhang 2016 [24]": "zhang-superpixel",
    DECONVOLUTION: "levin-krishnan",
    GTB: "svbr-net-gtb",
    SVBR: "svbr-net",
}
COLUMNS = 3
ROWS_SHOWN = slice(60, 300)  # of a picture: enough to see, and the sheet fits on a screen's width


def figure_3(found: Sequence[Cell], settings: Settings) -> bytes:  # noqa: ARG001  drawn anew, not from the cells
    """Fig. 3 on a picture of ``kodak22``: the true map and two estimated ones.

    Raises:
        InputError: If the photo isn't among the data.
    """
    return _sheet("kodak22", PHOTO, settings)


def figure_3_dandres(found: Sequence[Cell], settings: Settings) -> bytes:  # noqa: ARG001  drawn anew, not from the cells
    """Fig. 3 on a photo of D'Andres et al.; without its sharp version and map, three estimated maps and Q.

    Raises:
        InputError: If the photo isn't among the data.
    """
    return _sheet("dandres", REAL_PHOTO, settings)


def _sheet(data: str, photo: str, settings: Settings) -> bytes:
    pictures = open_dataset(data, settings.data_root)
    pair = next((pair for pair in pictures if pair.name == photo), None)
    if pair is None:
        raise InputError(f"it shows {photo}, which isn't among the data")
    blurs = _blurs(pair, settings)
    first: list[Tile] = [(f"blurred, {_figures(pair.blurred, pair)}", pair.blurred[:, ROWS_SHOWN])]
    if pair.sharp is not None:
        first += [("sharp", pair.sharp[:, ROWS_SHOWN])]
    first += [_restored("default, blind", Line("", method="default", blur="none"), pair, None, settings)]
    rows = [
        first,
        [(_map_head(head, blur, pair), coloured(blur.radius_px[ROWS_SHOWN])) for head, blur in blurs.items()],
    ]
    for head, method in METHODS.items():
        line = Line("", method=method)
        if isinstance(prepare(line, settings.weights_dir), Ready):  # the page tells which methods aren't there
            rows += [[_restored(head, line, pair, blur, settings) for blur in blurs.values()]]
    return montage(rows)


def _blurs(pair: Pair, settings: Settings) -> dict[str, BlurMap]:
    """Head -> map: the true one, where it is known, and those of the first estimators that can be run."""
    blurs = {MAPS["given"]: pair.extras["blur"]} if "blur" in pair.extras else {}
    maps = Maps(settings, lambda *_: None)
    for name in FIRST_ASKED:
        estimator = prepare_estimator(name)
        if isinstance(estimator, Estimator) and len(blurs) < COLUMNS:
            blurs[MAPS[name]] = maps.of(estimator, [pair])[0]
    return blurs


def _restored(head: str, line: Line, pair: Pair, blur: BlurMap | None, settings: Settings) -> Tile:
    ready = prepare(line, settings.weights_dir)
    if not isinstance(ready, Ready):
        return head, ready
    image = to_scored(ready.method(pair.blurred, blur), truncated=True)
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
