"""Adversarial losses against what is known of them: lines, parabolas, distributions that agree."""

import math

import pytest
import torch
from torch import nn

from undertow.wiring import adversarial as game


@pytest.mark.parametrize("w", [[3.0, 4.0], [0.3, 0.4], [1.0, 0.0]])
def test_the_penalty_of_a_line_is_that_of_its_slope(w):
    """D(x) = w · x: (‖w‖ - 1)², and 2 (‖w‖ - 1) w / ‖w‖ with respect to w, wherever it is looked at."""
    weight = torch.tensor(w, dtype=torch.float64, requires_grad=True)
    value = game.gradient_penalty(lambda x: x @ weight, torch.randn(7, 2, dtype=torch.float64))
    length = weight.detach().norm()
    assert value.item() == pytest.approx(float((length - 1) ** 2), abs=1e-12)
    value.backward()
    torch.testing.assert_close(weight.grad, 2 * (length - 1) * weight.detach() / length)


def test_the_penalty_of_a_parabola_by_hand():
    """D(x) = a ‖x‖² / 2 has the slope a x: E(|a| r - 1)², and 2 E r (a r - 1) with respect to a > 0, r = ‖x‖."""
    a = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    x = torch.randn(50, 3, 4, dtype=torch.float64)
    value = game.gradient_penalty(lambda rows: a * rows.square().flatten(1).sum(1) / 2, x)
    r = x.flatten(1).norm(dim=1)
    assert value.item() == pytest.approx(float((1.5 * r - 1).square().mean()), rel=1e-12)
    value.backward()
    assert a.grad.item() == pytest.approx(float((2 * r * (1.5 * r - 1)).mean()), rel=1e-12)


def test_the_penalty_agrees_with_finite_differences():
    """Of a real critic, in every weight: a second derivative is not left out."""
    critic = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    x = torch.randn(6, 2, dtype=torch.float64)

    def value():
        return game.gradient_penalty(lambda rows: critic(rows).squeeze(1), x)

    value().backward()
    for weight in (critic[0].weight, critic[0].bias, critic[2].weight):
        at = (0,) * weight.dim()
        found = []
        for step in (1e-6, -1e-6):
            with torch.no_grad():
                weight[at] += step
            found.append(value().item())
            with torch.no_grad():
                weight[at] -= step
        assert float(weight.grad[at]) == pytest.approx((found[0] - found[1]) / 2e-6, abs=1e-7)


def test_at_agreement_the_best_critic_sees_nothing():
    """D = 0 everywhere is best where both distributions are one: the game is worth -ln 4, the divergence 0."""
    none = torch.zeros(5)
    assert float(game.game_value(none, none)) == pytest.approx(-math.log(4))
    assert float(game.divergence(none, none)) == pytest.approx(0, abs=1e-7)


def test_the_best_critic_of_two_known_distributions_tells_their_divergence():
    """On two values with p = (3/4, 1/4) and q = (1/4, 3/4): D = ln p/q, and V = 2 JSD - ln 4."""
    scores = torch.log(torch.tensor([3.0, 3.0, 3.0, 1 / 3]))
    value = float(game.divergence(scores, -scores))
    kl = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert value == pytest.approx(kl, rel=1e-6)  # the same on both sides
    assert float(game.divergence(torch.tensor([60.0]), torch.tensor([-60.0]))) == pytest.approx(math.log(2))


def test_a_sure_critic_leaves_a_gradient_to_one_loss_only():
    taken = torch.tensor([-20.0], requires_grad=True)
    [fooling] = torch.autograd.grad(game.fooling(taken), taken)
    [saturating] = torch.autograd.grad(game.saturating(taken), taken)
    assert fooling.item() == pytest.approx(-1)
    assert abs(saturating.item()) < 1e-8


def test_a_critic_of_slope_one_tells_the_distance_of_a_shift():
    """Kantorovich & Rubinstein: D(x) = x · d/‖d‖ is best for two sets that differ by d."""
    x, shift = torch.randn(40, 2), torch.tensor([3.0, -4.0])
    told = game.distance((x + shift) @ shift / 5, x @ shift / 5)
    assert float(told) == pytest.approx(5, rel=1e-5)


def test_clipped_weights_bound_the_slope():
    """Of ReLU layers with weights within ±c the slope is at most the product of c √(inputs · outputs)."""
    critic = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    game.clip_weights(critic, 0.01)
    assert all(p.abs().max().item() <= 0.01 for p in critic.parameters())
    x = torch.randn(30, 2, requires_grad=True)
    [slope] = torch.autograd.grad(critic(x).sum(), x)
    assert float(slope.norm(dim=1).max()) <= 0.01 * 4 * 0.01 * math.sqrt(8) + 1e-9


def test_points_between_lie_on_their_own_line():
    real, made = torch.randn(20, 1, 3, 3), torch.randn(20, 1, 3, 3)
    share = ((game.between(real, made) - made) / (real - made)).flatten(1)
    assert float(share.std(dim=1).max()) < 1e-4  # one share a row
    assert float(share.mean(1).std()) > 0.1  # another in each
    assert 0 <= float(share.min()) <= float(share.max()) <= 1
