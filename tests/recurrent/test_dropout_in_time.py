"""Dropout between layers, variational dropout and zoneout: seen through cells that only copy or count."""

from collections import Counter as Tally
from math import comb

import pytest
import torch

import undertow as ut
from cases import CELLS, USER_CELLS, B, Copy, Counter, H, I, Scaling, assert_same, normal
from undertow import cells

EVERY = pytest.mark.parametrize("case", CELLS + USER_CELLS, ids=str)
ROWS, WIDTH = 40, 101  # 4,040 draws a step
RARE = {
    1: 10.83,
    2: 13.82,
    3: 16.27,
    4: 18.47,
    5: 20.52,
}  # chi-square exceeded once in a thousand, by freedom


def chi_square(counts, shares):
    total = sum(counts)
    return sum(
        (got - total * share) ** 2 / (total * share) for got, share in zip(counts, shares, strict=True)
    )


def ones(steps=5):
    return torch.ones(steps, ROWS, WIDTH)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_variational_input_mask_is_one_mask_for_all_steps(share):
    y, _ = ut.Recurrent(Copy(WIDTH, WIDTH), variational=share)(ones())
    assert_same(y, y[:1].expand_as(y), 0)
    torch.testing.assert_close(y.unique(), torch.tensor([0, 1 / (1 - share)]))
    dropped = int((y[0] == 0).sum())
    assert chi_square([dropped, y[0].numel() - dropped], [share, 1 - share]) < RARE[1]
    assert len({tuple(row.tolist()) for row in y[0]}) == ROWS  # each row of the batch draws its own


def test_variational_mask_keeps_the_mean():
    """E[mask] = 1: over 404,000 draws of share ½ the mean is 1 ± 4 standard errors."""
    y, _ = ut.Recurrent(Copy(4040, 4040), variational=0.5)(torch.ones(1, 100, 4040))
    assert y.mean().item() == pytest.approx(1, abs=4 / 404_000**0.5)


def test_variational_state_mask_is_one_mask_for_all_steps_and_another_one():
    """h' = h and x = 0 show mᵗ⁺¹; with h' = x the input's mask is seen, and the two are unlike."""
    layer = ut.Recurrent(Scaling(WIDTH, WIDTH, factor=1.0), variational=0.5)
    start = [Scaling.State(torch.ones(ROWS, WIDTH))]
    y, _ = layer(torch.zeros(4, ROWS, WIDTH), start=start)
    mask = y[0]
    assert_same(y, torch.stack([mask ** (t + 1) for t in range(4)]), 0)
    assert set(mask.unique().tolist()) == {0, 2}
    torch.manual_seed(2)
    from_input = layer(ones(1), start=[Scaling.State(torch.zeros(ROWS, WIDTH))])[0][0] > 0
    torch.manual_seed(2)
    from_state = layer(torch.zeros(1, ROWS, WIDTH), start=start)[0][0] > 0
    counts = Tally((2 * from_input + from_state.int()).flatten().tolist())
    assert chi_square([counts[n] for n in range(4)], [0.25] * 4) < RARE[3]  # independent draws


@pytest.mark.parametrize("settings", [{"bidirectional": True}, {"layers": 2}], ids=["directions", "layers"])
def test_variational_masks_of_two_cells_are_drawn_apart(settings):
    """Side by side two values of four come up, one above the other only what both let through."""
    _, (first, second) = ut.Recurrent(Copy(WIDTH, WIDTH), variational=0.5, **settings)(ones(1))
    counts = Tally((2 * (first.h > 0) + (second.h > 0).int()).flatten().tolist())
    seen = [counts[n] for n in range(4)]
    if "layers" in settings:
        assert seen[1] == 0
        seen = [seen[0], seen[2], seen[3]]
    assert chi_square(seen, [0.25] * 4 if len(seen) == 4 else [0.5, 0.25, 0.25]) < RARE[len(seen) - 1]


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_zoneout_holds_each_unit_at_each_step_with_its_share(share):
    """A counter misses one for every step held: Binomial(5, 1 − share), by chi-square."""
    layer = ut.Recurrent(Counter(1, WIDTH), zoneout=share)
    _, (last,) = layer(torch.zeros(5, ROWS, 1))
    for field in last:
        tally = Tally(field.int().flatten().tolist())
        shares = [comb(5, n) * (1 - share) ** n * share ** (5 - n) for n in range(6)]
        kept = [n for n in range(6) if shares[n] * ROWS * WIDTH > 5]
        rest = 1 - sum(shares[n] for n in kept)
        counts = [tally[n] for n in kept] + (
            [ROWS * WIDTH - sum(tally[n] for n in kept)] if rest > 1e-12 else []
        )
        wanted = [shares[n] for n in kept] + ([rest] if rest > 1e-12 else [])
        assert chi_square(counts, wanted) < RARE[len(wanted) - 1]
    assert not torch.equal(last.fast, last.slow)


def test_each_field_has_its_own_share():
    layer = ut.Recurrent(Counter(1, WIDTH), zoneout=(0.0, 0.75))
    _, (last,) = layer(torch.zeros(1, ROWS, 1))
    assert (last.fast == 1).all()
    moved = int(last.slow.sum())
    assert chi_square([moved, ROWS * WIDTH - moved], [0.25, 0.75]) < RARE[1]
    _, (mean,) = layer.eval()(torch.zeros(8, ROWS, 1))
    assert_same(mean, (torch.full((ROWS, WIDTH), 8.0), torch.full((ROWS, WIDTH), 2.0)), 1e-6)


@EVERY
def test_zoneout_near_one_keeps_the_state(case):
    layer = case.module(zoneout=1 - 1e-12)
    x, start = normal(4, B, I), case.state()
    _, (last,) = layer(x, start=[start])
    assert_same(last, start, 0)
    _, (mean,) = layer.eval()(x, start=[start])
    assert_same(mean, start, 1e-10)


@EVERY
def test_zoneout_in_eval_is_its_expectation(case):
    """s' = p·s + (1 − p)·step(x, s), in every field with its own p."""
    shares = [0.1, 0.6, 0.3][: len(case.cell.State._fields)]
    layer = case.module(zoneout=shares).eval()
    x, state, w = normal(3, B, I), case.state(), layer.weights(0)
    _, (last,) = layer(x, start=[state])
    for t in range(3):
        new = case.cell.step(x[t], state, w)
        state = type(state)(*(p * o + (1 - p) * n for p, o, n in zip(shares, state, new, strict=True)))
    assert_same(last, state, 1e-13)


@EVERY
def test_a_zoned_unit_keeps_its_old_value_and_another_takes_its_new_one(case):
    layer = case.module(zoneout=0.5)
    x, state = normal(1, B, I), case.state()
    _, (last,) = layer(x, start=[state])
    new = case.cell.step(x[0], state, layer.weights(0))
    for got, old, fresh in zip(last, state, new, strict=True):
        held = got == old
        assert_same(got, torch.where(held, old, fresh), 0)
        assert 0 < held.sum() < held.numel() or "clock" in case.cell.State._fields


@EVERY
def test_training_draws_and_eval_does_not(case):
    settings = {"layers": 2, "dropout": 0.4, "variational": 0.3}
    layer, plain = case.module(**settings), case.module(layers=2).eval()
    plain.load_state_dict(layer.state_dict())
    x = normal(4, B, I)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    torch.manual_seed(9)
    first = layer(x)
    torch.manual_seed(9)
    assert_same(layer(x), first, 0)
    before = torch.get_rng_state()
    assert_same(layer.eval()(x), plain(x), 0)
    assert torch.equal(torch.get_rng_state(), before)
    zoned = case.module(zoneout=0.5).eval()
    assert_same(zoned(x), zoned(x), 0)


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_dropout_between_layers_draws_every_element_for_itself(share):
    layer = ut.Recurrent(Copy(WIDTH, WIDTH), layers=2, dropout=share)
    y, _, states = layer(ones(), keep_states=True)
    assert_same(states[0].h, ones(), 0)
    torch.testing.assert_close(y.unique(), torch.tensor([0, 1 / (1 - share)]))
    together = Tally((2 * (y[0] == 0) + (y[1] == 0).int()).flatten().tolist())
    keep = 1 - share
    shares = [keep * keep, keep * share, share * keep, share * share]
    assert chi_square([together[n] for n in range(4)], shares) < RARE[3]  # steps are independent
    assert_same(layer.eval()(ones())[0], ones(), 0)


def test_dropout_of_one_layer_has_nothing_to_drop():
    assert_same(ut.Recurrent(Copy(3, 3), dropout=0.9)(torch.ones(4, B, 3))[0], torch.ones(4, B, 3), 0)


def test_gradients_pass_only_where_the_mask_is_open():
    layer = ut.Recurrent(Copy(H, H), variational=0.5)
    x = torch.ones(4, B, H, requires_grad=True)
    y, _ = layer(x)
    (found,) = torch.autograd.grad(y.sum(), x)
    assert_same(found, y.detach(), 0)


def test_lstm_memory_can_be_zoned_more_than_its_output():
    """Krueger et al. 2017 keep half of the cells and a twentieth of the outputs."""
    layer = ut.Recurrent(cells.LSTM(I, 101), zoneout=(0.05, 0.5))
    _, (last,) = layer(torch.randn(1, 40, I))  # from zeros: a unit held is a zero
    held = [int((field == 0).sum()) for field in last]
    for count, share in zip(held, (0.05, 0.5), strict=True):
        assert chi_square([count, 4040 - count], [share, 1 - share]) < RARE[1]
