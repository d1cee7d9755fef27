"""The vanilla RNN with softmax output against the textbook's backward pass written by hand in numpy."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

import undertow as ut
from cases import B, H, I, Scaling, T, assert_same, normal, randomised
from oracles import Textbook
from undertow import cells
from undertow.recurrent.recurrent import listening

CLASSES = 6


@pytest.fixture
def network():
    return randomised(ut.Recurrent(cells.RNN(I, H))), randomised(torch.nn.Linear(H, CLASSES))


def by_hand(network, x, labels):
    """Loss, gradients summed over the batch, and ∂L/∂a as [T, B, H]."""
    (w, readout), loss, total, reaching = (network[0].weights(0), network[1]), 0.0, {}, []
    tensors = {"ax": w.x, "aa": w.h, "ya": readout.weight, "b": w.b, "by": readout.bias}
    book = Textbook(**{name: value.detach().numpy() for name, value in tensors.items()})
    for row in range(x.shape[1]):
        sequence, targets = x[:, row].numpy(), labels[:, row].numpy()
        loss += book.forward(sequence, targets)[2]
        found = book.backward(sequence, targets)
        reaching.append(found.pop("a"))
        total = {name: total.get(name, 0) + value for name, value in found.items()}
    return loss, total, np.stack(reaching, axis=1)


def ours(network, x, labels):
    layer, readout = network
    with listening(layer) as passages:
        y, _ = layer(x)
    loss = cross_entropy(readout(y).flatten(0, 1), labels.flatten(), reduction="sum")
    w, (tap,) = layer.weights(0), passages[0].taps
    names = {"ax": w.x, "aa": w.h, "ya": readout.weight, "b": w.b, "by": readout.bias}
    found = torch.autograd.grad(loss, [*names.values(), tap])
    return loss.item(), dict(zip([*names, "a"], found, strict=True))


@pytest.mark.parametrize("steps", [1, T, 30])
def test_loss_and_every_gradient_are_the_textbooks(network, steps):
    x, labels = normal(steps, B, I), torch.randint(CLASSES, (steps, B))
    loss, wanted, reaching = by_hand(network, x, labels)
    got_loss, got = ours(network, x, labels)
    assert got_loss == pytest.approx(loss, rel=1e-12)
    assert_same(got.pop("a"), torch.from_numpy(reaching))
    assert set(got) == set(wanted)
    for name, value in wanted.items():
        assert_same(got[name], torch.from_numpy(value))


@pytest.mark.parametrize("limit", [5.0, 0.5, 0.01])
def test_clipping_by_element_is_the_textbooks(network, limit):
    x, labels = normal(T, B, I), torch.randint(CLASSES, (T, B))
    _, wanted, _ = by_hand(network, x, labels)
    layer, readout = network
    cross_entropy(readout(layer(x)[0]).flatten(0, 1), labels.flatten(), reduction="sum").backward()
    parameters = [layer.x_l0, layer.h_l0, readout.weight, layer.b_l0, readout.bias]
    torch.nn.utils.clip_grad_value_(parameters, limit)
    for parameter, name in zip(parameters, ["ax", "aa", "ya", "b", "by"], strict=True):
        assert_same(parameter.grad, torch.from_numpy(np.clip(wanted[name], -limit, limit)))


def test_a_small_step_down_the_textbooks_gradient_lowers_the_loss_by_its_square(network):
    x, labels, rate = normal(T, B, I), torch.randint(CLASSES, (T, B)), 1e-6
    before, wanted, _ = by_hand(network, x, labels)
    layer, readout = network
    for parameter, name in zip([layer.x_l0, layer.h_l0, layer.b_l0], ["ax", "aa", "b"], strict=True):
        parameter.data -= rate * torch.from_numpy(wanted[name])
    readout.weight.data -= rate * torch.from_numpy(wanted["ya"])
    readout.bias.data -= rate * torch.from_numpy(wanted["by"])
    after, _ = ours(network, x, labels)
    slope = rate * sum((value**2).sum() for value in wanted.values())
    assert before - after == pytest.approx(slope, rel=1e-3)


def test_gradient_through_a_hundred_scaling_steps_is_the_power_exactly():
    """∂h_100/∂h_1 of h' = ½h is 2⁻⁹⁹, by the taps and without rounding."""
    layer = ut.Recurrent(Scaling(H, H, factor=0.5)).double()
    with listening(layer) as passages:
        y, _ = layer(torch.zeros(100, 1, H).double(), start=[Scaling.State(torch.ones(1, H).double())])
    (found,) = torch.autograd.grad(y[-1].sum(), passages[0].taps)
    for t in (0, 49, 99):
        assert_same(found[t], torch.full((1, H), 0.5 ** (99 - t)).double(), 0)
