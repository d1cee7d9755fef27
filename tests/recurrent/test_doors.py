"""What Recurrent refuses, and in which words: where, what was expected, what was got, what to do."""

import re
from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence

import undertow as ut
from cases import B, Copy, H, I, T
from undertow import cells
from undertow.errors import CellError, SettingError, ShapeError

LSTM = cells.LSTM(I, H)
SETTINGS = {
    "no layer": ({"layers": 0}, "layers must be a whole number of at least 1, got 0."),
    "half a layer": ({"layers": 1.5}, "layers must be a whole number of at least 1, got 1.5."),
    "negative dropout": ({"dropout": -0.1}, "dropout must be at least 0 and below 1, got -0.1."),
    "all dropped": ({"dropout": 1.0}, "dropout must be at least 0 and below 1, got 1.0."),
    "variational": ({"variational": 1}, "variational must be at least 0 and below 1, got 1."),
    "weight_drop": ({"weight_drop": 1.0}, "weight_drop must be at least 0 and below 1, got 1.0."),
    "zoneout": ({"zoneout": 1.2}, "zoneout must be at least 0 and below 1, got 1.2."),
    "zoneout of a field": ({"zoneout": (0.1, -1.0)}, "zoneout must be at least 0 and below 1, got -1.0."),
    "zoneouts": ({"zoneout": (0.1,)}, "zoneout must be one number or 2, one for each of h, c, got 1."),
    "projection": ({"projection": -2}, "projection must be a whole number of at least 1, got -2."),
    "engine": ({"engine": "warp"}, "engine must be one of auto, eager, got 'warp'."),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_out_of_range(name):
    settings, message = SETTINGS[name]
    with pytest.raises(SettingError) as told:
        ut.Recurrent(LSTM, **settings)
    if name == "engine":
        message = re.escape("engine must be one of ") + ".*auto.*eager.*" + re.escape(", got 'warp'.")
        assert re.search(message, str(told.value))
        return
    assert str(told.value) == f"Recurrent(LSTM): {message}"


INPUTS = {
    "features": (
        (T, B, 4),
        {},
        "x needs 3 features on its last axis, got shape (4, 7, 4). Build the cell with ",
    ),
    "two axes": (
        (T, I),
        {},
        "x must be [T, B, I], three axes, got shape (4, 3). Add a batch axis with x.unsqueeze(1).",
    ),
    "no step": ((0, B, I), {}, "x has no time step, shape (0, 7, 3). Give at least one."),
    "too few lengths": (
        (T, B, I),
        {"lengths": [1, 2]},
        "lengths must be 7 whole numbers, one a row of the batch, ",
    ),
    "too long": (
        (T, B, I),
        {"lengths": [5] * B},
        "lengths must lie from 0 to 4, the steps of x, got 5 to 5.",
    ),
    "negative": (
        (T, B, I),
        {"lengths": [-1] * B},
        "lengths must lie from 0 to 4, the steps of x, got -1 to -1.",
    ),
    "fractions": ((T, B, I), {"lengths": [1.0] * B}, "lengths must be 7 whole numbers"),
    "one start for two": (
        (T, B, I),
        {"start": [LSTM.start(B)]},
        "start must hold 2 states, one a layer and direction, got 1. Hand back what an earlier call gave as `last`.",
    ),
    "another batch": (
        (T, B, I),
        {"start": [LSTM.start(2)] * 2},
        "start state 0, field 'h', must be (7, 5), got (2, 5). The batch of x is 7.",
    ),
    "another size": (
        (T, B, I),
        {"start": [LSTM.start(B), cells.ProjectedLSTM(I, H).start(B)]},
        "start state 1, field 'h', must be (7, 5), got (7, 2).",
    ),
    "another cell's": (
        (T, B, I),
        {"start": [cells.GRU(I, H).start(B)] * 2},
        "start state 0 must be a State of h, c, got State of h.",
    ),
    "torch's": (
        (T, B, I),
        {"start": (torch.zeros(2, B, H), torch.zeros(2, B, H))},
        "start state 0 must be a State of h, c, got Tensor. Hand back what an earlier call gave as `last`.",
    ),
    "a bare state": (
        (T, B, I),
        {"start": LSTM.start(B)},
        "start state 0 must be a State of h, c, got Tensor.",
    ),
}


@pytest.mark.parametrize("name", INPUTS)
def test_inputs_that_do_not_fit(name):
    shape, given, message = INPUTS[name]
    with pytest.raises(ShapeError) as told:
        ut.Recurrent(LSTM, layers=2)(torch.zeros(shape), **given)
    assert str(told.value).startswith(f"Recurrent(LSTM): {message}")


def test_whole_numbers_are_no_input():
    with pytest.raises(ShapeError, match=r"floating point numbers, got torch\.int64\. Embed or"):
        ut.Recurrent(LSTM)(torch.zeros(T, B, I, dtype=torch.int64))


def test_lengths_beside_a_packed_sequence():
    packed = pack_padded_sequence(torch.zeros(T, B, I), torch.full((B,), T))
    with pytest.raises(
        ShapeError, match=r"Recurrent\(LSTM\): a PackedSequence brings its own lengths. Leave lengths"
    ):
        ut.Recurrent(LSTM)(packed, lengths=[1] * B)


def test_packed_sequence_of_other_features():
    packed = pack_padded_sequence(torch.zeros(T, B, 4), torch.full((B,), T))
    with pytest.raises(ShapeError, match="x needs 3 features on its last axis"):
        ut.Recurrent(LSTM)(packed)


def test_a_weight_named_projection_is_the_cells_own():
    """A name that Recurrent uses itself is not mixed up with it, and refused where both are wanted."""

    class Named(Copy):
        class Weights(NamedTuple):
            projection: Tensor

        def init(self):
            return self.Weights(torch.zeros(2, self.hidden_size))

    x = torch.randn(T, B, H)
    assert torch.equal(ut.Recurrent(Named(H, H))(x)[0], x)
    with pytest.raises(
        CellError, match=r"Recurrent\(Named\): projection needs the name of the cell's weight"
    ):
        ut.Recurrent(Named(H, H), projection=2)


def test_an_empty_batch_is_a_batch():
    y, last = ut.Recurrent(LSTM, layers=2, bidirectional=True)(
        torch.zeros(T, 0, I), lengths=torch.empty(0, dtype=torch.int64)
    )
    assert (y.shape, last[0].h.shape) == ((T, 0, 2 * H), (0, H))
