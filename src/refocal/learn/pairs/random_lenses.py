"""Kernels of many random lenses on the training device: disks and polygons with soft, bright or cut-off rims."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from refocal.images.colour import LUMA_WEIGHTS
from refocal.learn.pairs.selection import any_chosen

OVERSAMPLING = 3
"""Factor by which the grid that kernels are drawn on is finer than the pixels."""

SPREAD_AT_PX = 6.0
"""The radius at which a lens's kernel is compared with a uniform disk."""

MIN_RIM_PX = 0.15
"""Smallest softness of the rim in pixels; sharper ones show the oversampling grid."""


@dataclass(frozen=True)
class Lenses:
    """Ranges of the random lenses. A field of 0 leaves that deviation from a uniform disk out.

    A measured lens (pixel4_dp) has a rim 2 to 3 px soft at radius 11, ellipses up to 1.4:1 and one side brighter; the
    other numbers are ours.

    Attributes:
        rim: Largest softness of the rim, as a fraction of the radius; the smallest is a quarter of it.
        polygons: Fraction of the lenses with 5 to 9 iris blades.
        cat_eye: Largest shift of the aperture's two ends against each other, in radii, as in the corners of a photo.
        ellipse: Largest ratio of the long axis to the short one, minus 1.
        tilt: Largest difference of the brightness of one side, as a fraction of the mean.
        ring: Largest difference of the brightness of the rim from that of the centre, by spherical aberration.
        chromatic: Largest difference of the radius of red and blue from that of green, as a fraction.
    """

    rim: float = 0.25
    polygons: float = 0.4
    cat_eye: float = 0.5
    ellipse: float = 0.4
    tilt: float = 0.4
    ring: float = 0.5
    chromatic: float = 0.04


@dataclass(frozen=True)
class Drawn:
    """Random lenses; every field has a value, (N,), for each of them.

    ``spread`` is the root mean square distance of the light from the centre of the kernel, divided by that of a uniform
    disk of the same nominal radius. Cut-off apertures have less, soft rims more. ``right`` and ``below`` are the place
    of that centre in radii; kernels are drawn around it, because a shift of the whole image is no blur, and no network
    could undo it.
    """

    rim: Tensor
    blades: Tensor
    turn: Tensor
    roundness: Tensor
    shift: Tensor
    stretch: Tensor
    tilt: Tensor
    ring: Tensor
    chromatic: Tensor
    toward: Tensor
    spread: Tensor
    right: Tensor
    below: Tensor

    def __getitem__(self, index: Tensor | slice) -> Drawn:
        return Drawn(**{name: value[index] for name, value in vars(self).items()})


def draw(lenses: Lenses, count: int, random: torch.Generator) -> Drawn:
    """``count`` random lenses, on the generator's device."""
    u = torch.rand((12, count), generator=random, device=random.device)
    both = 2 * u - 1
    lens = Drawn(
        rim=lenses.rim * (0.25 + 0.75 * u[0]),
        blades=torch.where(u[1] < lenses.polygons, torch.floor(5 + 5 * u[2]), torch.zeros_like(u[2])),
        turn=2 * math.pi * u[3],
        roundness=u[4],
        shift=lenses.cat_eye * u[5] ** 2,  # most pixels of a photo are near its centre
        stretch=lenses.ellipse * u[6] ** 2,
        tilt=lenses.tilt * both[7],
        ring=lenses.ring * both[8],
        chromatic=lenses.chromatic * both[9],
        toward=2 * math.pi * u[10],
        spread=torch.ones(count, device=random.device),
        right=torch.zeros(count, device=random.device),
        below=torch.zeros(count, device=random.device),
    )
    (spread, right, below), (ideal, _, _) = _moments(lens), _moments(_ideal(lens[:1]))
    return replace(lens, spread=spread / ideal, right=right / SPREAD_AT_PX, below=below / SPREAD_AT_PX)


def luma_kernels(radius_px: Tensor, lenses: Drawn, half_px: int) -> Tensor:
    """The kernels (N, S, S) of the luma, of sum 1 and odd side S = 2 half_px + 1, for radii (N,) in pixels.

    A radius of 0 gives one pixel; the radius of a cut-off or polygonal aperture is that of the whole disk, and larger
    than that of the disk of the same spread, by 1 / ``lenses.spread``.
    """
    side = 2 * half_px + 1
    axis = (torch.arange(side * OVERSAMPLING, device=radius_px.device) - (side * OVERSAMPLING - 1) / 2) / OVERSAMPLING
    kernels = torch.zeros((len(radius_px), side, side), device=radius_px.device)
    coloured = any_chosen(lenses.chromatic != 0)
    for share, step in zip(LUMA_WEIGHTS, (1.0, 0.0, -1.0), strict=True):
        if step and not coloured:
            continue
        weight = share if coloured else 1.0
        kernels = kernels + weight * _kernels(radius_px * (1 + step * lenses.chromatic), lenses, axis)
    return kernels


def _ideal(lenses: Drawn) -> Drawn:
    """Uniform disks in place of the lenses."""
    return Drawn(**{name: torch.zeros_like(value) for name, value in vars(lenses).items()} | {"spread": lenses.spread})


def _moments(lenses: Drawn) -> tuple[Tensor, Tensor, Tensor]:
    """Root mean square distance from the centre of the kernel, and its place, in pixels, at ``SPREAD_AT_PX``."""
    half_px = round(2 * SPREAD_AT_PX)
    kernels = luma_kernels(torch.full_like(lenses.rim, SPREAD_AT_PX), lenses, half_px)
    axis = torch.arange(-half_px, half_px + 1, device=kernels.device, dtype=kernels.dtype)
    below, right = (kernels * axis[:, None]).sum((1, 2)), (kernels * axis).sum((1, 2))
    distance = (kernels * (axis[:, None].square() + axis.square())).sum((1, 2))
    return (distance - below.square() - right.square()).sqrt(), right, below


def _kernels(radius_px: Tensor, lenses: Drawn, axis: Tensor) -> Tensor:
    radius, rim, tilt, ring, stretch, shift = (
        value[:, None, None]
        for value in (radius_px.clamp(min=1e-3), lenses.rim, lenses.tilt, lenses.ring, lenses.stretch, lenses.shift)
    )
    cos, sin = lenses.toward.cos()[:, None, None], lenses.toward.sin()[:, None, None]
    x, y = axis + lenses.right[:, None, None] * radius, axis[:, None] + lenses.below[:, None, None] * radius
    along, across = cos * x + sin * y, cos * y - sin * x
    # An ellipse of the disk's area, its short axis toward the centre of the photo.
    long = (1 + stretch).sqrt()
    along, across = along * long, across / long
    distance = (along.square() + across.square()).sqrt()
    width = (rim * radius).clamp(min=MIN_RIM_PX)
    light = torch.sigmoid((_edge(radius, along, across, lenses) - distance) * (2 / width))
    other = ((along - shift * radius).square() + across.square()).sqrt()
    light = light * torch.where(shift > 0, torch.sigmoid((radius - other) * (2 / width)), torch.ones_like(light))
    reach = (distance / radius).clamp(max=1)
    light = light * (1 + tilt * (along / radius).clamp(-1, 1)) * (1 + ring * (reach.square() - 0.5))
    light = functional.avg_pool2d(light[:, None], OVERSAMPLING)[:, 0]
    return light / light.sum((-2, -1), keepdim=True)


def _edge(radius: Tensor, along: Tensor, across: Tensor, lenses: Drawn) -> Tensor:
    """Radius of the aperture in the direction of each point: of a polygon of the disk's area, with rounded blades."""
    blades = lenses.blades[:, None, None]
    if not any_chosen(blades > 0):
        return radius
    sides = blades.clamp(min=5)
    sector = 2 * math.pi / sides
    angle = torch.remainder(torch.atan2(across, along) + lenses.turn[:, None, None], sector) - sector / 2
    area = (math.pi / (sides * torch.tan(math.pi / sides))).sqrt()
    polygon = radius * area / torch.cos(angle)
    round_ = lenses.roundness[:, None, None]
    return torch.where(blades > 0, round_ * radius + (1 - round_) * polygon, radius)
