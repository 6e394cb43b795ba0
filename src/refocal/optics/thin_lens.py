"""Thin lens: from the distance of a point to its circle of confusion on the sensor."""

from __future__ import annotations

import math
from dataclasses import dataclass

from refocal.types import Array


@dataclass(frozen=True)
class ThinLens:
    """A lens focused at one distance.

    The circle of confusion of a point at distance d, for focal length f, aperture diameter A = f / N and focus distance
    s: c = A f / (s - f) * (d - s) / d. It is signed here: positive behind the plane of focus, negative in front of it.

    Reference: Potmesil & Chakravarty, "A lens and aperture camera model for synthetic image generation", SIGGRAPH 1981.

    Attributes:
        focal_length_mm: Focal length f in millimetres.
        f_number: Aperture number N.
        focus_distance_m: Distance s of the plane of focus from the lens, in metres; infinity is allowed.
        pixel_pitch_um: Distance between pixel centres in micrometres.

    Raises:
        ValueError: If a value isn't positive, or the lens is focused closer than its focal length.
    """

    focal_length_mm: float
    f_number: float
    focus_distance_m: float
    pixel_pitch_um: float

    def __post_init__(self) -> None:
        for name in ("focal_length_mm", "f_number", "focus_distance_m", "pixel_pitch_um"):
            value = getattr(self, name)
            if not value > 0 or (math.isinf(value) and name != "focus_distance_m"):
                raise ValueError(f"Give a positive {name}, not {value}.")
        if self.focus_distance_m * 1000 <= self.focal_length_mm:
            raise ValueError("A thin lens cannot focus closer than its focal length: raise focus_distance_m.")

    @property
    def coc_diameter_at_infinity_mm(self) -> float:
        """Diameter of the circle of confusion of a point at infinity, in millimetres."""
        if math.isinf(self.focus_distance_m):
            return 0.0
        return self.focal_length_mm**2 / (self.f_number * (self.focus_distance_m * 1000 - self.focal_length_mm))

    def coc_diameter_mm(self, depth_m: Array | float) -> Array | float:
        """Signed diameter in millimetres of points at distances in metres, any shape; infinity is allowed."""
        if math.isinf(self.focus_distance_m):  # limit of the formula: only nearer points are blurred
            return -(self.focal_length_mm**2) / self.f_number / (depth_m * 1000)
        return self.coc_diameter_at_infinity_mm * (1 - self.focus_distance_m / depth_m)

    def signed_radius_px(self, depth_m: Array | float) -> Array | float:
        """Signed radius in pixels of points at distances in metres, any shape: positive behind the plane of focus."""
        return self.coc_diameter_mm(depth_m) * (1000 / (2 * self.pixel_pitch_um))
