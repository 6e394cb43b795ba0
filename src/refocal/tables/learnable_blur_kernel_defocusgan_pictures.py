"""Real scenes, as in Fig. 3 of learnable_blur_kernel_defocusgan: photo, map, what DefocusGAN makes of it, sharp."""

from __future__ import annotations

from collections.abc import Sequence

from refocal.datasets import Pair, Protocol, open_dataset
from refocal.metrics import psnr, spearman
from refocal.restore import restore
from refocal.tables.blur_maps import Maps
from refocal.tables.cells import Cell
from refocal.tables.learnable_blur_kernel_defocusgan_measure import as_scored, estimator_of, maps_of, true_map
from refocal.tables.published import Line, Settings
from refocal.tables.runnable import prepare
from refocal.tables.sheets import Tile, coloured, montage
from refocal.types import Image

DATA, MAP, METHOD = "pixel4_dp/4", "dual-pixel-learned", "defocusgan"


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
    image = restore(pair.blurred, ready.method).image
    return f"DefocusGAN, {_decibels(image, pair, protocol)}", image


def _decibels(image: Image, pair: Pair, protocol: Protocol) -> str:
    return f"{float(psnr(*as_scored(image, pair.sharp, protocol))):.2f} dB"
