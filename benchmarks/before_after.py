"""Put parts of the example photos beside their restored ones: docs/pictures/before_after.jpg, as the README shows it.

Run ``make demo`` first.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[1]
PARTS = (("osprey_radius_3.5", 300, 70), ("wall_focused_left", 640, 180))  # photo, left, top
WIDTH, HEIGHT, ENLARGED, GAP = 330, 220, 2, 8


def main() -> None:
    """Write the picture."""
    rows = [np.concatenate([_part(folder, part) for folder in ("examples", "demo-out")], axis=1) for part in PARTS]
    picture = Image.fromarray(np.concatenate(rows))
    draw = ImageDraw.Draw(picture)
    for text, left in (("before", 12), ("after", ENLARGED * WIDTH + GAP + 12)):
        draw.text((left, 8), text, fill="white", stroke_width=2, stroke_fill="black", font_size=26)
    picture.save(ROOT / "docs/pictures/before_after.jpg", quality=88)


def _part(folder: str, part: tuple[str, int, int]) -> np.ndarray:
    name, left, top = part
    with Image.open(ROOT / folder / f"{name}.jpg") as photo:
        crop = photo.convert("RGB").crop((left, top, left + WIDTH, top + HEIGHT))
    crop = crop.resize((ENLARGED * WIDTH, ENLARGED * HEIGHT), Image.Resampling.BICUBIC)
    return np.pad(np.asarray(crop), ((0, GAP), (0, GAP), (0, 0)), constant_values=255)


if __name__ == "__main__":
    main()
