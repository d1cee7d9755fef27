"""Binary layers: bit for bit what float arithmetic of ±1 gives, straight through backward, a 32nd of the bytes."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from undertow.blocks.binary import BinaryConv2d, BinaryLinear, Packed, binarised, packed_net, sign
from undertow.blocks.bits import packed, unpacked
from undertow.blocks.popcount import panels, sign_product

SIZES = [
    (1, 1, 1),
    (3, 65, 33),
    (7, 129, 10),
    (64, 1000, 77),
    (5, 64, 32),
    (9, 63, 31),
    (4, 128, 64),
    (0, 5, 3),
]


def plain(x):
    return torch.where(x >= 0, 1.0, -1.0)


@pytest.mark.parametrize(("rows", "inputs", "outputs"), SIZES)
def test_counting_bits_is_multiplying_signs(rows, inputs, outputs):
    torch.manual_seed(rows + inputs)
    x, w = torch.randn(rows, inputs), torch.randn(outputs, inputs)
    w[0] = 0.0  # sign(0) is +1
    a, b = packed(x).numpy().view(np.uint64), panels(packed(w).numpy().view(np.uint64))
    told = sign_product(a, b, inputs)[:, :outputs]
    np.testing.assert_array_equal(told, (plain(x) @ plain(w).T).numpy())


def test_threads_share_the_rows(monkeypatch):
    monkeypatch.setattr("undertow.blocks.popcount.WORTH", 1)
    x, w = torch.randn(37, 300), torch.randn(40, 300)
    a, b = packed(x).numpy().view(np.uint64), panels(packed(w).numpy().view(np.uint64))
    alone = sign_product(a, b, 300)
    for threads in (2, 3, 16):
        np.testing.assert_array_equal(sign_product(a, b, 300, threads), alone)


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


@pytest.mark.parametrize("activations", [True, False])
@pytest.mark.parametrize("shape", [(7, 33), (16, 200)])
def test_a_packed_linear_is_what_was_trained(activations, shape):
    outputs, inputs = shape
    layer, x = BinaryLinear(inputs, outputs, activations), torch.randn(9, inputs)
    torch.testing.assert_close(Packed(layer)(x), layer(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("activations", [True, False])
@pytest.mark.parametrize(("kernel", "stride", "side"), [(3, 1, 7), (3, 2, 8), (5, 1, 6), (1, 1, 5)])
def test_a_packed_convolution_is_what_was_trained(activations, kernel, stride, side):
    layer = BinaryConv2d(5, 6, kernel, stride, activations)
    x = torch.randn(3, 5, side, side)
    torch.testing.assert_close(Packed(layer)(x), layer(x), rtol=1e-5, atol=1e-5)


def test_a_packed_file_is_a_32nd(tmp_path):
    layer = BinaryLinear(1024, 1000)
    save_file({"w": layer.weight.detach()}, tmp_path / "float.safetensors")
    net = packed_net(nn.Sequential(layer))
    save_file({"bits": net[0].bits}, tmp_path / "bits.safetensors")
    large, small = ((tmp_path / f"{name}.safetensors").stat().st_size for name in ("float", "bits"))
    assert net[0].bits.numel() * 32 == layer.weight.numel() * 4
    assert small <= large / 32 + 128  # a header


def test_a_packed_net_comes_back_from_its_state():
    net = nn.Sequential(BinaryLinear(70, 20), nn.BatchNorm1d(20), BinaryLinear(20, 3))
    net(torch.randn(8, 70))
    first, second = (
        packed_net(net),
        packed_net(nn.Sequential(BinaryLinear(70, 20), nn.BatchNorm1d(20), BinaryLinear(20, 3))),
    )
    x = torch.randn(4, 70)
    second(x)
    second.load_state_dict(first.state_dict())
    torch.testing.assert_close(second(x), first(x))
    torch.testing.assert_close(first(x), net.eval()(x), rtol=1e-5, atol=1e-5)


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
