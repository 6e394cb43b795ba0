"""A task of two networks of a few weights, each in the other's loss, with random numbers in one of them."""

from dataclasses import dataclass

import torch

from refocal.learn.tasks import Task, read_options


@dataclass(frozen=True)
class Options:
    """At one step, while the rate is above 5e-3, the loss or gradient of ``network`` isn't finite."""

    step: int = -1
    network: str = "network"
    fault: str = "loss"


def networks(recipe):
    return {"network": torch.nn.Conv2d(3, 3, 3, padding=1), "critic": torch.nn.Conv2d(3, 1, 3)}


def critic_twice(recipe, step):
    return ("critic", "critic", "network")


def losses(recipe, updated, networks, batch, step):
    restored = networks["network"](batch["blurred"].expand(-1, 3, -1, -1))
    fake = networks["critic"](restored).mean()
    real = networks["critic"](batch["sharp"].expand(-1, 3, -1, -1)).mean()
    if updated == "critic":
        terms = {"critic_gap": fake - real, "critic_bound": torch.rand(()) * (fake**2 + real**2)}
    else:
        terms = {"l1": (restored - batch["sharp"]).abs().mean(), "fooled": -0.1 * fake}
    options = read_options(recipe, Options)
    if (step + 1, updated) == (options.step, options.network) and recipe.learning_rate > 5e-3:
        first = next(iter(terms))
        # The gradient of |x|^0.5 at 0 is infinite, times 0: NaN, though the loss is finite.
        terms[first] = terms[first] + ((0 * fake).abs().sqrt() if options.fault == "gradient" else torch.nan)
    return terms


def validate(network, batch):
    restored = network(batch["blurred"].expand(-1, 3, -1, -1))
    return {"psnr": -(restored - batch["sharp"]).square().flatten(1).mean(1)}


TOY = Task(losses, validate, networks, critic_twice)
