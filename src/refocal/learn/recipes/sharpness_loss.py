"""The trainings of Aurangabadkar et al. 2024, "A Sharpness Based Loss Function for Removing Out-of-Focus Blur"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from refocal.learn.recipe import Phase, Recipe, Term

EPOCH = 3780
"""Steps: 134,400 crops (section V), nine tenths of them to learn from (the split is not stated), batches of 32."""

REAL_EPOCH = 2165
"""Steps: nine tenths of 77,000 crops, batches of 32."""

_SOURCE = {
    "phases": "100 epochs, batch 32, crops of 128 px (section V)",
    "loss": "eq. 6: the mean absolute difference, as in the authors' code",
    "learning_rate": "1e-4 (section V)",
    "final_learning_rate": "1e-12 (section V)",
    "schedule": "'gradually reduced' (section V); the schedule is not stated, cosine is our choice",
    "optimiser": "not stated; Adam is our choice",
    "pairs": "5 x 5 mean on luma (section V), mirror boundary and 8 bits as in the published crops",
    "clip_norm, ema, precision": "ours: none of them, as in the paper",
}


def _single(source: Mapping[str, str]) -> dict[str, str]:
    """One entry for each field, so that later ones replace earlier ones."""
    return {field: text for fields, text in source.items() for field in fields.split(", ")}


STAGE_1 = Recipe(
    about="sharpness U-Net, synthetic blur, L1 (stage 1 of sharpness_loss)",
    network="sharpness-unet",
    pairs="mean",
    phases=(Phase(100 * EPOCH),),
    final_learning_rate=1e-12,
    source=_SOURCE,
)


def _stage_2(beta: float) -> Recipe:
    return replace(
        STAGE_1,
        about=f"sharpness U-Net, synthetic blur, L1 and beta {beta:g} times -Q (stage 2 of sharpness_loss)",
        loss=(Term("l1"), Term("sharpness", beta, {"clipped": False})),
        start="sharpness-unet-beta-0",
        source=_SOURCE | {"loss": "eq. 7", "start": "section V: from the weights of stage 1"},
    )


# Table II's other networks: the same data and the same number of steps, so that the comparison is fair; the other
# settings are their authors'.
XY_DEBLUR = replace(
    STAGE_1,
    about="XY-Deblur, synthetic blur, L1",
    network="xy-deblur",
    source=_single(_SOURCE)
    | {"loss": "Ji et al. 2022: L1", "learning_rate": "Ji et al. 2022: 1e-4", "optimiser": "Ji et al. 2022: Adam"},
)
DDNET = replace(
    STAGE_1,
    about="DDNet, synthetic blur with known kernel",
    network="ddnet",
    loss=(Term("charbonnier"),),
    learning_rate=5e-4,
    weight_decay=1e-4,
    source=_single(_SOURCE)
    | dict.fromkeys(
        ("loss", "learning_rate", "optimiser", "weight_decay"),
        "Lopez-Tapia et al. 2023: Charbonnier, Adam, initial rate 5e-4, weight decay 1e-4",
    ),
)

# For red-fixed-point and red-steepest-descent.
DENOISER = Recipe(
    about="small denoiser for noise of 0.4 to 10 grey levels",
    network="denoiser",
    pairs="noise",
    pairs_options={"noise_std": 2 / 255, "spread": 5.0},
    phases=(Phase(10_000, 64, 16),),
    loss=(Term("l2"),),
    learning_rate=2e-3,
    final_learning_rate=1e-6,
    warmup_steps=200,
    clip_norm=1.0,
    ema=0.999,
    source={
        "phases, learning_rate, schedule": "ours: common practice for short trainings",
        "loss": "mean squared error, whose minimiser is the posterior mean, as RED requires",
        "pairs": "ours: from nearly no noise, as in RED's last iterations, to twice that of its first (docs/log.md)",
    },
)

# Section V, real photos: crops of the low blur of MMSP2024, available from its owners on request.
_REAL_SOURCE = _SOURCE | {
    "pairs": "section V: the owners' photos",
    "phases": "batch 32; the best weights were at epoch 55",
}
REAL_STAGE_1 = replace(
    STAGE_1,
    about="sharpness U-Net, photographed pairs, L1 (stage 1 of sharpness_loss)",
    pairs="photographed",
    phases=(Phase(55 * REAL_EPOCH),),
    source=_REAL_SOURCE,
)
REAL_STAGE_2 = replace(
    REAL_STAGE_1,
    about="sharpness U-Net, photographed pairs, L1 and beta 0.1 times -Q (stage 2 of sharpness_loss)",
    loss=(Term("l1"), Term("sharpness", 0.1, {"clipped": False})),
    hold_steps=35 * REAL_EPOCH,
    start="sharpness-unet-real-beta-0.safetensors",
    source=_REAL_SOURCE
    | {
        "phases": "55 epochs, batch 32 (section V)",
        "hold_steps": "15 epochs, 'decrease for the last 20' of 55; the 20 between aren't described, we keep the rate",
        "loss": "eq. 7, beta 0.1 (section V)",
        "start": "your own stage 1: the paper's photos are available from its authors only",
    },
)


# The published trainings process 200 gigapixels a stage: weeks on two CPU cores. The short ones process a hundredth of
# that, at a higher rate, with averaged weights and larger crops at the end. The weights in the package are from such
# trainings; their cards state the steps.
def _short(recipe: Recipe, learning_rate: float, *phases: Phase) -> Recipe:
    return replace(
        recipe,
        loss=tuple(replace(term, options={}) for term in recipe.loss),
        about=f"{recipe.about}, a short training",
        phases=phases,
        learning_rate=learning_rate,
        final_learning_rate=1e-6,
        warmup_steps=300,
        clip_norm=1.0,
        ema=0.999,
        source=_single(recipe.source)
        | {
            "phases": "ours: one to two hours of two CPU cores; at the end crops of 128 px, as in the evaluation",
            **dict.fromkeys(
                ("learning_rate", "final_learning_rate", "warmup_steps", "clip_norm", "ema"),
                "ours: common practice for short trainings",
            ),
            "precision": "32-true: bf16 rounds the input within its 8 bits, which costs 0.3 dB (docs/log.md)",
        },
    )


_FIRST = (Phase(18_000, 64, 16), Phase(500, 128, 8))
_SECOND = (Phase(1_300, 64, 16), Phase(100, 128, 8))
_STRONG = (
    Phase(600, 64, 16),
    Phase(40, 128, 8),
)  # a large beta has no minimum (docs/log.md): fewer steps, a lower rate

RECIPES: dict[str, Recipe] = {
    "sharpness-unet-beta-0": STAGE_1,
    **{f"sharpness-unet-beta-{beta:g}": _stage_2(beta) for beta in (0.001, 0.01, 0.05, 0.1)},
    "sharpness-unet-real-beta-0": REAL_STAGE_1,
    "sharpness-unet-real-beta-0.1": REAL_STAGE_2,
    "xy-deblur": XY_DEBLUR,
    "ddnet": DDNET,
    "denoiser": DENOISER,
    "sharpness-unet-beta-0-short": _short(STAGE_1, 2e-3, *_FIRST),
    **{f"sharpness-unet-beta-{beta:g}-short": _short(_stage_2(beta), 2e-4, *_SECOND) for beta in (0.001, 0.01)},
    **{f"sharpness-unet-beta-{beta:g}-short": _short(_stage_2(beta), 5e-5, *_STRONG) for beta in (0.05, 0.1)},
    "xy-deblur-short": _short(XY_DEBLUR, 5e-4, *_FIRST),
    "ddnet-short": _short(DDNET, 1e-3, *_FIRST),
}
