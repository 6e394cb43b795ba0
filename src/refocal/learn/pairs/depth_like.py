"""Training pairs for networks that estimate blur: sharp crops, blurred by a map like that of a scene with depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from refocal.datasets.radius_maps import window
from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.learn.nets.dmenet import RADIUS_PER_SIGMA
from refocal.learn.pairs.mapped import blur_each, numpy_generator
from refocal.learn.pairs.uniform import luma8, rounded
from refocal.optics.blur import BlurMap
from refocal.types import Encoding

MAX_SHAPES = 4
"""Maximum number of shapes in front of the background; ours."""


@dataclass(frozen=True)
class LayeredSceneBlur:
    """A random map of layered planes for every crop, and the crop gathered by it; 8 bits, no noise.

    The circle of confusion is linear in the inverse depth, and the inverse depth of a plane is linear in image
    coordinates, so every surface of a scene is a signed ramp, whose absolute value is the radius: 0 along the line in
    focus. DMENet's own photos (SYNDOF) come with depth, rendered or measured; random maps share no outlines with the
    photo, so the network can infer the radius from the blur alone.

    Attributes:
        kernel: ``gaussian`` with the sigma that blurs edges as the disk of the radius does, as DMENet takes it, or
            ``disk``.
        max_radius_px: Largest radius; DMENet predicts at most 12.8.
        by_rule: Fraction of the maps that are one of svbr_net's 13 kinds instead, all of at most 6 px.
        colour: Whether images have three channels, or luma alone.
        encoding: ``srgb`` blurs the sRGB values, ``linear`` the linear light, as a lens does.
    """

    kernel: Literal["gaussian", "disk"] = "gaussian"
    max_radius_px: float = 12.0
    by_rule: float = 0.25
    colour: bool = True
    encoding: Encoding = "srgb"

    def __call__(self, crops: Tensor, random: torch.Generator) -> dict[str, Tensor]:
        """Make ``blurred``, ``sharp`` (N, 3 or 1, H, W) and ``radius_px`` (N, 1, H, W), float32.

        Args:
            crops: uint8 (N, H, W, 3 or more).
            random: Generator of maps.
        """
        sharp = (crops[..., :3].to(torch.float32) / 255).permute(0, 3, 1, 2) if self.colour else luma8(crops)
        count, _, height, width = sharp.shape
        radius_px = layered_radius(count, (height, width), random) * self.max_radius_px
        if self.by_rule:
            generator = numpy_generator(random)
            for i in np.flatnonzero(generator.random(count) < self.by_rule):
                ruled = torch.from_numpy(window(generator, (height, width)).copy()).to(sharp.device)
                radius_px[i] = ruled.clamp(max=self.max_radius_px)
        return {"blurred": rounded(self._blur(sharp, radius_px)), "sharp": sharp, "radius_px": radius_px[:, None]}

    def _blur(self, sharp: Tensor, radius_px: Tensor) -> Tensor:
        if self.kernel == "gaussian":
            radius_px = radius_px * (2 / RADIUS_PER_SIGMA)  # a blur map's Gaussians have a sigma of half the radius
        light = srgb_to_linear(sharp) if self.encoding == "linear" else sharp
        blurred = blur_each(light, radius_px, lambda radius: BlurMap(radius, self.kernel, encoding=self.encoding))
        return linear_to_srgb(blurred) if self.encoding == "linear" else blurred


def layered_radius(count: int, shape: tuple[int, int], random: torch.Generator, *, signed: bool = False) -> Tensor:
    """Random maps of a background plane and up to four shapes over it, each a plane of its own.

    Shapes are rotated superellipses |u|^p + |v|^p < 1 of p = 1 (a rhombus), 2 or 8 (nearly a rectangle), of an eighth
    to the whole of the image's side. A third of the surfaces face the camera and have one radius; a fifth of all are in
    focus, there or at the centre of the image. All of it is ours.

    Args:
        count: Number of maps.
        shape: Height and width.
        random: Generator; the maps are made on its device.
        signed: Keep the planes' sign: negative in front of the plane in focus. A shape may lie behind the surface that
            it covers, like a hole.

    Returns:
        (count, H, W) float32 in [0, 1], or in [-1, 1].
    """
    device = random.device
    down, across = (
        torch.linspace(-1, 1, side, device=device).view(view)
        for side, view in zip(shape, ((1, -1, 1), (1, 1, -1)), strict=True)
    )
    shapes = torch.randint(MAX_SHAPES + 1, (count, 1, 1), generator=random, device=device)
    radius = torch.zeros((count, *shape), device=device)
    for number in range(MAX_SHAPES + 1):
        u01 = torch.rand((11, count, 1, 1), generator=random, device=device)
        middle = (2 * u01[0] - 1) * (u01[1] > 0.2)
        slope = u01[2] * (u01[3] > 1 / 3)
        angle = 2 * torch.pi * u01[4]
        plane = (middle + slope * (angle.cos() * across + angle.sin() * down)).clamp(-1, 1)
        angle_of_shape = torch.pi * u01[5]
        x, y = across - (2 * u01[6] - 1), down - (2 * u01[7] - 1)
        u = (angle_of_shape.cos() * x + angle_of_shape.sin() * y).abs() / 8 ** (u01[8] - 1)
        v = (angle_of_shape.cos() * y - angle_of_shape.sin() * x).abs() / 8 ** (u01[9] - 1)
        power = torch.tensor([1.0, 2.0, 8.0], device=device)[(3 * u01[10]).long()]
        inside = (u**power + v**power < 1) & (number <= shapes)
        radius = torch.where(inside | (number == 0), plane, radius)
    return radius if signed else radius.abs()
