import pytest

torch = pytest.importorskip("torch")

from refocal.learn.nets.sharpness_unet import Config, sharpness_unet


def parameters(network):
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(("decoder_convs", "count"), [(5, 4_891_216), (1, 4_105_936), (2, 4_302_256)])
def test_parameters_as_counted_for_each_reading_of_the_paper(decoder_convs, count):
    assert parameters(sharpness_unet(Config(decoder_convs=decoder_convs))) == count


def test_running_statistics_make_up_the_rest():
    """4,898,576 with them: Keras' total, the published 4.9 M."""
    network = sharpness_unet()
    statistics = sum(b.numel() for name, b in network.named_buffers() if "running" in name)
    assert parameters(network) + statistics == 4_898_576


def test_it_begins_as_the_identity_and_adds_to_the_image():
    network = sharpness_unet(Config(widths=(4, 8, 8), encoder_convs=1, decoder_convs=1)).eval()
    image = torch.rand(1, 1, 13, 22)
    assert torch.equal(network(image), image)
    with torch.no_grad():
        network.out.weight += 1
    body = network.body(torch.nn.functional.pad(image, (0, 2, 0, 3), mode="reflect"))
    assert torch.allclose(network(image), body[..., :13, :22], atol=1e-6)


def test_context_is_as_far_as_the_input_matters():
    network = sharpness_unet(Config(widths=(4, 4, 4), encoder_convs=2, decoder_convs=1)).eval()
    torch.manual_seed(1)
    with torch.no_grad():
        network.out.weight.normal_()
    reach, side = network.context_px, 160
    assert reach == (2 + 1 + 1) * (1 + 2) + 2 * 4
    image = torch.rand(1, 1, side, side, requires_grad=True)
    network(image)[0, 0, 80, 80].backward()
    rows = image.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    assert 80 - reach <= rows.min() <= 80 - reach + 6
    assert 80 + reach - 6 <= rows.max() <= 80 + reach


def test_gradients_reach_every_parameter():
    network = sharpness_unet(Config(widths=(4, 8), encoder_convs=1, decoder_convs=1))
    with torch.no_grad():
        network.out.weight.normal_()
    network(torch.rand(2, 1, 16, 16)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())
