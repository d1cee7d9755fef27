"""Binary nets whose weights are bits: they give what was trained, in a 32nd of the bytes."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from undertow.blocks.binary import BinaryConv2d, BinaryLinear
from undertow.nets.packed import Packed, packed_net


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


def test_a_layer_in_float64_keeps_its_type_and_its_signs():
    layer, x = BinaryLinear(70, 20).double(), torch.randn(4, 70, dtype=torch.float64)
    x[0, 0] = -1e-200  # no float32, and yet below 0
    told = Packed(layer)(x)
    assert told.dtype == torch.float64
    torch.testing.assert_close(told, layer(x), rtol=1e-5, atol=1e-5)


def test_weights_that_change_are_laid_out_anew():
    first, second = Packed(BinaryLinear(70, 20)), Packed(BinaryLinear(70, 20))
    x = torch.randn(4, 70)
    first(x)
    first.bits = second.bits
    first.scale, first.bias = second.scale, second.bias
    torch.testing.assert_close(first(x), second(x))


@pytest.mark.parametrize("activations", [True, False])
def test_rows_may_have_axes_of_their_own(activations):
    layer, x = BinaryLinear(70, 20, activations), torch.randn(2, 5, 70)
    torch.testing.assert_close(Packed(layer)(x), layer(x), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(Packed(layer)(x[0, 0]), layer(x[0, 0]), rtol=1e-5, atol=1e-5)


def test_a_layer_that_is_used_twice_stays_one():
    layer = BinaryLinear(20, 20)
    net = packed_net(nn.Sequential(layer, layer))
    assert isinstance(net[1], Packed)
    assert net[0] is net[1]
