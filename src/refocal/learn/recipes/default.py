"""The trainings of the models that refocal ships as its own."""

from __future__ import annotations

from refocal.learn.recipe import Phase, Recipe, Term

DEFAULT = Recipe(
    about="the default model: restores one photo and tells its blur",
    network="focus-unet",
    pairs="camera",
    task="restore-and-map",
    task_options={"map_weight": 0.004},
    phases=(
        Phase(4000, 128, 16, {"max_radius_px": 5.0}),
        Phase(8000, 128, 16, {"max_radius_px": 9.0}),
    ),
    loss=(Term("charbonnier", options={"epsilon": 1e-6}),),
    learning_rate=1e-3,
    final_learning_rate=2e-5,
    warmup_steps=200,
    clip_norm=1.0,
    ema=0.999,
    precision="bf16-mixed",
    validation_steps=1000,
    validation_crops=128,
)

RECIPES: dict[str, Recipe] = {"default": DEFAULT}
