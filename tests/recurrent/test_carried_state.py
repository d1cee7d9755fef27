"""The state carried from call to call, and the states kept inside one: T steps are T steps, however they are cut."""

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

import undertow as ut
from cases import CELLS, USER_CELLS, B, H, I, assert_same, gradients, needing_gradient, normal
from undertow import cells
from undertow.recurrent.recurrent import listening

STEPS = 12
EVERY = pytest.mark.parametrize("case", CELLS + USER_CELLS, ids=str)


@EVERY
@pytest.mark.parametrize("cut", [1, 4, 5])
def test_one_pass_is_many_passes_that_carry_the_state(case, cut):
    """Outputs, last states and, since nothing is detached, all gradients."""
    layer = case.module(layers=2)
    x = normal(STEPS, B, I)
    inputs = [*needing_gradient(x), *layer.parameters()]
    whole, last = layer(x)
    parts, carried = [], None
    for piece in x.split(cut):
        y, carried = layer(piece, start=carried)
        parts.append(y)
    y = torch.cat(parts)
    assert_same((y, carried), (whole, last))
    got, wanted = (
        gradients([o, *(f for state in s for f in state)], inputs) for o, s in ((y, carried), (whole, last))
    )
    assert_same(got, wanted, 1e-9)


@EVERY
def test_kept_states_are_those_of_shorter_runs(case):
    layer = case.module(layers=2)
    x = normal(5, B, I)
    y, last, states = layer(x, keep_states=True)
    assert_same(states[-1][0], y, 0)
    for t in range(5):
        _, then = layer(x[: t + 1])
        assert_same([[field[t] for field in state] for state in states], then, 1e-13)
    assert_same([[field[-1] for field in state] for state in states], last, 0)
    assert [type(state) for state in states] == [case.cell.State] * 2


@EVERY
def test_bidirectional_is_two_layers_side_by_side(case):
    """y joins the forward cell's output and that of the reverse cell on the sequence turned round."""
    both, one = case.module(bidirectional=True), case.module()
    x, width = normal(5, B, I), one.output_size
    y, last, states = both(x, keep_states=True)
    assert both.output_size == y.shape[-1] == 2 * width
    for direction, suffix in enumerate(("_l0", "_l0_reverse")):
        fields = case.cell.Weights._fields
        one.load_state_dict({f"{field}_l0": getattr(both, field + suffix) for field in fields})
        alone, final, kept = one(x.flip(0) if direction else x, keep_states=True)
        if direction:
            alone, kept = alone.flip(0), [[field.flip(0) for field in kept[0]]]
        assert_same(y[..., direction * width : (direction + 1) * width], alone, 0)
        assert_same((last[direction], states[direction]), (final[0], kept[0]), 0)


def test_a_projection_narrows_what_each_layer_hands_on():
    layer = CELLS[2].module(layers=2, bidirectional=True, projection=2)
    x = normal(5, B, I)
    y, last, states = layer(x, keep_states=True)
    joined = torch.cat([states[2].h, states[3].h], dim=-1)
    assert_same(y, joined @ layer.projection_l1.T, 1e-13)
    assert (layer.output_size, y.shape, last[3].h.shape) == (2, (5, B, 2), (B, H))
    assert layer.stack.cells[2].input_size == 2


def test_one_layer_takes_a_bare_state_and_gives_a_tuple():
    layer = CELLS[2].module()
    x, state = normal(5, B, I), CELLS[2].state()
    assert_same(layer(x, start=state), layer(x, start=[state]), 0)
    assert_same(layer(x, start=(tuple(state),)), layer(x, start=[state]), 0)
    assert type(layer(x)[1]) is tuple


@pytest.mark.parametrize("cell", [cells.RNN(H, H), cells.LSTM(I, H)], ids=["one field", "two fields"])
def test_start_state_of_the_second_layer_is_its_own(cell):
    layer = ut.Recurrent(cell, layers=2)
    x = torch.randn(1, B, cell.input_size)
    start = [cell.State(*(torch.randn(B, H) for _ in cell.State._fields)) for _ in range(2)]
    _, last = layer(x, start=start)
    below = cell.step(x[0], start[0], layer.weights(0))
    assert_same(last, (below, layer.stack.cells[1].step(below[0], start[1], layer.weights(1))), 1e-5)


@EVERY
def test_listening_tells_the_gradient_of_every_state_and_changes_nothing(case):
    layer = case.module(layers=2, bidirectional=True, engine="eager")
    x = normal(5, B, I)
    with listening(torch.nn.Sequential(layer)) as passages:
        y, last, states = layer(x, keep_states=True)
    assert_same((y, last, states), layer(x, keep_states=True), 0)
    assert layer.passages is None
    assert [passage.cell for passage in passages] == list(layer.stack.cells)
    assert_same([passage.states for passage in passages], states, 0)
    assert_same(passages[2].x, torch.cat([states[0][0], states[1][0]], dim=-1), 0)
    along = normal(*y.shape)
    taps = gradients([y], [passage.taps[0] for passage in passages], [along])
    width = y.shape[-1] // 2
    assert_same(taps[2][-1], along[-1, :, :width], 1e-13)  # at the end of the walk only y pulls
    assert_same(taps[3][0], along[0, :, width:], 1e-13)
    assert all(tap.abs().min() > 0 or "relu" in str(case) for tap in taps[:2])


def test_listening_stops_even_when_the_body_fails():
    layer = CELLS[0].module()
    with pytest.raises(ZeroDivisionError), listening(layer):
        _ = 1 / 0
    assert layer.passages is None


def test_packed_sequence_carries_its_state_too():
    layer, x = CELLS[2].module(), normal(4, 2, I)
    lengths = torch.tensor([4, 2])
    _, last = layer(pack_padded_sequence(x, lengths))
    _, again = layer(pack_padded_sequence(x, lengths), start=last)
    _, wanted = layer(x, start=layer(x, lengths=lengths)[1], lengths=lengths)
    assert_same(again, wanted, 0)
