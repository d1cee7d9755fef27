"""Residual, highway and dense blocks against torch.nn put together by hand, and the figures that are known of them."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from undertow.blocks.convolution import Convolved, convolution
from undertow.blocks.dense import DenseBlock, Transition
from undertow.blocks.highway import Highway
from undertow.blocks.residual import Residual
from undertow.errors import SettingError


def count(module):
    return sum(p.numel() for p in module.parameters())


def images(channels=8, side=6):
    return torch.randn(
        4, channels, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )


def test_a_convolution_has_the_sizes_that_the_arithmetic_says():
    x = torch.empty(1, 3, 224, 224, device="meta")
    layer = convolution(3, 64, 7, 2, bias=True).to("meta")
    assert layer(x).shape == (1, 64, 112, 112)  # 223 / 2 is rounded down
    assert count(layer) == 9472
    assert layer(x).numel() * 4 == 3_211_264
    assert convolution(3, 3)(torch.zeros(1, 3, 12, 12)).shape[-1] == 12


def test_a_convolution_keeps_the_size_of_a_gradient():
    torch.manual_seed(0)
    net = nn.Sequential(*(nn.Sequential(convolution(64, 64), nn.ReLU()) for _ in range(10)))
    x = torch.randn(4, 64, 16, 16, requires_grad=True)
    y = net(x)
    (found,) = torch.autograd.grad(y, x, torch.randn_like(y))
    assert 0.2 < float(found.std()) < 2  # at the edges of an image a little is lost in each


@pytest.mark.parametrize("stride", [1, 2])
def test_a_basic_block_is_two_convolutions_and_a_way_past(stride):
    x, block = images(), Residual(8, 8, stride).double()
    a, b = block.convolutions
    first = functional.relu(
        nn.BatchNorm2d(8).double()(functional.conv2d(x, a.weight, stride=stride, padding=1))
    )
    second = nn.BatchNorm2d(8).double()(functional.conv2d(first, b.weight, padding=1))
    past = x
    if stride == 2:
        past = nn.BatchNorm2d(8).double()(functional.conv2d(x, block.shortcut[0].weight, stride=2))
    torch.testing.assert_close(block(x), functional.relu(second + past))


def test_a_bottleneck_is_narrow_inside():
    block = Residual(16, 4, 2, kind="bottleneck").double()
    assert [c.kernel_size[0] for c in block.convolutions] == [1, 3, 1]
    assert [c.stride[0] for c in block.convolutions] == [1, 2, 1]
    assert block(images(16)).shape == (4, 16, 3, 3)
    assert block.outputs == 16
    assert isinstance(Residual(16, 4, kind="bottleneck").shortcut, nn.Identity)


def test_norms_before_leave_the_way_past_alone():
    block = Residual(8, 8, before=True).double()
    with torch.no_grad():
        for layer in block.convolutions:
            layer.weight.zero_()
    x = images()
    torch.testing.assert_close(block(x), x)


def test_the_gradient_through_a_block_can_be_nought():
    """F' = -1 takes the way past away: the path is no floor."""
    block = Residual(1, 1, norm="none", before=True).double()
    with torch.no_grad():
        for layer, value in zip(block.convolutions, (1.0, -1.0), strict=True):
            layer.weight.zero_()
            layer.weight[0, 0, 1, 1] = value
    x = images(1).abs().requires_grad_()
    (found,) = torch.autograd.grad(block(x).sum(), x)
    torch.testing.assert_close(found, torch.zeros_like(x))


def test_no_other_kinds():
    with pytest.raises(SettingError, match="basic or bottleneck, got 'wide'"):
        Residual(4, 4, kind="wide")


@pytest.mark.parametrize("kernel", [None, 3])
def test_a_highway_is_its_equation(kernel):
    block = Highway(6, kernel).double()
    x = images(6) if kernel else images(6)[:, :, 0, 0]
    gate = torch.sigmoid(block.gate(x))
    torch.testing.assert_close(block(x), gate * block.change(x).relu() + (1 - gate) * x)
    assert float(gate.detach().mean()) < 0.35
    shut = Highway(6, kernel, gate_bias=-50.0).double()
    torch.testing.assert_close(shut(x), x)


def test_channels_of_a_dense_block_are_those_that_are_known():
    block = DenseBlock(64, 4, 12)
    assert [layer.first.in_channels for layer in block.layers] == [64, 76, 88, 100]
    assert block.outputs == 112
    assert sum(layer.first.in_channels for layer in block.layers) + 48 == 376  # channels laid side by side
    narrow = convolution(112, 56, 1, bias=True)
    assert count(narrow) == 6_272 + 56 == 6_328
    assert Transition(112)(torch.zeros(1, 112, 8, 8)).shape == (1, 56, 4, 4)


@pytest.mark.parametrize("narrow", [True, False])
@pytest.mark.parametrize("norm", ["batch", "group"])
def test_sharing_memory_changes_neither_outputs_nor_gradients_nor_running_means(narrow, norm):
    torch.manual_seed(3)
    plain = DenseBlock(8, 3, 4, narrow=narrow, norm=norm).double()
    shared = DenseBlock(8, 3, 4, narrow=narrow, norm=norm, sharing=True).double()
    shared.load_state_dict(plain.state_dict())
    x, found = images(), []
    pulled = torch.randn(4, 20, 6, 6, dtype=torch.float64)
    for block in (plain, shared):
        inputs = x.clone().requires_grad_()
        found.append(
            (block(inputs), *torch.autograd.grad(block(inputs), (inputs, *block.parameters()), pulled))
        )
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b)
    for (name, a), (_, b) in zip(plain.named_buffers(), shared.named_buffers(), strict=True):
        torch.testing.assert_close(a, b, msg=name)


def test_sharing_memory_keeps_less():
    kept = {}
    for sharing in (False, True):
        block, x = DenseBlock(16, 8, 8, sharing=sharing), torch.randn(2, 16, 16, 16, requires_grad=True)
        sizes = {}

        def pack(tensor, sizes=sizes):
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            y = block(x)
        kept[sharing] = sum(sizes.values())
        y.sum().backward()
    assert kept[True] < 0.35 * kept[False]


def test_a_convolved_without_a_norm_has_a_bias():
    assert Convolved(3, 4, norm="none").convolution.bias is not None
    assert Convolved(3, 4).convolution.bias is None
