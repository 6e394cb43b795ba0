"""The trainings of refocal's own models: ``default``, and ``fast``, a smaller one of the same kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from refocal.learn.recipe import Phase, Recipe, Term

_EASY: dict[str, Any] = {
    "in_focus": 0.03,
    "skew": 1.0,
    "ramps": 0.2,
    "layers": 0.0,
    "noisy": 0.3,
    "tone": 0.0,
    "sharpening": 0.0,
    "compressed": 0.0,
    "resized": 0.0,
    "highlights": 0.0,
}
"""First phases: one radius per crop, few other effects. With all effects at once, the first 900 steps gain a fifth."""

DEFAULT = Recipe(
    about="the default model: predicts the restored photo and the blur radius of each pixel",
    network="focus-unet",
    pairs="camera",
    task="restore-and-map",
    task_options={"map_weight": 0.004},
    pairs_options={
        "least_radius_px": 0.3,
        "skew": 1.2,
        "in_focus": 0.06,
        "ramps": 0.5,
        "layers": 0.6,
        "noisy": 0.5,
        "tone": 0.2,
        "sharpening": 0.1,
        "compressed": 0.25,
        "resized": 0.1,
        "highlights": 0.15,
    },
    phases=(
        Phase(1200, 128, 16, {**_EASY, "max_radius_px": 4.5}),
        Phase(2300, 128, 16, {**_EASY, "max_radius_px": 6.5}),
        Phase(4500, 128, 16, {"max_radius_px": 8.0}),
        Phase(8000, 128, 16, {"max_radius_px": 10.0}),
        Phase(2400, 192, 8, {"max_radius_px": 15.0, "border_px": 24}),
    ),
    loss=(Term("charbonnier", options={"epsilon": 1e-6}),),
    learning_rate=1e-3,
    final_learning_rate=2e-5,
    warmup_steps=200,
    clip_norm=1.0,
    ema=0.999,
    precision="bf16-mixed",
    validation_crops=128,
    source={
        "phases": "ours: first one radius per crop, then scenes, then larger radii; steps as two CPU cores allow",
        "pairs_options": "ours, by ablation on pixel4_dp and lytro_pairs (docs/log.md): occlusion and ramps matter "
        "most; the camera's processing matters little there and is included for other photos",
        "loss": "Charbonnier et al. 1994, at full, half and quarter size; epsilon 0.001 squared, common practice",
        "task_options": "ours: the map's likelihood is about a tenth of the loss",
        "learning_rate, final_learning_rate, warmup_steps, clip_norm, ema, precision": "ours: common practice",
    },
)

FAST = replace(
    DEFAULT,
    about="a smaller variant of `default`, for slow machines",
    config={"widths": (32, 64, 128, 240), "blocks": (1, 1, 1, 2)},
    source={**DEFAULT.source, "config": "ours: as many convolutions as 80 GFLOP per megapixel allow"},
)

RECIPES: dict[str, Recipe] = {"default": DEFAULT, "fast": FAST}
