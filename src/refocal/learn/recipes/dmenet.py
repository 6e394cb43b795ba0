"""The training of Lee et al. 2019, "Deep Defocus Map Estimation using Domain Adaptation", on simulated pairs."""

from __future__ import annotations

from dataclasses import replace

from refocal.learn.recipe import Phase, Recipe, Term

EPOCH = 2744
"""Steps: the 8,231 photos of SYNDOF, batches of 3."""

DMENET = Recipe(
    about="DMENet, blur radius from one photo",
    task="estimate-map",
    network="dmenet",
    pairs="depth-like",
    phases=(Phase(60 * EPOCH, 240, 3),),
    # The mean squared error of a sigmoid whose range of 0 to 1 spans 13.74 px.
    loss=(Term("l2", 1 / 13.74**2),),
    learning_rate=1e-4,
    schedule="stairs",
    stair_steps=20 * EPOCH,
    stair_factor=0.8,
    validation_crops=64,
    source={
        "phases": "crops of 240 px, batches of 3 (authors' program); it trains endlessly, 60 epochs are our choice",
        "loss": "mean squared errors of the map and the five auxiliary maps (paper). Left out: the perceptual term "
        "(1e-4), which needs VGG19 trained on ImageNet; the blurred-or-sharp one (2e-2), which needs the labelled "
        "photos of CUHK; the domain-adversarial one (1e-3), which needs real unlabelled photos",
        "learning_rate, schedule, stair_steps, stair_factor": "1e-4, times 0.8 every 20 epochs (authors' program)",
        "optimiser": "Adam (authors' program)",
        "start": "random weights; theirs are initialised with VGG19 trained on ImageNet",
        "pairs": "Gaussian blur like theirs; the maps are ours, in place of SYNDOF's rendered and driving scenes",
    },
)

# For one GPU; on two CPU cores a step of the published size takes several seconds.
SHORT = replace(
    DMENET,
    about="DMENet, blur radius from one photo, a short training",
    phases=(Phase(20_000, 128, 8), Phase(4_000, 240, 4)),
    learning_rate=3e-4,
    final_learning_rate=1e-6,
    schedule="cosine",
    warmup_steps=500,
    clip_norm=1.0,
    ema=0.999,
    source={
        **{field: text for field, text in DMENET.source.items() if "stair" not in field},
        "phases": "ours: small crops first, the published size at the end",
        "learning_rate, final_learning_rate, schedule, warmup_steps, clip_norm, ema": "ours: common practice",
    },
)

RECIPES: dict[str, Recipe] = {"dmenet": DMENET, "dmenet-short": SHORT}
