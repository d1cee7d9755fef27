"""The eager loop against a loop written out in the test, and each part of a course by what it must do."""

from dataclasses import replace

import pytest
import torch

from cases import (
    CELLS,
    USER_CELLS,
    B,
    Copy,
    Counter,
    H,
    I,
    Scaling,
    T,
    assert_same,
    gradients,
    needing_gradient,
    normal,
)
from undertow.unroll.chain import Course, chain

EVERY = pytest.mark.parametrize("case", CELLS + USER_CELLS, ids=str)


@EVERY
def test_chain_is_one_step_after_another(case):
    x, state, w = normal(T, B, I), case.state(), case.weights()
    states, last = chain(case.cell, x, state, w)
    for t in range(T):
        state = case.cell.step(x[t], state, w)
        assert_same([field[t] for field in states], state, 1e-14)
    assert_same(last, state, 1e-14)
    assert type(states) is type(last) is case.cell.State


@EVERY
def test_reverse_is_forward_on_the_sequence_turned_round(case):
    x, state, w = normal(T, B, I), case.state(), case.weights()
    states, last = chain(case.cell, x, state, w, Course(reverse=True))
    turned, wanted = chain(case.cell, x.flip(0), state, w)
    assert_same(states, [field.flip(0) for field in turned], 1e-14)
    assert_same(last, wanted, 1e-14)


@EVERY
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_past_its_end_a_row_holds_its_state(case, reverse):
    x, start, w = normal(T, 3, I), case.state(3), case.weights()
    states, last = chain(case.cell, x, start, w, Course(lengths=torch.tensor([2, 0, T]), reverse=reverse))
    assert_same(
        [field[:, 1] for field in states], [field[1].expand(T, *field[1].shape) for field in start], 0
    )
    held = start if reverse else states
    for field, own in zip(states, held, strict=True):
        for t in range(2, T):
            assert_same(field[t, 0], own[0] if reverse else own[1, 0], 0)
    assert_same([field[0 if reverse else -1] for field in states], last, 0)
    alone, _ = chain(case.cell, x[:2, :1], type(start)(*(s[:1] for s in start)), w, Course(reverse=reverse))
    assert_same([field[:2, :1] for field in states], alone, 1e-13)


@EVERY
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_taps_hold_the_whole_gradient_of_every_state(case, reverse):
    """∂L/∂state_t by the taps is ∂L/∂start of the walk that begins after step t."""
    x, start, w = normal(T, B, I), case.state(), case.weights()
    taps = tuple(torch.zeros(T, *s.shape, dtype=s.dtype, requires_grad=True) for s in start)
    states, last = chain(case.cell, x, start, w, Course(reverse=reverse, taps=taps))
    assert_same(states, chain(case.cell, x, start, w, Course(reverse=reverse))[0], 0)
    along = [normal(*field.shape) for field in last]
    found = gradients(last, taps, along)
    for t in range(T):
        middle = type(start)(*(field[t].detach().requires_grad_() for field in states))
        rest = x[:t] if reverse else x[t + 1 :]
        end = chain(case.cell, rest, middle, w, Course(reverse=reverse))[1] if len(rest) else middle
        assert_same([tap[t] for tap in found], gradients(end, list(middle), along), 1e-12)


def test_input_mask_is_the_same_at_every_step():
    mask = torch.tensor([[2.0, 0.0, 2.0], [0.0, 0.0, 2.0]]).double()
    x = normal(T, 2, I)
    states, _ = chain(Copy(I, I), x, Copy(I, I).start(2), (), Course(input_mask=mask))
    assert_same(states.h, x * mask, 0)


def test_state_mask_acts_where_the_step_reads_and_not_on_what_is_handed_on():
    """With h' = h the mask m gives mᵗ⁺¹; a row past its end keeps what it had, unmasked."""
    cell, start = Scaling(I, I, factor=1.0), torch.ones(2, I).double()
    mask = torch.tensor([2.0, 0.0, 1.0]).double().expand(2, I)
    course = Course(lengths=torch.tensor([T, 0]), state_mask=mask)
    states, _ = chain(
        cell, torch.zeros(T, 2, I).double(), cell.State(start), cell.Weights(torch.eye(I).double()), course
    )
    assert_same(states.h[:, 0], torch.stack([mask[0] ** (t + 1) for t in range(T)]), 0)
    assert_same(states.h[:, 1], torch.ones(T, I).double(), 0)


def test_state_mask_leaves_the_other_fields_alone():
    case = next(c for c in CELLS if c.name == "lstm")
    x, state, w, mask = normal(1, B, I), case.state(), case.weights(), normal(B, H)
    _, last = chain(case.cell, x, state, w, Course(state_mask=mask))
    assert_same(last, case.cell.step(x[0], state._replace(h=state.h * mask), w), 1e-14)


@EVERY
def test_zoneout_of_one_keeps_and_of_zero_does_nothing(case):
    x, start, w = normal(T, B, I), case.state(), case.weights()
    for share, wanted in ((0.0, chain(case.cell, x, start, w)[1]), (1.0, start)):
        zones = tuple(torch.full((T, *s.shape), share).double() for s in start)
        assert_same(chain(case.cell, x, start, w, Course(zoneout=zones))[1], wanted, 1e-14)


@EVERY
def test_zoneout_between_is_the_mean_of_old_and_new(case):
    """s' = p·s + (1 − p)·step(s), a share a field (Krueger et al. 2017, eq. 2)."""
    x, start, w = normal(T, B, I), case.state(), case.weights()
    zones = tuple(torch.rand(T, *s.shape).double() for s in start)
    state = start
    for t in range(T):
        new = case.cell.step(x[t], state, w)
        state = type(start)(*(z[t] * o + (1 - z[t]) * n for z, o, n in zip(zones, state, new, strict=True)))
    assert_same(chain(case.cell, x, start, w, Course(zoneout=zones))[1], state, 1e-13)


def test_each_field_has_its_own_zones():
    cell = Counter(I, H)
    zones = (torch.zeros(T, B, H), torch.ones(T, B, H))
    _, last = chain(cell, torch.zeros(T, B, I), cell.start(B), (), Course(zoneout=zones))
    assert_same(last, (torch.full((B, H), float(T)), torch.zeros(B, H)), 0)


@EVERY
def test_gradients_of_a_whole_course(case):
    """Direction, lengths, masks and zones together, against finite differences."""
    cell, fields = case.cell, len(case.cell.State._fields)
    inputs = needing_gradient(normal(3, 2, I), case.state(2), case.weights())
    start = cell.start(2)
    course = Course(
        lengths=torch.tensor([3, 1]),
        input_mask=torch.rand(2, I).double(),
        state_mask=torch.rand(start[0].shape).double(),
        zoneout=tuple(torch.rand(3, *s.shape).double() for s in start),
    )

    def walk(x, *tensors):
        state, w = cell.State(*tensors[:fields]), cell.Weights(*tensors[fields:])
        outputs = [chain(cell, x, state, w, replace(course, reverse=reverse)) for reverse in (False, True)]
        return tuple(field for states, last in outputs for field in (*states, *last))

    assert torch.autograd.gradcheck(walk, inputs, fast_mode=True)
