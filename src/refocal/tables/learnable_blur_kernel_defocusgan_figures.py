"""Fig. 3 of learnable_blur_kernel_defocusgan on real scenes: photo, map, DefocusGAN's result, sharp."""

from __future__ import annotations

from collections.abc import Sequence

from refocal.datasets import Pair, Protocol, open_dataset
from refocal.evaluation.scoring import Metric, score
from refocal.tables.blur_maps import Maps
from refocal.tables.contact_sheet import Tile, coloured, montage
from refocal.tables.published import Cell, Line, PublishedTable, Settings
from refocal.tables.runnable import Estimator, make_estimator_runnable, make_runnable
from refocal.types import Image

DATA, MAP, METHOD = "pixel4_dp/4", "dual-pixel-learned", "defocusgan"


def figure_3(table: PublishedTable, found: Sequence[Cell], settings: Settings) -> bytes:  # noqa: ARG001
    """Every scene of ``pixel4_dp/4`` as a row of four images; words where there are no weights.

    Raises:
        InputError: If the scenes aren't among the data.
    """
    dataset = open_dataset(DATA, settings.data_root)
    estimator = make_estimator_runnable(MAP, table.max_radius_px, settings.weights_dir)
    runnable = make_runnable(
        Line("", method=METHOD, blur="none", run="restore"), table.max_radius_px, settings.weights_dir
    )
    maps = Maps(settings, lambda *_: None, table.disks)
    rows = []
    for index in range(len(dataset)):
        pair, protocol = dataset[index], dataset.protocol
        restored: Tile = (
            ("DefocusGAN", runnable)
            if isinstance(runnable, str)
            else _scored("DefocusGAN", runnable.method(pair.blurred, None), pair, protocol)
        )
        rows.append(
            [
                _scored(pair.name, pair.blurred, pair, protocol),
                _map(estimator, maps, pair, protocol),
                restored,
                ("all in focus", pair.sharp),
            ]
        )
    return montage(rows)


def _map(estimator: Estimator | str, maps: Maps, pair: Pair, protocol: Protocol) -> Tile:
    if isinstance(estimator, str):
        return "map of both views", estimator
    (blur,) = maps.of(estimator, DATA, [pair])
    rho = score(Metric.of("spearman"), pair.blurred, pair, protocol, blur)
    return f"map of both views, rho {rho:.3f}", coloured(blur.radius_px)


def _scored(head: str, image: Image, pair: Pair, protocol: Protocol) -> Tile:
    return f"{head}, {score(Metric.of('psnr'), image, pair, protocol):.2f} dB", image
