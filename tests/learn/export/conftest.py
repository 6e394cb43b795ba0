"""Exported networks for the tests of this folder."""

from dataclasses import replace

import pytest


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small U-Net and its file."""
    import torch
    from export_samples import ABOUT, SMALL, lively

    from refocal.learn.export.onnx_file import export
    from refocal.learn.nets import sharpness_unet

    torch.manual_seed(0)
    network = lively(sharpness_unet.sharpness_unet(SMALL))
    path = tmp_path_factory.mktemp("export") / "small.onnx"
    return network, path, export(network, path, ABOUT)


@pytest.fixture(scope="module")
def in_8_bits(tmp_path_factory):
    """A U-Net some of whose weights have more than 1,000 numbers, among them a transposed convolution's; and its
    file."""
    import torch
    from export_samples import ABOUT, WIDE, lively

    from refocal.learn.export.onnx_file import export
    from refocal.learn.nets import sharpness_unet

    torch.manual_seed(0)
    network = lively(sharpness_unet.sharpness_unet(WIDE))
    with torch.no_grad():
        network.up[0].weight[:, 5] *= 20  # so that scales along the other axis would show
        network.up[0].weight[:, 6] = 0
    path = tmp_path_factory.mktemp("export8") / "wide.onnx"
    return network, path, export(network, path, replace(ABOUT, config=WIDE), bits=8)
