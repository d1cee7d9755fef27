"""Gradients through hundreds of layers: which nets lose them, which blow them up, and which keep them."""

import pytest
import torch
from torch.nn import functional

from undertow.errors import SettingError
from undertow.nets.cnn import CNN
from undertow.nets.deep import LAYERS, DeepNet, ResidualLayer


def ratio(kind, depth, width=32, rows=64):
    """‖∂L/∂x‖ at the first layer over that at the last."""
    torch.manual_seed(0)
    net = DeepNet(10, width, depth, 5, kind).double()
    states = []

    def keep(module, given, output):
        output.retain_grad()
        states.append(output)

    for layer in (net.layers[0], net.layers[-1]):
        layer.register_forward_hook(keep)
    x, labels = torch.randn(rows, 10, dtype=torch.float64), torch.randint(5, (rows,))
    functional.cross_entropy(net(x), labels).backward()
    first, last = (float(state.grad.norm()) for state in states)
    return first / last


@pytest.mark.parametrize("kind", LAYERS)
def test_every_kind_gives_scores_and_every_weight_a_gradient(kind):
    net = DeepNet(12, 8, 4, 3, kind)
    scores = net(torch.randn(6, 3, 4))
    assert scores.shape == (6, 3)
    functional.cross_entropy(scores, torch.arange(6) % 3).backward()
    assert all(p.grad is not None for p in net.parameters())


def test_plain_batch_norm_explodes_backward():
    """About 1.2 a layer (Yang et al. 2019: π / (π - 1), in square, with many units)."""
    grown = ratio("normed", 60) ** (1 / 59)
    assert 1.1 < grown < 1.35


@pytest.mark.parametrize("kind", ["residual", "highway", "orthogonal"])
def test_others_keep_a_gradient_through_three_hundred_layers(kind):
    assert 1e-3 < ratio(kind, 300) < 1e3


def test_a_residual_layer_adds_less_the_deeper_the_net_is():
    """1 / √depth of what its branch says: so much of the sum over all layers is the same at any depth."""
    layer, x = ResidualLayer(5, 16), torch.randn(7, 5)
    layer.eval()
    branch = layer.outer(layer.inner(layer.norm(x)).relu())
    assert branch.detach().norm() > 0.1
    torch.testing.assert_close(layer(x), x + branch / 4)


def test_a_plain_net_with_small_weights_loses_it():
    torch.manual_seed(0)
    net = DeepNet(10, 32, 60, 5, "plain")
    with torch.no_grad():
        for layer in net.layers:
            layer.map.weight.mul_(0.7)
    x = torch.randn(8, 10, requires_grad=True)
    net(x).sum().backward()
    assert float(x.grad.norm()) < 1e-6


def test_a_cnn_has_the_shapes_it_says():
    net = CNN(1, 28, 10)
    assert net(torch.randn(4, 1, 28, 28)).shape == (4, 10)
    assert net.hidden[0].in_features == 64 * 7 * 7
    with pytest.raises(SettingError, match="cannot be halved 3 times"):
        CNN(1, 6, 10, stages=3)
    with pytest.raises(SettingError, match="A deep net is plain, normed"):
        DeepNet(3, 3, 3, 3, "wide")
    with pytest.raises(SettingError, match="at least 1 layer"):
        DeepNet(3, 3, 0, 3)
