import numpy as np
import pytest

torch = pytest.importorskip("torch")

from refocal.datasets import open_dataset
from refocal.learn.losses.pixelwise import LOSSES
from refocal.learn.pairs.uniform import PAIRS, MeanBlur, Noise, RealPairs, luma8


def test_mean_pairs_are_those_of_the_test_set(shared):
    """The same crop, blurred by the data set's code and by the training's: not a level apart."""
    pair = open_dataset("kodak24", shared / "data/test")[18]
    grey = torch.from_numpy(np.rint(pair.sharp * 255).astype(np.uint8))[:, :, :, None].expand(-1, -1, -1, 3)
    made = MeanBlur()(grey, torch.Generator())
    assert np.array_equal(made["sharp"][0].numpy(), pair.sharp)
    assert np.abs(made["blurred"][0].numpy() - pair.blurred).max() < 1e-6


def test_luma_is_truncated_and_white_stays_white():
    colours = torch.tensor([[255, 255, 255], [0, 0, 0], [255, 0, 0], [1, 1, 0]], dtype=torch.uint8)[:, None, None]
    assert (luma8(colours).flatten() * 255).round().tolist() == [255, 0, 76, 0]


def test_noise_has_the_given_deviation():
    crops = torch.full((2, 256, 256, 3), 128, dtype=torch.uint8)
    made = Noise(0.02)(crops, torch.Generator().manual_seed(1))
    assert (made["blurred"] - made["sharp"]).std().item() == pytest.approx(0.02, rel=0.01)
    spread = Noise(0.02, spread=2.0)(
        torch.full((400, 16, 16, 3), 128, dtype=torch.uint8), torch.Generator().manual_seed(1)
    )
    deviations = (spread["blurred"] - spread["sharp"]).std(dim=(1, 2, 3))
    assert 0.008 < deviations.min() < 0.012 and 0.034 < deviations.max() < 0.046


def test_photographed_pairs_come_apart_again():
    crops = torch.cat([torch.full((1, 8, 8, 3), 200), torch.full((1, 8, 8, 3), 90)], dim=-1).to(torch.uint8)
    made = RealPairs()(crops, torch.Generator())
    assert made["sharp"].unique().item() == pytest.approx(200 / 255)
    assert made["blurred"].unique().item() == pytest.approx(90 / 255)


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_repeat_with_their_seed(name):
    channels = 6 if name == "photographed" else 3
    crops = torch.randint(0, 256, (2, 16, 16, channels), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    small = (
        {"max_radius_px": 3.0, "border_px": 0, "resized": 0.0} if name == "camera" else {}
    )  # for crops as small as these
    one, two = (PAIRS[name].make(small)(crops, torch.Generator().manual_seed(4)) for _ in range(2))
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert one["blurred"].dtype == torch.float32 and one["sharp"].shape in ((2, 1, 16, 16), (2, 3, 16, 16))


@pytest.mark.parametrize("name", LOSSES)
def test_a_step_down_the_gradient_lowers_the_loss(name):
    random = torch.Generator().manual_seed(0)
    sharp = torch.rand((2, 1, 32, 32), generator=random, dtype=torch.float64)
    restored = (0.7 * sharp + 0.3 * torch.rand(sharp.shape, generator=random, dtype=torch.float64)).requires_grad_()
    loss = LOSSES[name].load()
    value = loss(restored, sharp)
    (slope,) = torch.autograd.grad(value, restored)
    step = 1e-4 * slope / slope.abs().max()
    assert loss(restored - step, sharp) < value


def test_the_sharpness_loss_without_clipping_is_unbounded():
    """Stripes of period 4 raise Q by 6.3 times their amplitude, and L1 by half of it."""
    stripes = torch.tensor([0.0, 1.0, 0.0, -1.0]).repeat(8).expand(1, 1, 32, 32)
    grey = torch.full((1, 1, 32, 32), 0.5)
    loss = LOSSES["sharpness"].load()
    for amplitude in (1.0, 10.0):
        unclipped = loss((grey + amplitude * stripes).requires_grad_(), grey, clipped=False)
        assert unclipped.item() == pytest.approx(
            -6.32 * amplitude, rel=1e-3
        )  # 40 ** 0.5, the patch's one-sided border included
    assert loss(grey + 10 * stripes, grey) == loss(grey + stripes, grey)


def test_losses_in_numbers():
    sharp, restored = torch.zeros(1, 1, 16, 16), torch.full((1, 1, 16, 16), 0.5)
    assert LOSSES["l1"].load()(restored, sharp).item() == 0.5
    assert LOSSES["l2"].load()(restored, sharp).item() == 0.25
    assert LOSSES["charbonnier"].load()(restored, sharp).item() == pytest.approx((0.25 + 1e-3) ** 0.5)
    assert LOSSES["dissimilarity"].load()(sharp, sharp).item() == pytest.approx(0, abs=1e-6)
    assert LOSSES["sharpness"].load()(restored, sharp).item() == pytest.approx(0, abs=1e-6)
