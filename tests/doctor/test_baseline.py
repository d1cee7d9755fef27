"""What always saying the same costs, against the cost worked out by hand."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from undertow.doctor.baseline import baseline, of_numbers
from undertow.doctor.seen.graph import Graph
from undertow.doctor.seen.losses import losses_of
from undertow.doctor.seen.study import Study

ROWS = 64
CLASSES = torch.arange(ROWS) % 4  # entropy ln 4
HALVES = torch.arange(ROWS) % 2  # entropy ln 2
NUMBERS = torch.linspace(-1, 1, ROWS)
VARIANCE = float(NUMBERS.double().var(correction=0))


def cost(*losses):
    """Of what is minimised, as it is written."""
    return baseline(
        [Study(n, loss.item(), 1, losses=losses_of(Graph(loss))) for n, loss in enumerate(losses)]
    )


def scores(width=4):
    return nn.Linear(3, width)(torch.randn(ROWS, 3))


def column():
    return scores(1).squeeze(1)


def test_cross_entropy_costs_the_entropy_of_the_shares():
    assert cost(F.cross_entropy(scores(), CLASSES)) == pytest.approx(math.log(4))


def test_squared_error_costs_the_variance():
    assert cost(F.mse_loss(column(), NUMBERS)) == pytest.approx(VARIANCE)


def test_two_heads_cost_what_both_cost_each_with_its_factor():
    loss = F.cross_entropy(scores(), CLASSES) + 0.3 * F.cross_entropy(scores(2), HALVES) / 2
    assert cost(loss) == pytest.approx(math.log(4) + 0.15 * math.log(2))


@pytest.mark.parametrize("mean", [True, False])
def test_a_loss_a_step_of_time_is_summed_or_averaged(mean):
    steps = [F.cross_entropy(scores(), CLASSES) for _ in range(10)]
    loss = sum(steps) / 10 if mean else sum(steps)
    assert cost(loss) == pytest.approx(math.log(4) * (1 if mean else 10))


def test_stacked_losses_are_averaged():
    losses = torch.stack([F.cross_entropy(scores(), CLASSES), F.cross_entropy(scores(2), HALVES)])
    assert cost(losses.mean()) == pytest.approx((math.log(4) + math.log(2)) / 2)


def test_a_sum_over_the_batch_costs_a_sum():
    assert cost(F.cross_entropy(scores(), CLASSES, reduction="sum")) == pytest.approx(ROWS * math.log(4))
    assert cost(F.cross_entropy(scores(), CLASSES, reduction="none").sum()) == pytest.approx(
        ROWS * math.log(4)
    )
    assert cost(F.cross_entropy(scores(), CLASSES, reduction="none").mean()) == pytest.approx(math.log(4))


def test_ignored_targets_are_left_out():
    padded = torch.cat([CLASSES, torch.zeros(ROWS, dtype=torch.long)])
    both = torch.cat([scores(), scores()])
    padded[:ROWS] += 1
    wide = torch.cat([both, both[:, :1]], 1)
    assert cost(F.cross_entropy(wide, padded, ignore_index=0)) == pytest.approx(math.log(4))


def test_a_wild_row_does_not_raise_what_a_usual_batch_costs():
    wild = NUMBERS.clone()
    wild[3] = 1000.0
    assert of_numbers([NUMBERS, wild, NUMBERS]) == pytest.approx(VARIANCE, rel=0.01)


def test_smooth_l1_and_huber_cost_a_square_near_and_a_line_far():
    """Of numbers even around 0: to say 0 of all."""
    near = float(NUMBERS.double().square().mean()) / 2
    assert cost(F.smooth_l1_loss(column(), NUMBERS)) == pytest.approx(near)
    assert cost(F.huber_loss(column(), NUMBERS)) == pytest.approx(near)
    far = torch.tensor([-8.0, 8.0]).repeat(ROWS // 2)
    assert cost(F.smooth_l1_loss(column(), far, beta=2.0)) == pytest.approx(8 - 1)
    assert cost(F.huber_loss(column(), far, delta=2.0)) == pytest.approx(2 * (8 - 1))
    assert cost(F.huber_loss(column(), far, reduction="sum") / 2) == pytest.approx(ROWS / 2 * 7.5)


def test_of_a_line_the_middle_is_said():
    """Where most targets are 0, the mean costs more."""
    few = (torch.arange(ROWS) % 8 == 0) * 100.0
    assert cost(F.smooth_l1_loss(column(), few)) == pytest.approx(99.5 / 8)


def test_small_batches_are_put_together():
    assert of_numbers(list(NUMBERS.split(1))) == pytest.approx(VARIANCE)


def test_what_no_target_is_known_of_has_no_cost():
    assert cost(column().abs().mean()) is None
