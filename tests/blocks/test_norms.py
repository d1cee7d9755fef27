"""Norms against the formula, against torch.nn, and what each promises."""

import pytest
import torch
from torch import nn

from undertow.blocks.norms import NORMS, BatchNorm, GroupNorm, norm_of, normalised, weight_normed
from undertow.errors import SettingError

B, C = 5, 12
OVER = {"batch": (0, 2, 3), "layer": (1, 2, 3), "instance": (2, 3)}
THEIRS = {
    "batch": nn.BatchNorm2d(C),
    "layer": nn.GroupNorm(1, C),
    "instance": nn.InstanceNorm2d(C, affine=True),
    "group": nn.GroupNorm(6, C),
}


@pytest.fixture
def x():
    return torch.randn(B, C, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3 + 1


def drawn(norm):
    """γ and β other than 1 and 0."""
    with torch.no_grad():
        norm.weight.copy_(torch.linspace(0.5, 2, C))
        norm.bias.copy_(torch.linspace(-1, 1, C))
    return norm.double()


@pytest.mark.parametrize("kind", OVER)
def test_a_norm_is_its_formula(kind, x):
    norm = drawn(norm_of(kind, C))
    shape = (1, C, 1, 1)
    told = normalised(x, OVER[kind]) * norm.weight.view(shape) + norm.bias.view(shape)
    torch.testing.assert_close(norm(x), told)


def test_group_norm_is_its_formula(x):
    norm = drawn(GroupNorm(C, groups=3))
    grouped = normalised(x.view(B, 3, C // 3, 4, 3), (2, 3, 4)).view_as(x)
    torch.testing.assert_close(norm(x), grouped * norm.weight.view(1, C, 1, 1) + norm.bias.view(1, C, 1, 1))


@pytest.mark.parametrize("kind", THEIRS)
def test_gradients_are_torchs(kind, x):
    own, theirs = drawn(norm_of(kind, C)), drawn(THEIRS[kind])
    pulled = torch.randn_like(x)
    found = []
    for norm in (own, theirs):
        inputs = x.clone().requires_grad_()
        found.append(torch.autograd.grad(norm(inputs), (inputs, norm.weight, norm.bias), pulled))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b)


def test_running_means_are_torchs(x):
    own, theirs = BatchNorm(C).double(), nn.BatchNorm2d(C).double()
    for scale in (1.0, 2.0, 0.5):
        torch.testing.assert_close(own(scale * x), theirs(scale * x))
    torch.testing.assert_close(own.running_mean, theirs.running_mean)
    torch.testing.assert_close(own.running_variance, theirs.running_var)
    own.eval(), theirs.eval()
    torch.testing.assert_close(own(x[:1]), theirs(x[:1]))  # a row alone, by what it knows


def test_the_gradient_through_a_batch_norm_is_more_than_its_scale():
    """∂L/∂x = γ/σ (g - mean g - x̂ mean(g x̂)), and not γ/√(σ² + ε) g as some say."""
    x = torch.randn(64, 1, dtype=torch.float64, requires_grad=True)
    g = torch.randn(64, 1, dtype=torch.float64)
    norm = BatchNorm(1).double()
    (found,) = torch.autograd.grad(norm(x), x, g)
    hat, sigma = normalised(x, (0,)), (x.var(unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(found, (g - g.mean() - hat * (g * hat).mean()) / sigma)
    assert not torch.allclose(found, g / sigma, atol=1e-3)


def test_a_normed_weight_is_what_it_was_and_its_length_is_learned():
    for layer in (nn.Linear(4, 3), nn.Conv2d(2, 3, 3)):
        before = layer.weight.detach().clone()
        weight_normed(layer)
        torch.testing.assert_close(layer.weight, before)
        theirs = nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))
        assert len(list(layer.parameters())) == len(list(theirs.parameters()))
        with torch.no_grad():
            layer.parametrizations.weight.original0.fill_(2.0)
        torch.testing.assert_close(layer.weight.flatten(1).norm(dim=1), torch.full((3,), 2.0))


def test_what_there_is_not():
    with pytest.raises(SettingError, match="norm must be one of batch, layer"):
        norm_of("btch", 3)
    with pytest.raises(SettingError, match="5 groups do not divide 12"):
        GroupNorm(12, groups=5)
    with pytest.raises(SettingError, match="at least 1, got 0"):
        BatchNorm(0)
    assert [GroupNorm(c).groups for c in (16, 12, 7, 1)] == [8, 6, 7, 1]
    assert set(NORMS) == {"batch", "layer", "instance", "group", "none"}
