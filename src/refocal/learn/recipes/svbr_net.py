"""The trainings of Karaali and Jung 2022, "SVBR-Net: a non-blind spatially varying defocus blur removal network"."""

from __future__ import annotations

from dataclasses import replace

from refocal.learn.recipe import Phase, Recipe, Term

EPOCH = 3412
"""Steps: 700 photos with 39 maps each (section 3.1), batches of 8."""

_EXACT, _SPREAD = {"maps": "exact"}, {"maps": "packed"}

SVBR_NET = Recipe(
    about="SVBR-Net: exact maps first, then maps propagated from edges",
    network="svbr-net",
    pairs="mapped",
    phases=(Phase(32 * EPOCH, 340, 8, _EXACT), Phase(32 * EPOCH, 340, 8, _SPREAD)),
    loss=(Term("dissimilarity"),),
    learning_rate=1e-3,
    schedule="stairs",
    stair_steps=20 * EPOCH,
    source={
        "phases": "32 + 32 epochs, batch 8 (section 3.2); 340 x 340 px of the paper's 360 x 340",
        "pairs": "section 3.1: 13 kinds of maps, 23 levels; propagated from the blurred photo's edges, half by "
        "matting, half by the domain transform (refocal crops --maps)",
        "loss": "eq. 2",
        "learning_rate, schedule, stair_steps": "section 3.2: 1e-3, a tenth of it every 20 epochs",
        "optimiser": "section 3.2: Adam",
        "config": "batch normalisation with torch's epsilon and momentum, not those of Keras (1e-3 and 0.01)",
    },
)
GTB = replace(
    SVBR_NET,
    about="SVBR-Net GTB: exact maps only",
    phases=(Phase(64 * EPOCH, 340, 8, _EXACT),),
    source={**SVBR_NET.source, "phases": "the same number of steps; the paper doesn't state them"},
)

# The authors' program where it differs from the paper. Its test program also multiplies maps by 12 / 255: config
# {"full_radius_px": 21.25}.
_RELEASED_EPOCH = 2275
RELEASED = replace(
    SVBR_NET,
    about="SVBR-Net as the authors' program trains it",
    phases=tuple(replace(phase, steps=32 * _RELEASED_EPOCH, batch=12) for phase in SVBR_NET.phases),
    config={"normalise": False},
    stair_steps=20 * _RELEASED_EPOCH,
    stair_offset=19 * _RELEASED_EPOCH,
    source={
        **SVBR_NET.source,
        "phases": "32 + 32 epochs, batch 12",
        "config": "the network is called without training=True: normalisation keeps its initial statistics (with "
        "torch's epsilon, as above)",
        "stair_offset": "the rate is divided after epochs 1, 21, 41, 61, as it is also divided at epoch number 0",
    },
)


# The published training processes 200 gigapixels. The short ones process a hundredth of that, in two stages: initial
# weights with random exact maps, then either network from those.
_SHORT_SOURCE = {
    **SVBR_NET.source,
    "phases": "ours: an hour of one CPU core; crops of 64 px after the border is cropped",
    "pairs": "section 3.1; a random exact map for every crop",
    "learning_rate, schedule, warmup_steps, clip_norm, ema": "ours: common practice for short trainings",
}
_DRAWN = {"maps": "drawn", "border_px": 6}
FIRST_SHORT = replace(
    SVBR_NET,
    about="SVBR-Net, exact maps: the initial weights of the short trainings",
    phases=(Phase(9000, 76, 16, _DRAWN),),
    learning_rate=2e-3,
    final_learning_rate=5e-4,
    schedule="cosine",
    warmup_steps=200,
    clip_norm=1.0,
    ema=0.999,
    precision="bf16-mixed",
    source=_SHORT_SOURCE,
)


def _second(recipe: Recipe, about: str, maps: dict[str, object]) -> Recipe:
    return replace(
        FIRST_SHORT,
        about=f"{about}, a short training",
        phases=(
            Phase(4500, 76, 16, {**maps, "border_px": 6}),
            Phase(900, 76, 16, {**maps, "border_px": 6, "grey": True}),
        ),
        loss=(Term("dissimilarity"), Term("l1", 0.5)),
        start="svbr-net-first.safetensors",
        learning_rate=1e-3,
        final_learning_rate=1e-6,
        precision="32-true",
        source={
            **_SHORT_SOURCE,
            "pairs": f"{recipe.source['pairs']}; with noise on propagated maps, ours, as estimators err at edges, "
            "too; grey photos at the end, ours, as the method runs the network on luma",
            "loss": "eq. 2 and, ours, L1: SSIM is insensitive to colour errors, which short trainings have",
            "start": "your own svbr-net-first-short: both networks start from the same weights",
        },
    )


RECIPES: dict[str, Recipe] = {
    "svbr-net": SVBR_NET,
    "svbr-net-gtb": GTB,
    "svbr-net-released": RELEASED,
    "svbr-net-first-short": FIRST_SHORT,
    "svbr-net-short": _second(SVBR_NET, "SVBR-Net, maps propagated from edges", {**_SPREAD, "noise_px": 0.5}),
    "svbr-net-gtb-short": _second(GTB, "SVBR-Net GTB, exact maps", dict(_EXACT)),
}
