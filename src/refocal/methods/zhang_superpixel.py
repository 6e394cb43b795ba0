"""One deconvolution per superpixel, milder where the re-blurred result differs from the photo."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from array_api_compat import array_namespace, is_numpy_array
from numpy.typing import NDArray

from refocal.images.colour import srgb_to_linear
from refocal.images.grids import reduce_mean
from refocal.images.tiles import Region, apply_tiled, tile_size
from refocal.methods.hyper_laplacian import HyperLaplacian
from refocal.methods.levels import missing_blur
from refocal.optics.arrays import to_numpy
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.radius_levels import STEP_PX
from refocal.types import Array, Blur, Image, Needs, Tiling

# Achanta et al. 2012: ten iterations are enough for most images (section 3.2); distance to
# colour in CIELAB with m = 10 to 40 (section 3.1): the largest, as compact superpixels contain fewer different radii.
NUM_ITER, COMPACTNESS = 10, 40.0
GRID_MP = 0.1
"""Largest grid, in millions of cells, that superpixels are computed on: five of them need no finer detail."""
BYTES_PER_SAMPLE = 100
"""Peak memory per pixel and channel of a tile: hyper-laplacian's 64, two results and the blurred one."""


@dataclass(frozen=True)
class ZhangSuperpixel:
    """Each superpixel is restored with its mean radius; where the re-blurred result is wrong, with its smallest radius.

    The error is (y - H x)^2, H the whole blur map, averaged over the channels; where it is above ``max_error`` the
    pixel is taken from the milder restoration, which rings less. Under a ``Psf`` the image is one superpixel.

    **Substitutes**, labelled so in every table: superpixels by k-means on CIELAB colour and position (SLIC without its
    search window) instead of normalised cuts; ``HyperLaplacian`` instead of BM3D deblurring, whose licence forbids it
    here; disks or the map's own family instead of Gaussians. Superpixels depend on the whole image, so ``tiling`` is
    None; only the deconvolutions run in tiles.

    References: Zhang, Wang, Jiang, Wang & Gao, "Spatially variant defocus blur map estimation and deblurring from a
    single image", Journal of Visual Communication and Image Representation 2016; Achanta et al., "SLIC superpixels
    compared to state-of-the-art superpixel methods", IEEE TPAMI 2012.

    Attributes:
        num_superpixels: Number of superpixels (5 in Zhang et al.'s program).
        max_error: Squared error above which a pixel is restored more mildly (8e-4 in Zhang et al.: 0.028 of the full
            range, squared; their program has 1e-4).
        weight: Weight of the data term in ``HyperLaplacian`` (its 2000).

    Raises:
        ValueError: If an option is outside its range.
    """

    needs: ClassVar[Needs] = "blur"

    num_superpixels: int = 5
    max_error: float = 8e-4
    weight: float = 2000.0

    def __post_init__(self) -> None:
        if self.num_superpixels < 1:
            raise ValueError(f"Give num_superpixels of at least 1, not {self.num_superpixels}.")
        if not 0 < self.max_error < math.inf:
            raise ValueError(f"Give a max_error above 0, not {self.max_error}.")
        HyperLaplacian(self.weight)

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:
        """Restore (..., C, H, W) in [0, 1], C 1 or 3, under a ``Psf`` or ``BlurMap``.

        Raises:
            InputError: If no blur is given, or a map of another size.
        """
        if isinstance(blur, Psf):
            return HyperLaplacian(self.weight)(image, blur)
        if not isinstance(blur, BlurMap):
            raise missing_blur()
        blur.check_size(image)
        if image.ndim == 3:
            return self._one(image, blur)
        xp = array_namespace(image)
        batched = blur.radius_px.ndim > 2  # a map for each image of the batch
        singles = [
            self(image[i], replace(blur, radius_px=blur.radius_px[i] if batched else blur.radius_px, confidence=None))
            for i in range(image.shape[0])
        ]
        return xp.stack(singles)

    def tiling(self, half_px: int) -> Tiling | None:
        """None: superpixels depend on the whole image."""
        return None

    def _one(self, image: Image, blur: BlurMap) -> Image:
        """One image (C, H, W)."""
        labels = superpixels(_lab(to_numpy(image), blur.encoding == "linear"), self.num_superpixels)
        mean, smallest = _radii(np.asarray(to_numpy(blur.radius_px)), labels)
        height, width = labels.shape
        halo = HyperLaplacian(self.weight).tiling(blur.half_px).context_px + blur.half_px

        def restore_tile(tile: Image, region: Region) -> Image:
            part = blur.crop(region.rows, region.columns)
            return self._restored(tile, part, region.crop(mean), region.crop(smallest))

        tile_px = tile_size(height, width, bytes_per_pixel=BYTES_PER_SAMPLE * image.shape[0], halo_px=halo)
        if tile_px >= max(height, width) or not is_numpy_array(image) or blur.boundary == "periodic":
            return self._restored(image, blur, mean, smallest)
        return apply_tiled(restore_tile, image, tile_px=tile_px, halo_px=halo).astype(image.dtype, copy=False)

    def _restored(self, image: Image, blur: BlurMap, mean: Array, smallest: Array) -> Image:
        xp = array_namespace(image)
        method = HyperLaplacian(self.weight)
        restored = method(image, replace(blur, radius_px=mean, step_px=STEP_PX))
        error = xp.mean((image - blur.apply(restored)) ** 2, axis=-3, keepdims=True)
        milder = method(image, replace(blur, radius_px=smallest, step_px=STEP_PX))
        return xp.where(error > self.max_error, milder, restored)


def superpixels(lab: NDArray[np.floating], count: int) -> NDArray[np.intp]:
    """Divide an image into about ``count`` superpixels by k-means on colour and position, from a regular grid.

    Distances are |Lab - Lab'|^2 + (m / S)^2 |p - p'|^2, S^2 the pixels per superpixel (Achanta et al. 2012, eq. 3 with
    m = 40).

    Args:
        lab: (3, H, W), CIELAB.
        count: At least 1; an image of fewer cells gets fewer.

    Returns:
        (H, W), the label of each pixel's superpixel.
    """
    _, height, width = lab.shape
    factor = math.ceil(math.sqrt(height * width / (GRID_MP * 1e6)))
    cells = np.stack([reduce_mean(channel, factor) for channel in lab]).astype(np.float64)
    y, x = np.mgrid[: cells.shape[1], : cells.shape[2]]
    scale = COMPACTNESS / math.sqrt(y.size / count)
    features = np.concatenate([cells, scale * np.stack([y, x])]).reshape(5, -1).T
    centres = features[_seeds(cells.shape[1], cells.shape[2], count)]
    for _ in range(NUM_ITER):
        # |f - c|^2 without |f|^2, which is the same for every centre.
        nearest = np.argmin((centres**2).sum(1) - 2 * features @ centres.T, axis=1)
        for label in np.unique(nearest):
            centres[label] = features[nearest == label].mean(0)
    labels = nearest.reshape(y.shape)
    return np.repeat(np.repeat(labels, factor, 0), factor, 1)[:height, :width]


def _seeds(height: int, width: int, count: int) -> list[int]:
    """Cells spread over the grid in rows of equal length, up to one."""
    rows = min(max(round(math.sqrt(count * height / width)), 1), count, height)
    seeds = []
    for row in range(rows):
        in_row = min((row + 1) * count // rows - row * count // rows, width)
        y = (2 * row + 1) * height // (2 * rows)
        seeds += [y * width + (2 * column + 1) * width // (2 * in_row) for column in range(in_row)]
    return seeds


def _radii(radius_px: NDArray[np.floating], labels: NDArray[np.intp]) -> tuple[Array, Array]:
    """Two maps (H, W) float32: each superpixel's mean and smallest radius, rounded to svbr_net's levels.

    With a level's own radius, a superpixel needs one deconvolution.
    """
    mean, smallest = np.zeros(labels.max() + 1), np.zeros(labels.max() + 1)
    for label in np.unique(labels):
        inside = radius_px[labels == label]
        mean[label], smallest[label] = inside.mean(dtype=np.float64), inside.min()
    mean, smallest = (STEP_PX * np.round(values / STEP_PX) for values in (mean, smallest))
    return mean.astype(np.float32)[labels], smallest.astype(np.float32)[labels]


def _lab(image: NDArray[np.floating], linear: bool) -> NDArray[np.float32]:
    """CIELAB (3, H, W) of an image (1 or 3, H, W) in linear light or sRGB (IEC 61966-2-1; CIE 15, white D65)."""
    light = np.round(image * 255).astype(np.float32) / 255  # 8-bit steps: rounding errors must not move a superpixel
    light = light if linear else srgb_to_linear(light)
    light = np.broadcast_to(light, (3, *image.shape[1:]))
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], np.float32)
    white = to_xyz.sum(1)
    xyz = np.tensordot(to_xyz / white[:, None], light, 1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.stack([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])]).astype(np.float32)
