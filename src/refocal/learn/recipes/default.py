"""The trainings of refocal's own models: ``default``, and ``fast``, a smaller one of the same kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from refocal.learn.recipe import Phase, Recipe, Term

_EASY: dict[str, Any] = {
    "max_radius_px": 5.0,
    "in_focus": 0.03,
    "skew": 1.0,
    "ramps": 0.2,
    "layers": 0.0,
    "noisy": 0.3,
    "tone": 0.0,
    "sharpening": 0.0,
    "compressed": 0.0,
    "resized": 0.0,
    "smooth": 0.0,
    "highlights": 0.0,
}
"""First phase: one radius per crop, few other effects. With all effects at once, the first 900 steps gain a fifth."""

_INVERSION: dict[str, Any] = {
    "max_radius_px": 8.0,
    "ramps": 0.35,
    "layers": 0.35,
    "noisy": 0.4,
    "compressed": 0.15,
    "smooth": 0.12,
}
"""Second phase: fewer objects in front and less noise, so that blur is undone rather than contrast raised."""

_SOFT = (Term("charbonnier", options={"epsilon": 0.01}),)
"""Last phase: nearly squared errors, which leave less harsh edges and fewer specks."""

DEFAULT = Recipe(
    about="the default model: predicts the restored photo and the blur radius of each pixel",
    network="focus-unet",
    pairs="camera",
    task="restore-and-map",
    task_options={"map_weight": 0.004},
    pairs_options={
        "max_radius_px": 9.0,
        "least_radius_px": 0.3,
        "skew": 1.1,
        "in_focus": 0.06,
        "ramps": 0.5,
        "layers": 0.5,
        "smooth": 0.1,
        "noisy": 0.5,
        "smooth_noise": 0.4,
        "tone": 0.2,
        "sharpening": 0.1,
        "compressed": 0.2,
        "resized": 0.1,
        "highlights": 0.15,
    },
    phases=(
        Phase(900, 128, 16, _EASY),
        Phase(5300, 128, 16, _INVERSION),
        Phase(5500, 128, 16),
        Phase(4500, 128, 16, loss=_SOFT),
    ),
    loss=(Term("charbonnier", options={"epsilon": 1e-6}),),
    optimiser="muon",
    learning_rate=2e-3,
    final_learning_rate=1e-5,
    warmup_steps=100,
    hold_steps=6200,
    clip_norm=1.0,
    ema=0.999,
    precision="bf16-mixed",
    validation_crops=128,
    source={
        "phases": "ours: first one radius per crop, then inversion, then scenes; steps as two CPU cores allow",
        "pairs_options": "ours, by ablation on pixel4_dp and lytro_pairs (docs/log.md): occlusion and ramps matter "
        "most; the camera's processing matters little there and is included for other photos",
        "loss": "Charbonnier et al. 1994, at full, half and quarter size; epsilon 0.001 squared, common practice",
        "task_options": "ours: the map's likelihood is about a tenth of the loss",
        "optimiser": "Jordan et al. 2024",
        "learning_rate, final_learning_rate, warmup_steps, hold_steps, clip_norm, ema, precision": "ours",
    },
)

FAST = replace(
    DEFAULT,
    about="a smaller variant of `default`, for slow machines",
    config={"widths": (32, 64, 128, 240), "blocks": (1, 1, 1, 2)},
    source={**DEFAULT.source, "config": "ours: as many convolutions as 80 GFLOP per megapixel allow"},
)

RECIPES: dict[str, Recipe] = {"default": DEFAULT, "fast": FAST}
