"""The discrete blur radii of SVBR-Net and of the estimators and methods compared with it.

Karaali and Jung, "SVBR-Net: a non-blind spatially varying defocus blur removal network", ICIP 2022, section 3.1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

STEP_PX = 0.25
"""Distance between neighbouring disk radii in svbr_net (section 3.1)."""

LEVELS_PX = tuple(STEP_PX * step for step in range(2, 25))
"""Radii of the 23 disks, 0.5 ... 6; 0.5 stands for no blur."""


def to_level(radius_px: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Round radii of any shape to the nearest level of 0.75 ... 6 px; 0.5 px and less becomes 0, which is no blur."""
    level = np.minimum(np.rint(radius_px * 4) / 4, LEVELS_PX[-1])
    return np.where(level <= LEVELS_PX[0], 0, level).astype(np.float32)
