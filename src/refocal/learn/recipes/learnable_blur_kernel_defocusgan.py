"""The trainings of Zhai et al. 2023, "Learnable Blur Kernel for Single-Image Defocus Deblurring in the Wild"."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from refocal.learn.recipe import Phase, Recipe, Term

EPOCH = 1750
"""Steps: 7,000 crops of DPDD, batches of 4."""

_SIMULATED = (
    "the paper trains on DPDD's photos; here both views and the photo are simulated from sharp crops, by the simulator "
    "that also gives the paper's initial kernels"
)

MAP = Recipe(
    about="the defocus map network and its blur kernels, without true maps",
    network="dual-pixel-map",
    task="learn-kernels",
    task_options={"first_steps": 10 * EPOCH, "turn_steps": 5 * EPOCH},
    pairs="dual-pixel",
    phases=(Phase(30 * EPOCH, 512, 4),),
    loss=(),
    learning_rate=2e-5,
    schedule="constant",
    source={
        "phases": "crops of 512 px, batch 4; 30 epochs; the authors' program adds one epoch to the last period",
        "task_options": "ten epochs of the network alone, then kernels and network alternate every five; weights 1000 "
        "and 1e-5, the latter from step 3,000, in the authors' program",
        "learning_rate, schedule, optimiser": "2e-5, constant, Adam (0.9, 0.999) in the authors' program",
        "pairs": _SIMULATED,
    },
)


def _kernels(kind: str) -> Recipe:
    options = {**MAP.task_options, "turn_steps": 0, "kernels": kind}
    return replace(MAP, about=f"Table 5: fixed {kind} kernels", task_options=options)


BAMBNET = replace(
    MAP,
    about="BaMBNet's map: each view, blurred like the other, is compared with the other",
    config={"branches": (1, 4, 7, 10)},
    task="match-views",
    task_options={},
    phases=(Phase(20 * EPOCH, 512, 4),),
    source={
        "phases": "crops of 512 px, batch 4, 20 epochs",
        "config": "branches of BaMBNet, 4,497,731 parameters",
        "learning_rate, schedule, optimiser": "2e-5, constant, Adam in the authors' program",
        "pairs": _SIMULATED,
    },
)

_ADVERSARIAL: dict[str, Any] = {"critic_from": 6 * EPOCH, "adversarial_from": 11 * EPOCH}
DEFOCUSGAN = Recipe(
    about="DefocusGAN, guided by the radius for its first 20,000 steps",
    network="defocusgan",
    task="restore-adversarial",
    task_options=_ADVERSARIAL,
    pairs="dual-pixel",
    phases=(Phase(90 * EPOCH, 512, 4),),
    loss=(),
    learning_rate=2e-4,
    schedule="stairs",
    stair_steps=30 * EPOCH,
    stair_factor=0.5,
    source={
        "phases": "crops of 512 px, batch 4, 90 epochs",
        "task_options": "weights of eq. 8: 0.012 and 0.002; the critic is trained from epoch 6 on, twice a step; its "
        "score is in the generator's loss from epoch 11 on; guidance exp(-(2 t / 20,000)^2); critic, penalty and "
        "schedule as in the authors' program; the defocus weights both losses, ours, as paper (G) and program (D) "
        "differ",
        "learning_rate, schedule": "2e-4, halved every 30 epochs",
        "optimiser": "Adam (0.9, 0.999)",
        "pairs": _SIMULATED + "; guided by their true radius, where the paper uses the map network's",
    },
)


def _without(about: str, options: dict[str, Any], config: dict[str, Any] | None = None) -> Recipe:
    return replace(DEFOCUSGAN, about=about, task_options={**_ADVERSARIAL, **options}, config=config or {})


_NO_GAN: dict[str, Any] = {"critics": ()}
_L1: dict[str, Any] = {**_NO_GAN, "perceptual_weight": 0.0}
_BLIND: dict[str, Any] = {**_L1, "guidance_steps": 0}
_NO_LP: dict[str, Any] = {"perceptual_weight": 0.0}

# The published trainings process 55 and 165 gigapixels; the short ones a few thousandths of that, in small crops with
# small radii.
_SHORT: dict[str, Any] = {"border_px": 8, "kernels": "both", "uneven": 0.1, "noise_std": 0.008, "sharp": 0.05}
_SHORT_STEPS: dict[str, Any] = {
    "final_learning_rate": 5e-5,
    "schedule": "cosine",
    "warmup_steps": 200,
    "clip_norm": 1.0,
    "ema": 0.999,
    "precision": "bf16-mixed",
}
_SHORT_SOURCE = {
    "phases": "ours: an hour or more of one CPU core; crops of 80 px after the border is cropped; small radii first",
    "pairs": f"{_SIMULATED}; half of the lenses soft disks, like a measured one, noise and uneven views: ours",
    "learning_rate, schedule, warmup_steps, clip_norm, ema, precision": "ours: common practice for short trainings",
}
MAP_SHORT = replace(
    MAP,
    about="the map network alone, supervised by the true maps, a short training",
    task_options={"known_weight": 1.0, "data_weight": 20.0, "variation_weight": 0.0},
    phases=(Phase(1200, 96, 4, {"max_radius_px": 5.0}), Phase(6000, 96, 4, {"max_radius_px": 9.0})),
    pairs_options={**_SHORT, "grey": 0.5},
    learning_rate=7e-4,
    **_SHORT_STEPS,
    source={
        **_SHORT_SOURCE,
        "task_options": "ours: the error of the signed radius, which is known for simulated views, dominates the loss",
    },
)
KERNELS_SHORT = replace(
    MAP_SHORT,
    about="the map network, supervised by the true maps, and its kernels alternately, a short training",
    task_options={**MAP_SHORT.task_options, "turn_steps": 100},
    phases=(Phase(1800, 96, 4, {"max_radius_px": 9.0}),),
    pairs_options={**MAP_SHORT.pairs_options, "crosstalk": 0.25},
    start="dual-pixel-map-first.safetensors",
    learning_rate=2e-4,
    final_learning_rate=1e-5,
    warmup_steps=50,
    source={
        **_SHORT_SOURCE,
        "task_options": f"{MAP_SHORT.source['task_options']}; shorter periods than the paper's",
        "start": "your own dual-pixel-map-first-short",
    },
)
UNSUPERVISED_SHORT = replace(
    KERNELS_SHORT,
    about="the map network and its kernels alternately, without true maps, a short training",
    task_options={"turn_steps": 100, "variation_from": 0, "variation_weight": 4e-4},
    phases=(Phase(600, 96, 4, {"max_radius_px": 9.0}),),
    learning_rate=1e-4,
    final_learning_rate=2e-5,
    source={
        **KERNELS_SHORT.source,
        "task_options": "the losses of the paper, in shorter periods; the variation of 80 px crops has the weight of "
        "that of 512 px, a sum over 41 times as many pixels, with 1e-5",
    },
)
MULTI_SCALE_SHORT = replace(
    DEFOCUSGAN,
    about="DefocusGAN without perceptual loss and GAN, a short training: the initial weights of the others",
    task_options={**_L1, "guidance_steps": 2000},
    phases=(Phase(1800, 96, 4, {"max_radius_px": 4.0}), Phase(5200, 96, 4, {"max_radius_px": 6.5})),
    pairs_options={**_SHORT, "grey": 1.0, "uneven": 0.0},
    learning_rate=5e-4,
    **_SHORT_STEPS,
    source={
        **_SHORT_SOURCE,
        "pairs": _SHORT_SOURCE["pairs"] + "; grey crops, as the method runs the network on luma",
        "task_options": "Table 4 without Lp and GAN; guidance for the first 2,000 steps, a larger share than there",
    },
)


def _then(about: str, options: dict[str, Any], steps: int) -> Recipe:
    return replace(
        MULTI_SCALE_SHORT,
        about=f"{about}, a short training",
        task_options={"guidance_steps": 0, **options},
        phases=(Phase(steps, 96, 4, {"max_radius_px": 6.5}),),
        start="defocusgan-first.safetensors",
        learning_rate=1e-4,
        final_learning_rate=1e-5,
        warmup_steps=50,
        precision="32-true",
        source={
            **MULTI_SCALE_SHORT.source,
            "task_options": "weights of eq. 8; guidance has ended before; the critic's score, if there is one, is in "
            "the generator's loss after 100 steps",
            "start": "your own defocusgan-multi-scale-short",
        },
    )


# Methods that Tables 1 and 2 compare with and that can be trained on such pairs.
DPDNET = Recipe(
    about="DPDNet, restores from both views",
    network="dpdnet",
    pairs="dual-pixel",
    phases=(Phase(200 * 1400, 512, 5),),
    loss=(Term("l2"),),
    learning_rate=2e-5,
    schedule="stairs",
    stair_steps=60 * 1400,
    stair_factor=0.5,
    source={
        "phases": "Abuolaim & Brown 2020: crops of 512 px, batch 5, 200 epochs, here of 7,000 crops",
        "loss, learning_rate, schedule, optimiser": "there: MSE, Adam, 2e-5 halved every 60 epochs",
        "pairs": _SIMULATED,
    },
)

RECIPES: dict[str, Recipe] = {
    "dpdnet": DPDNET,
    "dpdnet-single": replace(DPDNET, about="DPDNet of one photo", config={"views": 1}),
    "dual-pixel-map": MAP,
    "dual-pixel-map-gaussian": _kernels("gaussian"),
    "dual-pixel-map-butterworth": _kernels("butterworth"),
    "bambnet": BAMBNET,
    "defocusgan": DEFOCUSGAN,
    "defocusgan-light": replace(
        DEFOCUSGAN, about="DefocusGAN with the published 4.59 M parameters", config={"glue": "light"}
    ),
    "defocusgan-released": _without("DefocusGAN with the defocus weight in the critic's loss only", {"weight_in": "D"}),
    # Table 4: each adds one component to the one before; the last two are defocusgan-no-gan and defocusgan.
    "defocusgan-base": _without("Table 4: base", _BLIND, {"scales": 1, "attention": False}),
    "defocusgan-rcab": _without("Table 4: base, RCAB", _BLIND, {"scales": 1}),
    "defocusgan-guided": _without("Table 4: base, RCAB, DG", _L1, {"scales": 1}),
    "defocusgan-multi-scale": _without("Table 4: base, RCAB, DG, MS: no perceptual loss and no GAN", _L1),
    "defocusgan-no-gan": _without("Table 4: base, RCAB, DG, MS, Lp: no GAN", _NO_GAN),
    # Table 6: without the perceptual loss.
    "deblurgan-v2": replace(
        _without(
            "Table 6: FPN generator, original adversarial loss", {**_NO_LP, "weight_in": "none", "guidance_steps": 0}
        ),
        network="deblurgan-v2",
    ),
    "defocusgan-original-loss": _without("Table 6: original adversarial loss", {**_NO_LP, "weight_in": "none"}),
    "defocusgan-double-loss": _without(
        "Table 6: the two critics of DeblurGAN-v2",
        {**_NO_LP, "weight_in": "none", "critics": (3, 5), "game": "relativistic"},
    ),
    "defocusgan-defocus-loss": _without("Table 6: defocus adversarial loss", _NO_LP),
    "dual-pixel-map-first-short": MAP_SHORT,
    "dual-pixel-map-short": KERNELS_SHORT,
    "dual-pixel-map-unsupervised-short": UNSUPERVISED_SHORT,
    "defocusgan-multi-scale-short": MULTI_SCALE_SHORT,
    "defocusgan-no-gan-short": _then("DefocusGAN without GAN", _NO_GAN, 500),
    "defocusgan-short": _then("DefocusGAN", {"adversarial_from": 100}, 500),
}
