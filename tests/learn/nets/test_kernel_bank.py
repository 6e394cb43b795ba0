"""The learnable kernels: their first values, their interpolation, and that they can be learned."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from refocal.learn.nets.kernel_bank import Config, KernelBank, blur_signed, half_disks
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.kernels import gaussian


def test_rings_of_25_radii_on_either_side():
    behind, front = ([kernel.detach() for kernel in bank] for bank in KernelBank(Config()).kernels())
    assert len(behind) == len(front) == 25 and all(torch.equal(a, b) for a, b in zip(behind, front, strict=True))
    sides = {0: 1, 1: 3, 2: 7, 3: 9, 5: 13, 8: 19, 9: 23, 12: 29, 16: 39, 20: 47, 24: 57}
    assert {radius: len(behind[radius]) for radius in sides} == sides
    golden = {1: (0.0290, 0.2427), 2: (0.0302, 0.0453), 3: (0.0083, 0.0271), 5: (0.0028, 0.0162)}
    for radius, (centre, largest) in golden.items():
        kernel = behind[radius]
        assert (float(kernel[radius_centre(kernel)]), float(kernel.max())) == pytest.approx((centre, largest), abs=6e-5)
    assert all(float(kernel.sum()) == pytest.approx(1, abs=1e-5) for kernel in behind)


def radius_centre(kernel):
    return len(kernel) // 2, len(kernel) // 2


@pytest.mark.parametrize("radius", [0.0, 1.0, -3.0, 2.25, -0.5, 24.0, -24.0])
def test_interpolation_between_whole_radii_is_linear_and_sums_to_one(radius):
    torch.manual_seed(0)
    bank, sharp = KernelBank(Config()), torch.rand(1, 3, 70, 70)
    got = bank(sharp, torch.full((1, 1, 70, 70), radius))
    low, share = int(abs(radius)), abs(radius) % 1
    parts = [Psf(bank.behind[min(low + i, 24)].detach(), boundary="zero").apply(sharp) for i in (0, 1)]
    assert torch.allclose(got, (1 - share) * parts[0] + share * parts[1], atol=2e-6)
    flat = bank(torch.ones(1, 1, 140, 140), torch.full((1, 1, 140, 140), radius))
    assert torch.allclose(flat[..., 40:-40, 40:-40], torch.ones(1), atol=1e-5)


def test_a_map_gathers_as_the_blur_map_of_optics():
    random = np.random.default_rng(0)
    sharp, radius = random.random((2, 3, 40, 40), np.float32), 6 * random.random((2, 1, 40, 40), np.float32)
    got = KernelBank(Config())(torch.from_numpy(sharp), torch.from_numpy(radius))
    expected = BlurMap(radius[:, 0], "ring", step_px=1.0, boundary="zero").apply(sharp)
    assert np.allclose(got.detach(), expected, atol=2e-6)


def test_every_colour_has_its_own_radius():
    sharp = torch.rand(1, 3, 30, 30)
    signed = torch.tensor([0.0, 2.0, -5.0]).view(1, 3, 1, 1).expand(1, 3, 30, 30)
    got = KernelBank(Config())(sharp, signed)
    assert torch.allclose(got[:, 0], sharp[:, 0], atol=1e-6)
    one = KernelBank(Config())(sharp, signed[:, 2:3])
    assert torch.allclose(got[:, 2], one[:, 2], atol=1e-6)


def test_the_two_sides_are_independent():
    bank, sharp = KernelBank(Config()), torch.rand(1, 1, 24, 24)
    bank(sharp, torch.full((1, 1, 24, 24), -3.0)).square().mean().backward()
    assert [
        radius for radius, kernel in enumerate(bank.front) if kernel.grad is not None and kernel.grad.abs().max() > 0
    ] == [3]
    assert all(kernel.grad is None or kernel.grad.abs().max() == 0 for kernel in bank.behind)


def test_constrained_kernels_stay_positive_with_sum_one():
    bank = KernelBank(Config(constrained=True))
    plain, _ = KernelBank(Config()).kernels()
    first, _ = bank.kernels()
    assert all(torch.allclose(a, b, atol=2e-4) for a, b in zip(first, plain, strict=True))
    with torch.no_grad():
        for kernel in bank.behind:
            kernel.add_(torch.randn_like(kernel))
    moved = [kernel.detach() for kernel in bank.kernels()[0]]
    assert all(float(kernel.min()) > 0 and float(kernel.sum()) == pytest.approx(1, abs=1e-5) for kernel in moved)


def test_the_other_kinds_are_fixed():
    for kind in ("butterworth", "gaussian"):
        assert not any(parameter.requires_grad for parameter in KernelBank(Config(kind=kind)).parameters())
    kernel = KernelBank(Config(kind="gaussian")).kernels()[0][4].numpy()
    assert np.allclose(kernel, gaussian(2.0), atol=1e-7)


def test_the_kernels_find_another_lens():
    """A scene blurred by a flat disk, its true map known: the ring fills its dark centre."""
    torch.manual_seed(0)
    sharp = torch.rand(4, 1, 32, 32)
    lens = torch.ones(5, 5) / 25
    photo = blur_signed(sharp, torch.full((4, 1, 32, 32), 2.0), [lens] * 3, [lens] * 3)
    bank = KernelBank(Config())
    optimiser = torch.optim.Adam(bank.parameters(), 3e-3)
    for _ in range(150):
        loss = (bank(sharp, torch.full((4, 1, 32, 32), 2.0)) - photo).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    learned = bank.behind[2].detach()
    assert torch.allclose(learned[1:-1, 1:-1], lens, atol=0.01) and learned[0].abs().max() < 0.01


def test_the_half_disks_are_mirror_images():
    left, right = half_disks(torch.device("cpu"))
    assert all(torch.equal(a, b.flip(1)) for a, b in zip(left, right, strict=True))
    assert (left[2].sum(0)[0] < left[2].sum(0)[-1]) and float(left[2].sum()) == pytest.approx(1)


def test_a_map_with_nan_gives_an_image_with_nan():
    """So that the training stops at its finite check, and not here."""
    signed = torch.full((1, 1, 12, 12), 2.0)
    signed[..., 5, 5] = torch.nan
    assert torch.isnan(KernelBank(Config())(torch.rand(1, 1, 12, 12), signed)).any()


def test_every_kernel_gets_a_gradient():
    bank = KernelBank(Config())
    bank(torch.rand(1, 1, 12, 12), torch.full((1, 1, 12, 12), 2.0)).sum().backward()
    assert all(kernel.grad is not None for kernel in (*bank.behind, *bank.front))
