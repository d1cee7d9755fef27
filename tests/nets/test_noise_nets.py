"""Nets that say noise: sides that are odd, steps that are told, and a start that is known."""

import math

import pytest
import torch
from torch.nn import functional
from torch.testing import assert_close

from undertow.blocks.time_features import TimeFeatures
from undertow.errors import SettingError
from undertow.nets.noise_points import PointNoise
from undertow.nets.unet import UNet, check_side


def loosened(net):
    """Weights that begin at 0 are drawn."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in net.parameters():
            if not parameter.any():
                parameter.normal_(0, 0.1)
    return net


def test_time_features_are_sines_of_the_step():
    net = TimeFeatures(8, 1000)
    assert_close(net.rates, torch.tensor([1, 0.1, 0.01, 0.001]))
    few = TimeFeatures(8, 10)
    few.load_state_dict(net.state_dict())
    assert_close(few(torch.tensor([1, 7])), net(torch.tensor([100, 700])))
    assert net(torch.tensor([3])).shape == (1, 8)
    with torch.no_grad():
        net.inner.weight.copy_(torch.eye(8))
        net.inner.bias.zero_()
        net.outer.weight.copy_(torch.eye(8))
        net.outer.bias.zero_()
    wave = torch.tensor([f(2 * 10.0 ** (-n)) for f in (math.sin, math.cos) for n in range(4)])
    assert_close(net(torch.tensor([2]))[0], functional.silu(wave))


def test_points_begin_without_blocks():
    net = PointNoise(2, 50, 12)
    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    turns = [math.pi / 2 * rate * x[:, [number]] for number in (0, 1) for rate in (1, 2, 4, 8)]
    read = torch.cat([x, *(turn.sin() for turn in turns), *(turn.cos() for turn in turns)], 1)
    assert_close(net(x, torch.full((5,), 3)), net.readout(functional.silu(net.norm(net.first(read)))))
    net = loosened(net)
    assert not torch.allclose(net(x, torch.full((5,), 3)), net(x, torch.full((5,), 4)))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 28, 28), (1, 9, 14), (2, 11, 8)], ids=str)
@pytest.mark.parametrize("attention", [True, False])
def test_images_of_any_side(shape, attention):
    net = UNet(shape[0], 50, 8, attention)
    x, t = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0)), torch.tensor([1, 20, 50])
    assert not net(x, t).any()  # it begins by saying nothing
    noise = loosened(net)(x, t)
    assert noise.shape == x.shape
    assert_close(noise[1:2], net(x[1:2], t[1:2]), rtol=1e-4, atol=1e-5)  # rows do not see each other
    assert not torch.allclose(noise[:1], net(x[:1], t[2:]), atol=1e-4)
    noise.square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in net.parameters())


def test_every_place_is_seen_from_every_other():
    net = loosened(UNet(1, 50, 8))
    x = torch.randn(1, 1, 32, 32, requires_grad=True)
    net(x, torch.tensor([5]))[0, 0, 0, 0].backward()
    assert float(x.grad[0, 0, 28:, 28:].abs().max()) > 0


def test_wrong_sizes():
    with pytest.raises(SettingError, match="multiple of 4, got 6"):
        UNet(1, 50, 6)
    with pytest.raises(SettingError, match="Images of 7 x 9 are too small"):
        check_side((1, 7, 9))
