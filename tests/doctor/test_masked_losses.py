"""What a script masks by factors costs nothing to begin with: baselines of what is left, worked out by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from undertow.doctor.baseline import baseline, silence
from undertow.doctor.seen.graph import Graph
from undertow.doctor.seen.losses import losses_of
from undertow.doctor.seen.study import Study

ROWS, STEPS, WIDE = 24, 10, 3


def told(loss, what=baseline):
    return what([Study(0, loss.item(), 1, losses=losses_of(Graph(loss)))])


def outputs(*shape):
    return nn.Linear(2, shape[-1])(torch.randn(*shape[:-1], 2))


@pytest.fixture
def numbers():
    torch.manual_seed(0)
    return 5 + torch.randn(ROWS, STEPS), (torch.rand(ROWS, STEPS) < 0.2).float()


def variance(values):
    return float(values.double().var(correction=0))


@pytest.mark.parametrize("fill", [0.0, -100.0])
def test_numbers_that_are_filled_in_are_left_out(numbers, fill):
    y, mask = numbers
    filled = torch.where(mask > 0, y, fill)
    loss = (F.mse_loss(outputs(ROWS, STEPS), filled, reduction="none") * mask).sum() / mask.sum()
    assert told(loss) == pytest.approx(variance(y[mask > 0]), rel=1e-4)


def test_so_are_they_of_smooth_l1_and_huber(numbers):
    y, mask = numbers
    known = y[mask > 0]
    for kind, name in ((F.smooth_l1_loss, "beta"), (F.huber_loss, "delta")):
        loss = kind(outputs(ROWS, STEPS), y * mask, reduction="none", **{name: 0.5})
        best = min(
            float(kind(torch.full_like(known, float(c)), known, **{name: 0.5}))
            for c in torch.linspace(3, 7, 400)
        )
        assert told((loss * mask).sum() / mask.sum()) == pytest.approx(best, rel=0.02)


def test_a_mask_of_rows_over_losses_averaged_within_them():
    torch.manual_seed(0)
    y, mask = torch.randn(ROWS, STEPS, WIDE), (torch.rand(ROWS, STEPS) < 0.5).float()
    each = F.mse_loss(outputs(ROWS, STEPS, WIDE), y * mask.unsqueeze(2), reduction="none").mean(2)
    assert told((each * mask).sum() / mask.sum()) == pytest.approx(variance(y[mask > 0]), rel=1e-4)


def test_a_mask_that_is_stretched_over_columns():
    torch.manual_seed(0)
    y, mask = torch.randn(ROWS, WIDE) * 3, (torch.rand(ROWS, 1) < 0.5).float()
    loss = (F.mse_loss(outputs(ROWS, WIDE), y, reduction="none") * mask).mean()
    wanted = variance(y[mask[:, 0] > 0]) * float(mask.mean())
    assert told(loss) == pytest.approx(wanted, rel=1e-4)


def test_classes_that_are_masked_are_left_out():
    torch.manual_seed(0)
    classes = torch.arange(ROWS * STEPS) % 4
    mask = (torch.arange(ROWS * STEPS) < 80).float()
    filled = (classes * mask).long()
    loss = F.cross_entropy(outputs(ROWS * STEPS, 4), filled, reduction="none")
    assert told((loss * mask).sum() / mask.sum()) == pytest.approx(torch.tensor(4.0).log().item(), rel=1e-4)


def test_what_where_leaves_out(numbers):
    y, mask = numbers
    loss = F.mse_loss(outputs(ROWS, STEPS), y * mask, reduction="none")
    chosen = torch.where(mask > 0, loss, torch.zeros(()))
    assert told(chosen.sum() / mask.sum()) == pytest.approx(variance(y[mask > 0]), rel=1e-4)


def test_factors_that_leave_nothing_out_change_little(numbers):
    y, _ = numbers
    weights = 0.5 + torch.rand(ROWS, STEPS)
    loss = (F.mse_loss(outputs(ROWS, STEPS), y, reduction="none") * weights).mean()
    assert told(loss) == pytest.approx(variance(y) * float(weights.mean()), rel=1e-4)


def test_what_it_costs_to_say_nothing(numbers):
    y, mask = numbers
    assert told(F.mse_loss(outputs(ROWS, STEPS), y), silence) == pytest.approx(
        float(y.square().mean()), rel=1e-4
    )
    loss = F.huber_loss(outputs(ROWS, STEPS), y)
    assert told(loss, silence) == pytest.approx(float(F.huber_loss(torch.zeros_like(y), y)), rel=1e-4)
    masked = (F.mse_loss(outputs(ROWS, STEPS), y * mask, reduction="none") * mask).sum() / mask.sum()
    assert told(masked, silence) == pytest.approx(float(y[mask > 0].square().mean()), rel=1e-4)
    classes = torch.arange(ROWS) % 4
    loss = F.cross_entropy(outputs(ROWS, 4), classes)
    assert told(loss, silence) == told(loss)
