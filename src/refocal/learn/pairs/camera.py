"""Training pairs like real photos: scenes in linear light behind random lenses, then a camera, for whole batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.learn.pairs.isp import jpeg, s_curve, sharpened, with_noise
from refocal.learn.pairs.random_lenses import Drawn, Lenses, draw, luma_kernels
from refocal.learn.pairs.selection import any_chosen, chosen, host_float, host_generator, host_int, put
from refocal.learn.pairs.shapes import masks, smoothed, uniform
from refocal.learn.pairs.uniform import luma8, rounded
from refocal.types import InputError

REACH = 1.5
"""Distance from their centre at which kernels are cut off, in radii."""

OCCLUDERS = 2
"""Maximum number of objects in front of each other before the background."""

PLANES = 5
"""Number of kernels that a smoothly varying radius is blurred with; each pixel interpolates between two of them."""

GRAIN_PX = 0.4, 1.2
"""Range of the sigma over which noise is smoothed."""


@dataclass(frozen=True)
class CameraPairs:
    """Crops photographed out of focus.

    Blur acts on linear light: the crop's tone curve is inverted, highlights may exceed white, then the scene is blurred
    and clipped, gets noise, and goes through tone curve, sharpening, resizing, 8 bits and JPEG. The target is the same
    scene in focus and free of noise. A scene is a plane facing the camera or a smooth ramp of radii, with objects in
    front under true occlusion: the background behind a blurred edge is partly visible. Each part can be left out.

    The defaults were chosen for refocal; each recipe states its own values.

    Attributes:
        max_radius_px: Largest radius.
        least_radius_px: Smallest radius, except for crops in focus.
        skew: Exponent of the radii's distribution: 1 is uniform between these, above 1 small radii are more frequent.
        in_focus: Fraction of the crops with radius 0 everywhere.
        ramps: Fraction of the crops whose radius varies smoothly.
        layers: Fraction of the crops, except for those in focus, with one or two objects in front.
        lens: Fields of ``Lenses`` that differ from its defaults.
        smooth: Fraction of the crops that are without texture, all over or, in half of them, in parts: the crop reduced
            to a few pixels and enlarged again, or black, or white. No blur can be seen there.
        highlights: Fraction of the crops whose highlights exceed white, up to four times.
        shot, read: Largest noise of the light: variance per unit, and standard deviation in the dark.
        noisy: Fraction of the crops with noise.
        smooth_noise: Fraction of these whose noise is smoothed over up to 1.2 px (sigma), as by a camera's demosaicking
            and noise reduction, with its standard deviation kept.
        tone: Fraction of the crops with a tone curve steeper than sRGB's, by up to half.
        sharpening: Fraction of the crops that the camera sharpens.
        resized: Fraction of the batches that are reduced after the blur, to 3/4 or 2/3.
        compressed: Fraction of the crops that are compressed as JPEG of quality 60 to 100.
        border_px: Number of pixels cropped at each edge after blurring: the scene beyond is unknown there.
    """

    max_radius_px: float = 15.0
    least_radius_px: float = 0.0
    skew: float = 1.5
    in_focus: float = 0.1
    ramps: float = 0.3
    layers: float = 0.2
    lens: Mapping[str, Any] = field(default_factory=dict)
    smooth: float = 0.0
    highlights: float = 0.2
    shot: float = 1e-3
    read: float = 5e-3
    noisy: float = 0.7
    smooth_noise: float = 0.0
    tone: float = 0.5
    sharpening: float = 0.3
    resized: float = 0.2
    compressed: float = 0.5
    border_px: int = 16

    def __post_init__(self) -> None:
        names = (
            *("in_focus", "ramps", "layers", "smooth", "highlights", "noisy", "smooth_noise", "tone", "sharpening"),
            *("resized", "compressed"),
        )
        for name in names:
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"The pairs' {name} is a fraction from 0 to 1, not {getattr(self, name)}.")
        if self.in_focus + self.ramps > 1:
            raise InputError("The pairs' in_focus and ramps are fractions of the same crops: their sum is at most 1.")
        if not 0 <= self.least_radius_px <= self.max_radius_px:
            raise InputError(
                f"The pairs' max_radius_px is at least least_radius_px, and that at least 0, not {self.max_radius_px}."
            )
        if min(self.shot, self.read, self.border_px) < 0:
            raise InputError("The pairs' shot, read and border_px are at least 0.")
        known = [part.name for part in fields(Lenses)]
        for name, value in self.lens.items():
            if name not in known or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
                raise InputError(
                    f"The pairs' lens has numbers of at least 0 for {', '.join(known)}, not {name} {value!r}."
                )

    def __call__(self, crops: Tensor, random: torch.Generator) -> dict[str, Tensor]:
        """Make ``blurred``, ``sharp`` and ``radius_px``, (N, 1, h, w) float32, from uint8 (N, H, W, 3).

        The luma is blurred and restored. The sides h and w are H and W less two borders, or 3/4 or 2/3 of H and W less
        that.

        Raises:
            InputError: If the crops are too small for the radii and the border.
        """
        self._check(crops)
        sharp, count, host = luma8(crops), len(crops), host_generator(random)

        def some(share: float) -> Tensor:
            return uniform(count, random) < share  # for each crop

        if self.smooth:
            sharp = torch.where(some(self.smooth), smoothed(sharp, random, host), sharp)

        gain = torch.where(some(self.tone), 1 + 0.5 * uniform(count, random), torch.ones_like(sharp[:, :1, :1, :1]))
        light = srgb_to_linear(s_curve(sharp, 1 / gain))
        lift = torch.where(some(self.highlights), 3 * uniform(count, random), torch.zeros_like(gain))
        bright = light * (1 + lift * ((light - 0.7) / 0.3).clamp(0, 1).square())
        blurred, seen, radius_px = self._scene(bright, random, host)
        sharp = s_curve(linear_to_srgb(seen.clamp(0, 1)), gain)
        level = uniform(count, random) ** 3 * some(self.noisy)  # most photos have little
        grain_px = self._grain_px(some(self.smooth_noise), random)
        blurred = with_noise(blurred.clamp(0, 1), self.shot * level, self.read * level, random, grain_px)
        blurred = s_curve(linear_to_srgb(blurred.clamp(0, 1)), gain)
        amount = uniform(count, random) * some(self.sharpening)
        sigma_px = 0.6 + 0.8 * host_float(host)
        # The target is sharpened as well: a photo in focus must be returned unchanged.
        blurred, sharp = (sharpened(image, amount, sigma_px).clamp(0, 1) for image in (blurred, sharp))
        blurred, sharp, radius_px = self._resized((blurred, sharp, radius_px), host)
        blurred = rounded(blurred)
        quality = (60 + 41 * uniform(count, random)).floor().clamp(max=100)
        # Blocks of 8 begin anywhere, as photos are cropped after compression.
        top, left = host_int(0, 8, host), host_int(0, 8, host)
        packed = jpeg(blurred.roll((top, left), (-2, -1)), quality).roll((-top, -left), (-2, -1))
        blurred = torch.where(some(self.compressed), packed, blurred)
        inner = (..., *2 * (slice(self.border_px, -self.border_px or None),))
        return {"blurred": blurred[inner], "sharp": rounded(sharp)[inner].contiguous(), "radius_px": radius_px[inner]}

    def _check(self, crops: Tensor) -> None:
        height, width = crops.shape[1:3]
        smallest = width if self.resized == 0 else _reduced(width, 2 / 3)
        if height != width or width % 8 or smallest - 2 * self.border_px < 8 or 2 * self._half_px + 1 > width:
            raise InputError(
                f"Crops of {height} x {width} px are too small for radii up to {self.max_radius_px:g} px and borders "
                f"of {self.border_px} px: give larger squares whose side is a multiple of 8."
            )

    @property
    def _half_px(self) -> int:
        return round(REACH * self.max_radius_px) + 1

    def _scene(self, light: Tensor, random: torch.Generator, host: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Blurred light, light of the same scene in focus, and the radius."""
        count = len(light)
        kind = uniform(count, random).flatten()
        focused = kind < self.in_focus
        ramps = (kind >= self.in_focus) & (kind < self.in_focus + self.ramps)
        layered = (uniform(count, random).flatten() < self.layers) & ~focused
        # The camera is focused on the background, on the first object, or on neither, in a third of the scenes each.
        on = 3 * uniform(count, random).flatten()
        low, high = self._radii(count, random), self._radii(count, random)
        low = torch.where(focused | (layered & ~ramps & (on < 1)), torch.zeros_like(low), low)
        lenses = draw(replace(Lenses(), **self.lens), count, random)
        plain = ~(focused | ramps) & (low > 0)
        radius_px = low[:, None, None, None].expand_as(light)
        sharp, some = light, chosen(plain)
        blurred = put(light, plain, self._through(light[some], low[some], lenses[some]))
        if any_chosen(ramps):
            some = chosen(ramps)
            tilted, slope_px = self._ramp(light[some], low[some], high[some], lenses[some], random)
            blurred, radius_px = put(blurred, ramps, tilted), put(radius_px, ramps, slope_px)
        for occluder in range(1, OCCLUDERS + 1):
            near = self._radii(count, random) * ~((on > 2) & (occluder == 1))
            # The object is from another crop of the batch, or from the same: then only its blur shows its outline.
            other = torch.where(uniform(count, random) < 0.7, light.roll(occluder, 0), light)
            here = layered & (uniform(count, random).flatten() < 1 / occluder)
            if any_chosen(here):
                some = chosen(here)
                mask, object_px = masks(light[some], random, host), near[some][:, None, None, None]
                front = self._through(torch.cat([mask * other[some], mask], 1), near[some], lenses[some])
                blurred = put(blurred, here, front[:, :1] + (1 - front[:, 1:]) * blurred[some])
                sharp = put(sharp, here, mask * other[some] + (1 - mask) * sharp[some])
                radius_px = put(radius_px, here, torch.where(mask > 0.5, object_px, radius_px[some]))
        return blurred, sharp, radius_px

    def _grain_px(self, here: Tensor, random: torch.Generator) -> Tensor | None:
        """The sigma (N, 1, 1, 1) over which noise is smoothed; None if the pairs have no such noise."""
        if not self.smooth_noise:
            return None
        low, high = GRAIN_PX
        return here * (low + (high - low) * uniform(len(here), random))

    def _radii(self, count: int, random: torch.Generator) -> Tensor:
        span = self.max_radius_px - self.least_radius_px
        return self.least_radius_px + span * uniform(count, random).flatten() ** self.skew

    def _ramp(
        self, light: Tensor, low: Tensor, high: Tensor, lenses: Drawn, random: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Blurred by radii between ``low`` and ``high`` that vary smoothly: a tilted plane, or hills."""
        count = len(light)
        slope = 2 * torch.rand((2, count, 1, 1, 1), generator=random, device=light.device) - 1
        side = torch.linspace(-1, 1, light.shape[-1], device=light.device)
        place = 0.5 + 0.5 * (slope[0] * side + slope[1] * side[:, None]) / slope.abs().sum(0).clamp(min=1e-3)
        hills = torch.rand((count, 1, 4, 4), generator=random, device=light.device)
        hills = functional.interpolate(hills, size=light.shape[-2:], mode="bicubic", align_corners=True)
        place = torch.where(uniform(count, random) < 0.5, place, hills).clamp(0, 1)
        total = torch.zeros_like(light)
        for plane in range(PLANES):
            radius = low + (high - low) * plane / (PLANES - 1)
            weight = (1 - (place * (PLANES - 1) - plane).abs()).clamp(min=0)
            total = total + weight * self._through(light, radius, lenses)
        return total, low[:, None, None, None] + (high - low)[:, None, None, None] * place

    def _through(self, light: Tensor, radius_px: Tensor, lenses: Drawn) -> Tensor:
        """Blur (n, C, H, W) with periodic boundary: the border is cropped later."""
        if not len(light):
            return light
        half_px = self._half_px
        # The radius of a scene is that of the uniform disk of the same spread, whatever the lens.
        kernels = luma_kernels(radius_px / lenses.spread, lenses, half_px)
        height, width = light.shape[-2:]
        spread = functional.pad(kernels, (0, width - kernels.shape[-1], 0, height - kernels.shape[-2]))
        spread = spread.roll((-half_px, -half_px), (-2, -1))
        product = torch.fft.rfft2(light) * torch.fft.rfft2(spread)[:, None]
        blurred: Tensor = torch.fft.irfft2(product, s=(height, width))
        return blurred

    def _resized(self, parts: tuple[Tensor, Tensor, Tensor], host: torch.Generator) -> tuple[Tensor, ...]:
        """Reduced, for a fraction of the batches: as a crop of a reduced photo."""
        u01 = host_float(host)
        if u01 >= self.resized:
            return parts
        share = 3 / 4 if u01 < self.resized / 2 else 2 / 3
        side = _reduced(parts[0].shape[-1], share)
        small = (functional.interpolate(part, size=(side, side), mode="bicubic", antialias=True) for part in parts)
        blurred, sharp, radius_px = small
        return blurred, sharp.clamp(0, 1), radius_px.clamp(min=0) * (side / parts[0].shape[-1])


def _reduced(side: int, share: float) -> int:
    return round(side * share / 16) * 16
