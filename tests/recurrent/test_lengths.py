"""A padded batch is its rows run alone, and what the padding holds is never felt."""

import math

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from cases import CELLS, USER_CELLS, H, I, assert_same, gradients, needing_gradient, normal

STEPS = 6
LENGTHS = [4, 6, 0, 1, 6]  # none, one, some and all of the steps
GEOMETRIES = {
    "forward": {},
    "bidirectional": {"bidirectional": True},
    "two_layers": {"layers": 2},
    "two_layers_both_ways": {"layers": 2, "bidirectional": True},
    "two_layers_projected": {"layers": 2, "bidirectional": True, "projection": 2},
}
EVERY = pytest.mark.parametrize("case", CELLS + USER_CELLS, ids=str)
EVERY_GEOMETRY = pytest.mark.parametrize("geometry", GEOMETRIES)


def starts(layer):
    return [
        type(s)(*(normal(*f.shape) for f in s))
        for s in (cell.start(len(LENGTHS)) for cell in layer.stack.cells)
    ]


def flat(start):
    return [field for state in start for field in state]


@EVERY
@EVERY_GEOMETRY
def test_padded_batch_is_its_rows_run_alone(case, geometry):
    layer = case.module(**GEOMETRIES[geometry])
    x, start = normal(STEPS, len(LENGTHS), I), starts(layer)
    inputs = needing_gradient(x, start)
    parameters = list(layer.parameters())
    y, last = layer(x, start=start, lengths=LENGTHS)
    along = [normal(*y.shape), *(normal(*field.shape) for field in flat(start))]
    got = gradients([y, *flat(last)], inputs + parameters, along)
    sums = [torch.zeros_like(p) for p in parameters]
    for row, length in enumerate(LENGTHS):
        own = [type(s)(*(f[row : row + 1] for f in s)) for s in start]
        assert y[length:, row].abs().sum() == 0
        of_row = [g[row : row + 1] for g in along[1:]]
        if length:
            alone, final = layer(x[:length, row : row + 1], start=own)
            found = gradients(
                [alone, *flat(final)], inputs + parameters, [along[0][:length, row : row + 1], *of_row]
            )
            assert_same(y[:length, row], alone[:, 0])
        else:
            final, found = own, gradients(flat(own), inputs + parameters, of_row)
        assert_same([f[row : row + 1] for f in flat(last)], flat(final))
        assert_same(got[0][:, row], found[0][:, row])
        assert_same([g[row] for g in got[1 : len(inputs)]], [g[row] for g in found[1 : len(inputs)]])
        sums = [total + more for total, more in zip(sums, found[len(inputs) :], strict=True)]
    assert_same(got[len(inputs) :], sums)


@EVERY
@EVERY_GEOMETRY
def test_what_the_padding_holds_changes_nothing(case, geometry):
    """Neither outputs nor any gradient; that of the padding itself is zero, not NaN."""
    layer = case.module(**GEOMETRIES[geometry])
    clean = normal(STEPS, len(LENGTHS), I)
    dirty = clean.clone()
    for row, length in enumerate(LENGTHS):
        clean[length:, row], dirty[length:, row] = 0, (math.nan, 0, math.inf, 1e30, 0)[row]
    results = []
    for x in (clean, dirty):
        y, last, states = layer(x.requires_grad_(), lengths=LENGTHS, keep_states=True)
        outputs = [y, *flat(last), *flat(states)]
        results.append((outputs, gradients(outputs, [x, *layer.parameters()])))
    assert_same(results[1], results[0], 0)
    for row, length in enumerate(LENGTHS):
        assert results[1][1][0][length:, row].abs().sum() == 0


@EVERY
@pytest.mark.parametrize("masked", ["variational", "zoneout"])
def test_padding_is_not_felt_under_masks_either(case, masked):
    layer = case.module(layers=2, bidirectional=True, **{masked: 0.3})
    clean, results = normal(STEPS, len(LENGTHS), I), []
    dirty = clean.clone()
    for row, length in enumerate(LENGTHS):
        dirty[length:, row] = math.nan
    for x in (clean, dirty):
        torch.manual_seed(3)
        y, last = layer(x, lengths=LENGTHS)
        results.append(([y, *flat(last)], gradients([y, *flat(last)], list(layer.parameters()))))
    assert_same(results[1], results[0], 0)


@EVERY
def test_full_lengths_are_no_lengths(case):
    layer = case.module(layers=2, bidirectional=True)
    x = normal(STEPS, 5, I)
    assert_same(layer(x, lengths=torch.full((5,), STEPS)), layer(x), 0)


@pytest.mark.parametrize("form", [list, tuple, torch.tensor, lambda n: torch.tensor(n, dtype=torch.int32)])
def test_lengths_come_as_any_whole_numbers(form):
    layer, x = CELLS[2].module(), normal(STEPS, len(LENGTHS), I)
    assert_same(layer(x, lengths=form(LENGTHS)), layer(x, lengths=torch.tensor(LENGTHS)), 0)


@EVERY
@pytest.mark.parametrize("lengths", [[6, 4, 4, 1], [4, 1, 6, 4]], ids=["sorted", "unsorted"])
def test_packed_batch_is_a_padded_batch(case, lengths):
    layer = case.module(layers=2, bidirectional=True)
    x, sizes = normal(STEPS, 4, I), torch.tensor(lengths)
    in_order = lengths[0] == 6
    packed = pack_padded_sequence(x, sizes, enforce_sorted=in_order)
    y, last, states = layer(packed, keep_states=True)
    padded, wanted, all_states = layer(x, lengths=sizes, keep_states=True)
    assert isinstance(y, PackedSequence)
    again = pack_padded_sequence(padded, sizes, enforce_sorted=in_order)
    for part, other in zip(y, again, strict=True):
        assert (part is None) is (other is None)
        assert_same(part, other, 0)
    assert_same((last, states), (wanted, all_states), 0)


def test_batch_first_turns_x_and_y_and_nothing_else():
    first, second = CELLS[2].module(layers=2), CELLS[2].module(layers=2, batch_first=True)
    second.load_state_dict(first.state_dict())
    x = normal(STEPS, 5, I)
    y, last, states = first(x, lengths=LENGTHS, keep_states=True)
    turned, same_last, same_states = second(x.transpose(0, 1), lengths=LENGTHS, keep_states=True)
    assert_same(turned, y.transpose(0, 1), 0)
    assert_same((same_last, same_states), (last, states), 0)
    assert same_states[0].h.shape == (STEPS, 5, H)
