"""Clipping against torch's own, and what it may and may not change."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from undertow.training.clipping import clip_by_norm, clip_by_value, gradient_norm

LIMITS = pytest.mark.parametrize("limit", [1e-3, 0.7, 5.0, 1e6])


def parameters(scale=1.0):
    """Of odd shapes; one has no gradient, one has none but zeros."""
    torch.manual_seed(1)
    made = [nn.Parameter(torch.randn(shape).double()) for shape in [(3, 5), (7,), (1, 1, 2), (4,), (2, 2)]]
    for parameter in made[:3]:
        parameter.grad = scale * torch.randn_like(parameter)
    made[4].grad = torch.zeros_like(made[4])
    return made


def gradients(made):
    return [parameter.grad for parameter in made if parameter.grad is not None]


def joined(made):
    return torch.cat([gradient.flatten() for gradient in gradients(made)])


@LIMITS
def test_by_norm_as_torch(limit):
    ours, theirs = parameters(), parameters()
    norm = gradient_norm(ours)
    clip_by_norm(ours, limit, norm)
    assert_close(norm, nn.utils.clip_grad_norm_(theirs, limit))
    assert_close(gradients(ours), gradients(theirs), rtol=1e-5, atol=0)  # torch divides by ‖g‖ + 1e-6
    assert ours[3].grad is None


@LIMITS
def test_by_value_as_torch(limit):
    ours, theirs = parameters(), parameters()
    clip_by_value(ours, limit)
    nn.utils.clip_grad_value_(theirs, limit)
    assert_close(gradients(ours), gradients(theirs), rtol=0, atol=0)


@LIMITS
def test_by_norm_keeps_the_direction_and_ends_at_the_limit(limit):
    made = parameters()
    before = joined(made)
    clip_by_norm(made, limit, gradient_norm(made))
    after = joined(made)
    assert_close(after / after.norm(), before / before.norm())
    assert_close(gradient_norm(made), before.norm().clamp(max=limit))


def test_by_value_turns_the_direction():
    made = parameters()
    before = joined(made)
    clip_by_value(made, 0.1)
    assert torch.cosine_similarity(before, joined(made), 0) < 0.99


@pytest.mark.parametrize("scale", [0.0, 1e-30])
def test_what_is_short_stays_as_it_is(scale):
    made = parameters(scale)
    clip_by_norm(made, 1.0, gradient_norm(made))
    assert torch.equal(joined(made), joined(parameters(scale)))


def test_no_gradient_at_all():
    bare = [nn.Parameter(torch.ones(2))]
    assert gradient_norm(bare) == gradient_norm([]) == 0
    clip_by_norm(bare, 1.0, gradient_norm(bare))
    clip_by_value(bare, 1.0)
    assert bare[0].grad is None
