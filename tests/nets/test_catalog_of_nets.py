"""Nets by name: what they are made of, what is said of names that are none, and their pieces in order."""

import pytest
import torch

from undertow.blocks.binary import BinaryConv2d, BinaryLinear
from undertow.errors import SettingError
from undertow.nets.binary import BinaryCNN, BinaryMLP
from undertow.nets.catalog import NETS, closest, is_net, net
from undertow.nets.mlp import MLP
from undertow.nets.pieces import pieces

GREY = (1, 28, 28)


def count(made):
    return sum(p.numel() for p in made.parameters())


@pytest.mark.parametrize("name", NETS)
def test_every_net_tells_ten_classes_and_gives_every_weight_a_gradient(name):
    torch.manual_seed(0)
    depth = {"resnet": 8, "densenet": 10}.get(name, 3)
    made = net(f"{name}-{depth}" if NETS[name].depth else name, (1, 12, 12), 10, 8)
    scores = made(torch.randn(6, 1, 12, 12))
    assert scores.shape == (6, 10)
    torch.nn.functional.cross_entropy(scores, torch.arange(6)).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in made.parameters())


def test_names_have_their_depth():
    assert count(net("resnet-20", (3, 32, 32), 10)) == 272_186 + 288
    assert count(net("mlp-2", GREY, 10)) == 784 * 512 + 512 + 512 * 512 + 512 + 5130
    assert count(net("resnet-50", (3, 224, 224), 1000)) == 25_557_032
    assert count(net("densenet-121", (3, 224, 224), 1000)) == 7_978_856
    assert len(net("highway-17", GREY, 10).layers) == 17
    assert count(net("resnet20", (3, 32, 32), 10)) == count(net("resnet", (3, 32, 32), 10))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("renset-20", "Did you mean resnet-20"),
        ("xyz", "Nets: mlp-2, cnn"),
        ("cnn-4", "has no depth to choose"),
        ("resnet-0", "from 1 to 100,000"),
        ("resnet-9", r"6 n \+ 2 layers"),
        ("densenet-121", "from 32x32 on; got 28x28"),
    ],
)
def test_names_that_are_none(name, said):
    with pytest.raises(SettingError, match=said):
        net(name, GREY, 10)


def test_a_flat_layer_wants_a_square():
    with pytest.raises(SettingError, match="square images, got 12x9"):
        net("cnn", (1, 9, 12), 10)


def test_is_net_and_closest():
    assert is_net("resnet-20")
    assert is_net("cnn")
    assert not is_net("lstm")
    assert closest("densnet-40") == "densenet-40"
    assert closest("cn") == "cnn"
    assert closest("qqqqq") == ""


def test_a_twin_differs_in_its_bits_alone():
    both, weights, none = (net(f"binary-{kind}", GREY, 10) for kind in ("cnn", "weights-cnn", "twin-cnn"))
    layers = [
        sum(isinstance(m, BinaryConv2d | BinaryLinear) for m in made.modules())
        for made in (both, weights, none)
    ]
    assert layers == [5, 5, 0]
    assert both.readout.weight.shape == none.readout.weight.shape
    assert count(both) - count(none) == 32 + 32 + 64 + 64  # a bias for each channel, which norms make idle
    x = torch.randn(3, 1, 28, 28)
    assert torch.equal(both.eval()(x), both.eval()(2 * x))  # signs do not know how large a number is
    assert not torch.allclose(none.eval()(x), none.eval()(2 * x))
    for made in (BinaryCNN, BinaryMLP):
        with pytest.raises(SettingError, match="both, weights, none"):
            made(1, 28, 10, kind="half") if made is BinaryCNN else made(784, 8, 2, 10, kind="half")


def test_signs_go_in_where_both_are_binary():
    made = net("binary-mlp-2", GREY, 10, 8)
    layer = next(m for m in made.modules() if isinstance(m, BinaryLinear))
    seen = []
    layer.register_forward_hook(lambda m, x, y: seen.append((x[0], y)))
    made.eval()(torch.randn(4, *GREY))
    [(x, y)] = seen
    alpha = layer.weight.abs().mean(1)
    signs = torch.where(x >= 0, 1.0, -1.0) @ torch.where(layer.weight >= 0, 1.0, -1.0).T
    assert torch.allclose(y, signs * alpha + layer.bias, atol=1e-5)


def test_sigmoids_shrink_a_gradient_and_norms_keep_it():
    """In depth 12 the first layer's gradient, beside the last one's."""
    shares = {}
    for activation, norm in (("sigmoid", "none"), ("relu", "none"), ("sigmoid", "batch")):
        torch.manual_seed(0)
        made = MLP(20, 32, 12, 5, activation=activation, norm=norm)
        made(torch.randn(64, 20)).logsumexp(1).sum().backward()
        weights = [m.weight.grad.norm() for m in made.hidden if isinstance(m, torch.nn.Linear)]
        shares[activation, norm] = float(weights[0] / weights[-1])
    assert shares["sigmoid", "none"] < 1e-5
    assert shares["relu", "none"] > 0.05
    assert shares["sigmoid", "batch"] > 1e-2
    with pytest.raises(SettingError, match="relu, sigmoid, tanh"):
        MLP(2, 2, 1, 2, activation="sin")


def test_pieces_stand_in_order_with_equal_ones_counted():
    made = net("resnet-20", (3, 32, 32), 10)
    found = pieces(made, (3, 32, 32))
    assert [(p.name, p.times, p.way) for p in found] == [
        ("3x3", 1, "through"),
        ("residual 3x3, 3x3", 3, "past"),
        ("residual 3x3, 3x3", 1, "projected"),
        ("residual 3x3, 3x3", 2, "past"),
        ("residual 3x3, 3x3", 1, "projected"),
        ("residual 3x3, 3x3", 2, "past"),
        ("mean", 1, "through"),
        ("linear", 1, "through"),
    ]
    assert [p.shape for p in found][1:6:2] == [(16, 32, 32), (32, 16, 16), (64, 8, 8)]
    assert sum(p.parameters * p.times for p in found) == count(made)
    assert made.training  # it is left as it was


@pytest.mark.parametrize("name", NETS)
def test_pieces_hold_all_parameters(name):
    depth = {"resnet": 8, "densenet": 10}.get(name, 3)
    made = net(f"{name}-{depth}" if NETS[name].depth else name, (1, 12, 12), 10, 8)
    told = sum(p.parameters * p.times for p in pieces(made, (1, 12, 12)))
    assert told == count(made)
