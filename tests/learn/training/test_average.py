"""The running average is that of torch's AveragedModel, to the last digit."""

import pytest

torch = pytest.importorskip("torch")

from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from refocal.learn.training.average import WeightAverage


def network():
    return torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3))


def test_it_follows_weights_and_buffers_as_torch_does():
    trained = network()
    ours, now = WeightAverage(trained, 0.6), [0]

    def mean(kept, new, updates):
        get_ema_multi_avg_fn(min(0.6, (1 + now[0]) / (10 + now[0])))(kept, new, updates)

    theirs = AveragedModel(trained, multi_avg_fn=mean, use_buffers=True)
    for step in range(8):
        now[0] = step
        with torch.no_grad():
            for weight in trained.parameters():
                weight.add_(torch.randn_like(weight))
        trained(torch.rand(2, 2, 5, 5))  # moves the statistics
        ours.update(trained, step)
        theirs.update_parameters(trained)
        for name, value in theirs.module.state_dict().items():
            assert torch.equal(ours.module.state_dict()[name], value), (step, name)


def test_the_first_update_copies_the_network():
    trained, other = network(), network()
    average = WeightAverage(trained, 0.9)
    average.update(other, 0)
    assert all(torch.equal(average.module.state_dict()[name], value) for name, value in other.state_dict().items())
    assert not any(weight.requires_grad for weight in average.module.parameters())
    assert all(weight.requires_grad for weight in trained.parameters())
