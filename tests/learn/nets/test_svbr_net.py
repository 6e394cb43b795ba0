"""SVBR-Net against its published numbers and its definition."""

import pytest

torch = pytest.importorskip("torch")

from refocal.learn.nets.svbr_net import Config, svbr_net


def trainable(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_it_has_the_published_parameters():
    network = svbr_net()
    assert trainable(network) == 362_099
    assert (trainable(network.map_branch), trainable(network.photo_branch)) == (204_352, 157_747)
    statistics = [buffer for name, buffer in network.named_buffers() if "running" in name]
    assert sum(buffer.numel() for buffer in statistics) == 2_976


def test_the_branches_are_linked_five_times():
    """Each link of the map's branch alone changes the photo's."""
    network = svbr_net().eval().double()
    blurred = torch.rand(1, 3, 32, 32).double()
    links = network.map_branch(torch.rand(1, 1, 32, 32).double())
    assert [(link.shape[1], 32 // link.shape[2]) for link in links] == [(8, 1), (16, 2), (32, 4), (32, 2), (40, 1)]
    plain = network.photo_branch(blurred, links)
    for i in range(5):
        changed = tuple(link + (0.5 if k == i else 0) for k, link in enumerate(links))
        assert (network.photo_branch(blurred, changed) - plain).abs().max() > 1e-12


def test_radii_are_read_as_levels_of_a_quarter_pixel_up_to_six():
    network = svbr_net().eval()
    blurred = torch.rand(1, 3, 24, 20)

    def at(radius_px):
        return network(blurred, torch.full((1, 1, 24, 20), radius_px))

    assert torch.equal(at(0.0), at(0.6)) and torch.equal(at(2.0), at(2.1)) and torch.equal(at(6.0), at(50.0))
    assert not torch.equal(at(0.0), at(0.75)) and not torch.equal(at(2.0), at(2.25))
    released = svbr_net(Config(full_radius_px=21.25)).eval()
    released.load_state_dict(network.state_dict())
    fed = network.photo_branch(blurred, network.map_branch(torch.full((1, 1, 24, 20), 0.2)))
    assert torch.allclose(released(blurred, torch.full((1, 1, 24, 20), 4.25)), fed, atol=1e-6)


def test_any_size_and_the_mirror_image_beyond():
    network = svbr_net().eval()
    blurred, radius = torch.rand(1, 3, 21, 30), torch.rand(1, 1, 21, 30) * 6
    grown = [torch.nn.functional.pad(image, (0, 2, 0, 3), mode="reflect") for image in (blurred, radius)]
    assert torch.allclose(network(blurred, radius), network.body(*grown)[..., :21, :30], atol=1e-6)


def test_nothing_beyond_the_context_matters():
    network = svbr_net().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()  # every path is open
    given = [torch.rand(1, channels, 320, 320, requires_grad=True) for channels in (3, 1)]
    logits = {}
    network.photo_branch.out.register_forward_hook(lambda _module, _inputs, output: logits.update(out=output))
    network.photo_branch(given[0], network.map_branch(given[1]))
    reaches = []
    for offset in range(4):
        place = 160 + offset
        for gradient in torch.autograd.grad(logits["out"][0, 0, place, place], given, retain_graph=True):
            rows = gradient.abs().sum((0, 1, 3)).nonzero().flatten()
            reaches += [place - int(rows.min()), int(rows.max()) - place]
    assert max(reaches) == network.context_px


@pytest.mark.parametrize("normalise", [True, False])
def test_normalisation_can_be_left_at_its_first_statistics(normalise):
    network = svbr_net(Config(normalise=normalise)).train()
    network(torch.rand(2, 3, 16, 16), torch.rand(2, 1, 16, 16))
    means = [buffer for name, buffer in network.named_buffers() if name.endswith("running_mean")]
    assert any(bool(mean.any()) for mean in means) == normalise


def test_gradients_reach_every_parameter():
    network = svbr_net()
    network(torch.rand(2, 3, 32, 32), torch.rand(2, 1, 32, 32) * 6).square().mean().backward()
    # A bias before a normalisation is taken out by it.
    silent = [name for name, p in network.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()]
    assert silent == []
    weights = [p for name, p in network.named_parameters() if p.ndim == 4]
    assert all(p.grad.abs().max() > 0 for p in weights)
