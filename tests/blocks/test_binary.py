"""Binary layers: bits come back, straight through backward, what the scale is, and that they learn."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from undertow.blocks.binary import BinaryLinear, binarised, sign
from undertow.blocks.bits import packed, unpacked


def plain(x):
    return torch.where(x >= 0, 1.0, -1.0)


@pytest.mark.parametrize("inputs", [1, 63, 64, 65, 200])
def test_bits_come_back(inputs):
    x = torch.randn(5, inputs)
    assert torch.equal(unpacked(packed(x), inputs), plain(x))
    assert packed(x).shape == (5, 8 * -(-inputs // 64))


def test_a_gradient_goes_straight_through_within_one():
    x = torch.tensor([-2.0, -1.0, -0.3, 0.0, 0.7, 1.0, 1.5], requires_grad=True)
    (found,) = torch.autograd.grad(sign(x), x, torch.arange(1.0, 8.0))
    assert sign(x).tolist() == [-1, -1, -1, 1, 1, 1, 1]
    assert found.tolist() == [0, 2, 3, 4, 5, 6, 0]


def test_a_weight_keeps_its_mean_length():
    w = torch.randn(4, 30)
    torch.testing.assert_close(binarised(w).abs().mean(1), w.abs().mean(1))
    # α is what comes closest in square (Rastegari et al. 2016, equation 6)
    for factor in (0.9, 1.1):
        assert (w - binarised(w)).square().sum() < (w - factor * binarised(w)).square().sum()


def test_it_learns():
    torch.manual_seed(0)
    x = torch.randn(512, 16)
    labels = (x[:, 0] * x[:, 1] > 0).long()
    net = nn.Sequential(
        nn.Linear(16, 64), nn.BatchNorm1d(64), BinaryLinear(64, 64), nn.BatchNorm1d(64), nn.Linear(64, 2)
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(150):
        loss = functional.cross_entropy(net(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float((net(x).argmax(1) == labels).double().mean()) > 0.95


def test_what_is_no_number_does_not_pass_for_one():
    x = torch.tensor([1.0, torch.nan, -torch.inf])
    assert torch.equal(sign(x).isnan(), x.isnan())
    assert sign(x)[2] == -1
