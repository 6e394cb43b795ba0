"""Real scenes, as in Fig. 3 of learnable_blur_kernel_defocusgan: photo, map, what DefocusGAN makes of it, sharp."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np

from refocal.datasets import Pair, Protocol, open_dataset
from refocal.metrics import psnr, spearman
from refocal.page import palette
from refocal.restore import restore
from refocal.tables.cells import Cell
from refocal.tables.learnable_blur_kernel_defocusgan_measure import as_scored, estimator_of, maps_of, true_map
from refocal.tables.map_pictures import Tile
from refocal.tables.maps import Maps
from refocal.tables.published import Line, Settings
from refocal.tables.ready import prepare
from refocal.types import Array, Image

DATA, MAP, METHOD = "pixel4_dp/4", "dual-pixel-learned", "defocusgan"
MOST_PX = 6.0  # of the colours: the scenes' radii are up to 4.4 px at this scale
MARGIN_PX, HEAD_PX, BAR_PX, GREY = 6, 20, 10, 225


def figure_3(found: Sequence[Cell], settings: Settings) -> bytes:  # noqa: ARG001  drawn anew, not from the cells
    """Every scene of ``pixel4_dp/4`` as a row of four pictures; words where there are no weights.

    Raises:
        InputError: If the scenes aren't among the data.
    """
    dataset = open_dataset(DATA, settings.data_root)
    return montage([_scene(dataset[index], dataset.protocol, settings) for index in range(len(dataset))])


def _scene(pair: Pair, protocol: Protocol, settings: Settings) -> list[Tile]:
    return [
        (f"{pair.name}, {_decibels(pair.blurred, pair, protocol)}", pair.blurred),
        _map(pair, settings),
        _restored(pair, protocol, settings),
        ("all in focus", pair.sharp),
    ]


def _map(pair: Pair, settings: Settings) -> Tile:
    estimator = estimator_of(MAP, settings.weights_dir)
    if isinstance(estimator, str):
        return "map of both views", estimator
    (blur,) = maps_of(estimator, DATA, [pair], Maps(settings, lambda *_: None))
    true, known = true_map(pair)
    return f"map of both views, rho {float(spearman(blur.radius_px, true, known)):.3f}", coloured(blur.radius_px)


def _restored(pair: Pair, protocol: Protocol, settings: Settings) -> Tile:
    ready = prepare(Line("", method=METHOD), settings.weights_dir)
    if isinstance(ready, str):
        return "DefocusGAN", ready
    image = restore(pair.blurred, ready.method).image  # type: ignore[arg-type]  # a method, as no blur was asked for
    return f"DefocusGAN, {_decibels(image, pair, protocol)}", image


def _decibels(image: Image, pair: Pair, protocol: Protocol) -> str:
    return f"{float(psnr(*as_scored(image, pair.sharp, protocol))):.2f} dB"


def coloured(radius_px: Array) -> Image:
    """The map (H, W) in colours (3, H, W), 0 to 6 px, with the scale along its lower edge."""
    shown = np.array(radius_px, np.float32)
    shown[-BAR_PX:] = np.linspace(0, MOST_PX, shown.shape[1])
    levels = np.rint(np.clip(shown / MOST_PX, 0, 1) * 255).astype(np.uint8)
    return palette()[levels].transpose(2, 0, 1) / np.float32(255)


def montage(rows: Sequence[Sequence[Tile]]) -> bytes:
    """Rows of whole pictures (1 or 3, H, W) of one size under their heads, as a PNG file."""
    from PIL import Image as Pillow
    from PIL import ImageDraw, ImageFont

    height, width = next(image.shape[1:] for row in rows for _, image in row if not isinstance(image, str))
    across, down = width + MARGIN_PX, height + HEAD_PX + MARGIN_PX
    sheet = Pillow.new("RGB", (max(map(len, rows)) * across + MARGIN_PX, len(rows) * down + MARGIN_PX), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for row, tiles in enumerate(rows):
        for column, (head, image) in enumerate(tiles):
            left, top = MARGIN_PX + column * across, MARGIN_PX + row * down
            draw.text((left, top), head, "black", font)
            top += HEAD_PX
            if isinstance(image, str):
                draw.rectangle((left, top, left + width - 1, top + height - 1), (GREY,) * 3)
                draw.text((left + width // 4, top + height // 2), image, "black", font)
                continue
            levels = np.rint(np.clip(np.broadcast_to(image, (3, height, width)), 0, 1) * 255).astype(np.uint8)
            sheet.paste(Pillow.fromarray(np.ascontiguousarray(levels.transpose(1, 2, 0))), (left, top))
    stream = BytesIO()
    sheet.save(stream, "PNG", optimize=True)
    return stream.getvalue()
