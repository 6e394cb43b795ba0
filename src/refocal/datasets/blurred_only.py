"""Out-of-focus photos without a sharp version: only metrics without a reference can score them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from refocal.datasets import Pair, Protocol
from refocal.datasets.files import list_images, read_image, require


@dataclass(frozen=True)
class BlurredOnly:
    """Photos without ground truth.

    Attributes:
        name: Name of the data set.
        photos: Paths of the photos.
        segmentations: Stem of a photo -> hand-drawn binary segmentation into blurred and in focus, where there is one:
            ``extras["segmentation"]`` (H, W) in [0, 1], as drawn by the owners.
    """

    name: str
    photos: tuple[Path, ...]
    segmentations: dict[str, Path]

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> Pair:
        path = self.photos[index]
        drawn = self.segmentations.get(path.stem)
        return Pair(read_image(path), None, path.stem, {"segmentation": read_image(drawn)[0]} if drawn else {})

    @property
    def protocol(self) -> Protocol:
        """All pixels, all channels."""
        return Protocol(self.name, "no sharp photo: only metrics without a reference", "8-bit")


def cuhk(root: Path) -> BlurredOnly:
    """The 704 partly out-of-focus photos of the CUHK blur detection set: out_of_focus0001.jpg, ...

    They may lie in ``root``, ``root/image`` or ``root/BlurDatasetImage/image``, and the segmentations (PNG of the same
    name) in ``root/gt`` or ``root/BlurDatasetGT/gt``.

    Reference: J. Shi, L. Xu, J. Jia, "Discriminative Blur Detection Features", CVPR 2014.

    Raises:
        InputError: If there are none.
    """
    root = Path(root)
    places = (root, root / "image", root / "BlurDatasetImage" / "image")
    photos = (path for place in places for path in list_images(place) if path.stem.startswith("out_of_focus"))
    drawn = (path for place in (root / "gt", root / "BlurDatasetGT" / "gt") for path in list_images(place))
    found = require(photos, root, "out_of_focus0001.jpg, ...")
    return BlurredOnly("cuhk", found, {path.stem: path for path in drawn})
