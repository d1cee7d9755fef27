"""How many parameters has a cell? Every count by its formula, and the same through the module."""

import pytest
import torch

import undertow as ut
from cases import H, I
from undertow import cells

P, DEPTH = 2, 3

COUNTS = {
    "rnn": (cells.RNN(I, H), H * (H + I + 1)),
    "residual_rnn": (cells.ResidualRNN(I, H), H * (H + I + 1)),
    "lstm": (cells.LSTM(I, H), 4 * H * (H + I + 1)),
    "lstm_chrono": (cells.LSTM(I, H, chrono=9), 4 * H * (H + I + 1)),
    "peephole_lstm": (cells.PeepholeLSTM(I, H), 4 * H * (H + I + 1) + 3 * H),
    "coupled_lstm": (cells.CoupledLSTM(I, H), 3 * H * (H + I + 1)),
    "projected_lstm": (cells.ProjectedLSTM(I, H, projection=P), 4 * H * (P + I + 1) + P * H),
    "gru": (cells.GRU(I, H), 3 * H * (H + I + 1) + H),
    "reset_before_gru": (cells.ResetBeforeGRU(I, H), 3 * H * (H + I + 1)),
    "minimal_gated_unit": (cells.MinimalGatedUnit(I, H), 2 * H * (H + I + 1)),
    "ind_rnn": (cells.IndRNN(I, H), H * (I + 2)),
    "min_gru": (cells.MinGRU(I, H), 2 * H * (I + 1)),
    "min_lstm": (cells.MinLSTM(I, H), 3 * H * (I + 1)),
    "layer_norm_lstm": (cells.LayerNormLSTM(I, H), 4 * H * (H + I + 1) + 8 * H + 2 * H),
    "recurrent_highway": (cells.RecurrentHighway(I, H, depth=DEPTH), 2 * H * (I + DEPTH * (H + 1))),
}


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("name", COUNTS)
def test_count_is_its_formula(name):
    cell, wanted = COUNTS[name]
    assert sum(weight.numel() for weight in cell.init()) == wanted
    assert count(ut.Recurrent(cell)) == wanted
    assert count(ut.Recurrent(cell, bidirectional=True)) == 2 * wanted


def test_every_built_in_cell_has_its_row():
    assert {type(cell) for cell, _ in COUNTS.values()} == {getattr(cells, name) for name in cells.__all__} - {
        ut.Cell
    }


def test_the_second_bias_of_torch_adds_a_bias_a_gate():
    ours = {"RNN": cells.RNN(I, H), "LSTM": cells.LSTM(I, H), "GRU": cells.ResetBeforeGRU(I, H)}
    for name, gates in {"RNN": 1, "LSTM": 4, "GRU": 3}.items():
        theirs = count(getattr(torch.nn, name)(I, H))
        assert theirs == count(getattr(ut, name)(I, H)) == count(ut.Recurrent(ours[name])) + gates * H


def test_upper_layers_read_every_direction_of_the_one_below():
    layer = ut.Recurrent(cells.LSTM(I, H), layers=3, bidirectional=True)
    assert count(layer) == 2 * 4 * H * (H + I + 1) + 2 * 2 * 4 * H * (H + 2 * H + 1)
    narrow = ut.Recurrent(cells.LSTM(I, H), layers=2, bidirectional=True, projection=P)
    assert count(narrow) == 2 * 4 * H * (H + I + 1) + 2 * 4 * H * (H + P + 1) + 2 * P * 2 * H
