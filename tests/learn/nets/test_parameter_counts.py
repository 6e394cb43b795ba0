"""The table of parameter counts against the networks themselves."""

import pytest

torch = pytest.importorskip("torch")

from refocal.learn.nets import NETWORKS, PARAMETERS, make_config

VARIANTS = {"dpdnet-single": ("dpdnet", {"views": 1}), "defocusgan-light": ("defocusgan", {"glue": "light"})}


def test_every_network_is_counted():
    assert PARAMETERS.keys() == NETWORKS.keys() | VARIANTS.keys()
    assert all(f"{PARAMETERS[name]:,} parameters" in entry.about for name, entry in NETWORKS.items())


@pytest.mark.parametrize("name", PARAMETERS)
def test_counts_are_those_of_the_networks(name):
    network, fields = VARIANTS.get(name, (name, {}))
    with torch.device("meta"):  # shapes alone
        built = NETWORKS[network].load()(make_config(network, fields))
    assert sum(parameter.numel() for parameter in built.parameters() if parameter.requires_grad) == PARAMETERS[name]
