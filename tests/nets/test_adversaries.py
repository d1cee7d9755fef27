"""Adversaries: shapes for every side, no row of a critic looks at another, and who learns when."""

import pytest
import torch

from undertow.errors import SettingError
from undertow.nets.adversaries import Adversaries, still
from undertow.nets.generator import stages_of

SHAPES = [(2,), (5,), (1, 8, 8), (1, 28, 28), (3, 32, 32), (1, 20, 20), (1, 17, 30), (3, 64, 64)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_what_is_made_has_the_shape_of_what_is_real(shape):
    nets = Adversaries(shape, 7, 4)
    made = nets(nets.noise(3))
    assert made.shape == (3, *shape)
    assert nets.critic(made).shape == (3,)
    assert len(shape) == 1 or float(made.detach().abs().max()) <= 1


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_weight_gets_a_gradient(shape):
    nets = Adversaries(shape, 7, 4)
    nets.critic(nets(nets.noise(5))).sum().backward()
    assert all(p.grad is not None and float(p.grad.abs().sum()) > 0 for p in nets.critic.parameters())
    assert all(p.grad is not None for p in nets.generator.parameters())
    assert any(float(p.grad.abs().sum()) > 0 for p in nets.generator.parameters())


def test_a_critic_does_not_mix_rows():
    """A gradient penalty takes the slope at each row alone."""
    critic = Adversaries((1, 12, 12), 4, 4).critic
    x = torch.randn(4, 1, 12, 12, requires_grad=True)
    [slope] = torch.autograd.grad(critic(x)[1], x)
    assert float(slope[1].abs().sum()) > 0
    assert float(slope[[0, 2, 3]].abs().sum()) == 0


def test_images_begin_at_most_eight_places_a_side():
    assert [stages_of((1, side, side)) for side in (8, 28, 32, 33, 64, 65)] == [2, 2, 2, 3, 3, 4]
    with pytest.raises(SettingError, match="Images of 28x7 places are too small"):
        Adversaries((1, 28, 7), 4, 4)


def test_through_what_is_still_gradients_pass_and_do_not_stay():
    nets = Adversaries((2,), 3, 4)
    with still(nets.critic):
        taken = nets.critic(nets(nets.noise(6)))
    taken.sum().backward()
    assert all(p.grad is None and p.requires_grad for p in nets.critic.parameters())
    assert all(p.grad is not None for p in nets.generator.parameters())


def test_what_is_still_learns_again_after_trouble():
    nets = Adversaries((2,), 3, 4)
    with pytest.raises(ZeroDivisionError), still(nets.critic):
        raise ZeroDivisionError
    assert all(p.requires_grad for p in nets.critic.parameters())


def test_noise_comes_from_the_generator_that_is_given():
    nets = Adversaries((2,), 3, 4)
    before = torch.get_rng_state()
    one, two = (nets.noise(9, torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(one, two)
    assert torch.equal(torch.get_rng_state(), before)
