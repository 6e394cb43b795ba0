"""Operations counted in ONNX files, against hand counts and torch's counts of the same networks."""

import json
from pathlib import Path

import numpy as np
import pytest

import refocal.weights
from refocal.methods import METHODS

onnx = pytest.importorskip("onnx")
TensorProto, helper, numpy_helper = onnx.TensorProto, onnx.helper, onnx.numpy_helper

TWINS = ("-beta-0", "-beta-0.1", "-gtb", "-no-gan", "-crisp")  # other weights of a network that is listed already
SHIPPED = [
    path for path in sorted(Path(refocal.weights.__file__).parent.glob("*.onnx")) if not path.stem.endswith(TWINS)
]
MEGAPIXEL = 1e6


def save(path, nodes, **weights):
    """A graph from ``blurred``, three channels of any size, to ``restored``."""
    tensors = [
        helper.make_tensor_value_info("blurred", TensorProto.FLOAT, ["batch", 3, "height", "width"]),
        helper.make_tensor_value_info("restored", TensorProto.FLOAT, None),
    ]
    constants = [numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in weights.items()]
    graph = helper.make_graph(nodes, "graph", tensors[:1], tensors[1:], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


@pytest.mark.parametrize(
    ("kind", "attributes", "shape", "per_pixel"),
    [
        # Each of 5 outputs on a quarter of the pixels sums 3 channels of 3 x 5.
        ("Conv", {"kernel_shape": [3, 5], "strides": [2, 2], "pads": [1, 2, 1, 2]}, (5, 3, 3, 5), 2 * 5 * 3 * 15 / 4),
        # In three groups, each of 6 outputs reads one channel.
        ("Conv", {"kernel_shape": [3, 3], "group": 3, "pads": [1, 1, 1, 1]}, (6, 1, 3, 3), 2 * 6 * 9),
        # Each of 3 inputs is spread over 2 channels of 4 x 4, whatever the stride.
        (
            "ConvTranspose",
            {"kernel_shape": [4, 4], "strides": [2, 2], "pads": [1, 1, 1, 1]},
            (3, 2, 4, 4),
            2 * 3 * 2 * 16,
        ),
    ],
)
def test_a_convolution_counted_by_hand(script, tmp_path, kind, attributes, shape, per_pixel):
    path = save(tmp_path / "one.onnx", [helper.make_node(kind, ["blurred", "w"], ["restored"], **attributes)], w=shape)
    assert script("flops").gflop_per_megapixel(path) == pytest.approx(per_pixel * MEGAPIXEL / 1e9, rel=1e-12)


def test_products_of_matrices_counted_by_hand(script, tmp_path):
    flops = script("flops")
    side = flops.SIDE_PX
    rows = [helper.make_node("MatMul", ["blurred", "w"], ["restored"])]
    # 3 * side rows of side numbers, each by 7 columns.
    assert flops.gflop_per_megapixel(save(tmp_path / "rows.onnx", rows, w=(side, 7))) == pytest.approx(2 * 3 * 7 * 1e-3)
    means = [
        helper.make_node("GlobalAveragePool", ["blurred"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w"], ["restored"], transB=1),
    ]
    found = flops.gflop_per_megapixel(save(tmp_path / "means.onnx", means, w=(11, 3)))
    assert found == pytest.approx(2 * 3 * 11 / 1e9 / (side**2 / MEGAPIXEL))


def counted_by_torch(network, inputs):
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.body(*inputs)
    return counter.get_total_flops() / 1e9 / (inputs[0].shape[-2] * inputs[0].shape[-1] / MEGAPIXEL)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_networks_as_torch_counts_them(script, path):
    torch = pytest.importorskip("torch")
    from refocal.learn.nets import NETWORKS, make_config

    flops = script("flops")
    model = onnx.load(path)
    metadata = {each.key: each.value for each in model.metadata_props}
    config = make_config(metadata["network"], json.loads(metadata["config"]))
    channels = [graph_input.type.tensor_type.shape.dim[1].dim_value for graph_input in model.graph.input]
    with torch.device("meta"):  # shapes only
        network = NETWORKS[metadata["network"]].load()(config).eval()
        inputs = [torch.empty(1, count, flops.SIDE_PX, flops.SIDE_PX) for count in channels]
    assert flops.gflop_per_megapixel(path) == pytest.approx(counted_by_torch(network, inputs), rel=1e-9)


def test_the_default_models_network_as_torch_counts_it(script, tmp_path):
    torch = pytest.importorskip("torch")
    from refocal.learn.export.onnx_graph import trace
    from refocal.learn.nets.focus_unet import Config, FocusUNet

    network = FocusUNet(Config()).eval()
    model, _ = trace(network, {"blurred": 1}, list(network.outputs))
    onnx.save(model, tmp_path / "focus.onnx")
    found = script("flops").gflop_per_megapixel(tmp_path / "focus.onnx")
    assert found == pytest.approx(counted_by_torch(network, [torch.zeros(1, 1, 128, 128)]), rel=1e-9)
    assert found <= 300  # the limit of the default's cost


def test_networks_that_differ_only_in_weights_have_one_shape(script):
    shape_of = script("flops").shape_of
    assert shape_of("sharpness-unet") == shape_of("sharpness-unet-beta-0") != shape_of("svbr-net")
    assert shape_of("wiener") == ("wiener", "") != shape_of("identity")
    assert script("flops").network_of("svbr-net").network == "svbr-net"
    assert all(len(shape_of(method)) == 2 for method in METHODS)
