"""Adversarial losses against numbers worked out by hand, and critics whose gradient is known."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn

from refocal.learn.losses.adversarial import (
    critic_loss,
    defocus_weight,
    generator_loss,
    gradient_penalty,
    relativistic_critic_loss,
    relativistic_generator_loss,
    weight_for,
)
from refocal.learn.nets.patch_discriminator import Config, PatchDiscriminator
from refocal.types import InputError

REAL = torch.tensor([1.0, 3.0]).reshape(1, 1, 1, 2)
FAKE = torch.tensor([2.0, -1.0]).reshape(1, 1, 1, 2)
WEIGHT = torch.tensor([0.0, 10.0]).reshape(1, 1, 1, 2)


class Linear(nn.Module):
    """D(x) = <a, x>, one score per image."""

    def __init__(self, a):
        super().__init__()
        self.a = nn.Parameter(a)

    def forward(self, image):
        return (self.a * image).sum((1, 2, 3), keepdim=True)


def test_critic_loss_by_hand():
    # fake - real is 1 and -4: the mean is -1.5; weighted by 0 and 10 it is -20, a tenth of which comes on top.
    assert critic_loss(REAL, FAKE).item() == pytest.approx(-1.5)
    assert critic_loss(REAL, FAKE, WEIGHT).item() == pytest.approx(-3.5)
    assert critic_loss(REAL, FAKE, WEIGHT, share=0.05).item() == pytest.approx(-2.5)


def test_generator_loss_by_hand():
    # phi is 1 and 2: -(2 - 2) / 2.
    assert generator_loss(FAKE).item() == pytest.approx(-0.5)
    assert generator_loss(FAKE, WEIGHT).item() == pytest.approx(0.0)
    assert generator_loss(FAKE, WEIGHT, share=0.05).item() == pytest.approx(-0.25)


def test_where_nothing_is_blurred_the_weight_changes_nothing():
    random = torch.Generator().manual_seed(1)
    real, fake = torch.randn(2, 3, 1, 5, 7, generator=random)
    none = torch.zeros(3, 1, 5, 7)
    assert torch.equal(critic_loss(real, fake, none), critic_loss(real, fake))
    assert torch.equal(generator_loss(fake, none), generator_loss(fake))


def test_relativistic_losses_by_hand():
    # Means 2 and 0.5. Critic: real - 0.5 - 1 is -0.5 and 1.5; fake - 2 + 1 is 1 and -2.
    assert relativistic_critic_loss(REAL, FAKE).item() == pytest.approx((1.25 + 2.5) / 2)
    # Generator: real - 0.5 + 1 is 1.5 and 3.5; fake - 2 - 1 is -1 and -4.
    assert relativistic_generator_loss(REAL, FAKE).item() == pytest.approx((7.25 + 8.5) / 2)
    ones = torch.ones(2, 1, 3, 3)
    assert relativistic_critic_loss(ones, 0 * ones).item() == 0  # what the critic wants: one apart


def test_the_weight_is_the_radius_of_the_nearest_pixel():
    radius = torch.arange(24.0).reshape(1, 1, 4, 6).requires_grad_()
    assert defocus_weight(radius, torch.zeros(1, 1, 2, 3)).tolist() == [[[[0, 2, 4], [12, 14, 16]]]]
    assert defocus_weight(radius, torch.zeros(1, 1, 5, 6)).shape == (1, 1, 5, 6)
    assert not defocus_weight(radius, torch.zeros(1, 1, 2, 3)).requires_grad


def test_whose_loss_is_weighted():
    radius = torch.rand(1, 1, 4, 6)

    def weighted(weight_in):
        return [weight_for(player, weight_in, radius, REAL) is not None for player in ("D", "G")]

    assert [weighted(w) for w in ("D", "G", "both", "none")] == [
        [True, False],
        [False, True],
        [True, True],
        [False, False],
    ]
    assert torch.equal(weight_for("G", "both", radius, REAL), defocus_weight(radius, REAL))
    with pytest.raises(InputError, match="not 'g'"):
        weight_for("G", "g", radius, REAL)


def test_penalty_of_a_linear_critic_is_known():
    random = torch.Generator().manual_seed(2)
    a = torch.randn(1, 3, 5, 4, generator=random).double()
    real, fake = torch.rand(2, 2, 3, 5, 4, generator=random).double()
    critic, alpha = Linear(a), torch.rand((), generator=random).double()
    sample = gradient_penalty(critic, real, fake, alpha, norm="sample")
    assert sample.item() == pytest.approx((a.norm().item() - 1) ** 2)
    pixel = gradient_penalty(critic, real, fake, alpha, norm="pixel")
    assert pixel.item() == pytest.approx(((a.square().sum(1).sqrt() - 1) ** 2).mean().item())
    # and so is its gradient by a, to which the penalty must lead
    (by_a,) = torch.autograd.grad(sample, critic.a)
    assert torch.allclose(by_a, 2 * (a.norm() - 1) * a / a.norm())
    unit = Linear(a / a.norm()), Linear(a / a.norm(dim=1, keepdim=True))
    assert gradient_penalty(unit[0], real, fake, alpha, "sample").item() == pytest.approx(0, abs=1e-20)
    assert gradient_penalty(unit[1], real, fake, alpha, "pixel").item() == pytest.approx(0, abs=1e-20)


def test_penalty_of_many_scores_is_of_their_sum_by_pixel_and_of_their_mean_by_sample():
    class Twice(Linear):
        def forward(self, image):
            return super().forward(image).expand(-1, 1, 1, 2)

    a, alpha = torch.full((1, 3, 2, 2), 0.7), torch.tensor(0.5)
    images = torch.zeros(2, 3, 2, 2)
    sample, pixel = (gradient_penalty(Twice(a), images, images, alpha, norm) for norm in ("sample", "pixel"))
    assert sample.item() == pytest.approx((a.norm().item() - 1) ** 2, rel=1e-5)
    assert pixel.item() == pytest.approx((2 * 0.7 * 3**0.5 - 1) ** 2, rel=1e-5)


@pytest.mark.parametrize("norm", ["pixel", "sample"])
def test_penalty_is_taken_between_the_images(norm):
    class Square(nn.Module):
        def forward(self, image):
            return image.square().sum((1, 2, 3), keepdim=True) / 2  # the gradient is the image

    real, fake = torch.full((2, 1, 1, 1), 3.0), torch.full((2, 1, 1, 1), 1.0)
    penalty = gradient_penalty(Square(), real, fake, torch.tensor(0.25), norm)
    assert penalty.item() == pytest.approx((1.5 - 1) ** 2)
    alpha = torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1)
    assert gradient_penalty(Square(), real, fake, alpha, norm).item() == pytest.approx((0 + 4) / 2)


@pytest.mark.parametrize("norm", ["pixel", "sample"])
def test_penalty_of_a_critic_without_slope_is_one_and_its_gradient_a_number(norm):
    critic = Linear(torch.zeros(1, 3, 4, 4))
    penalty = gradient_penalty(critic, torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4), torch.tensor(0.3), norm)
    penalty.backward()
    assert penalty.item() == 1 and torch.isfinite(critic.a.grad).all()
    with pytest.raises(InputError, match="not by 'patch'"):
        gradient_penalty(critic, REAL, FAKE, torch.tensor(0.3), "patch")


def test_penalty_is_the_same_in_mixed_precision_wrapped_and_compiled():
    fabric_of = pytest.importorskip("lightning_fabric").Fabric
    critic = PatchDiscriminator(Config())
    real, fake = torch.rand(2, 1, 3, 24, 24)
    alpha = torch.tensor(0.4)
    plain = gradient_penalty(critic, real, fake, alpha)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(gradient_penalty(critic, real, fake, alpha), plain)
    fabric = fabric_of(accelerator="cpu", devices=1, precision="bf16-mixed")
    wrapped = fabric.setup(torch.compile(critic, backend="eager"))
    assert torch.allclose(gradient_penalty(wrapped, real, fake, alpha), plain)
    fabric.backward(gradient_penalty(wrapped, real, fake, alpha))
    assert all(p.grad.abs().sum() > 0 for p in critic.parameters() if p.ndim == 4)


def test_the_losses_train_a_critic_and_a_generator():
    """Blocks are sharp, their means over 3 x 3 are not; one gain and one 3x3 kernel are the generator."""
    random = torch.Generator().manual_seed(3)
    blocks = torch.randint(0, 2, (8, 3, 8, 8), generator=random).float()
    sharp = blocks.repeat_interleave(4, 2).repeat_interleave(4, 3)
    blurred = nn.functional.avg_pool2d(sharp, 3, 1, 1, count_include_pad=False)
    radius = torch.full((8, 1, 32, 32), 1.5)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        critic, generator = PatchDiscriminator(Config()), nn.Conv2d(3, 3, 3, padding=1)
    with torch.no_grad():
        generator.weight.zero_()
        generator.weight[range(3), range(3), 1, 1] = 1
        generator.bias.zero_()
    critics = torch.optim.Adam(critic.parameters(), 2e-4)
    generators = torch.optim.Adam(generator.parameters(), 2e-3)

    def gap():
        with torch.no_grad():
            return (critic(sharp) - critic(blurred)).mean().item()

    before, critic_losses = gap(), []
    for _ in range(8):
        real, fake = critic(sharp), critic(generator(blurred).detach())
        loss = critic_loss(real, fake, weight_for("D", "both", radius, real))
        alpha = torch.rand((), generator=random)
        loss = loss + 10 * gradient_penalty(critic, sharp, generator(blurred), alpha)
        critics.zero_grad()
        loss.backward()
        critics.step()
        critic_losses.append(loss.item())
    assert gap() > before + 0.1
    critic.requires_grad_(False)
    generator_losses = []
    for _ in range(8):
        fake = critic(generator(blurred))
        loss = generator_loss(fake, weight_for("G", "both", radius, fake))
        generators.zero_grad()
        loss.backward()
        generators.step()
        generator_losses.append(loss.item())
    assert generator_losses[-1] < generator_losses[0]
    assert torch.tensor(critic_losses + generator_losses).isfinite().all()
