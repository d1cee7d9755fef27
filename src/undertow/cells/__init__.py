"""Recurrent cells: named state, named weights and one pure step. Torch only, no loops over time."""

from undertow.cells.cell import Cell
from undertow.cells.coupled_lstm import CoupledLSTM
from undertow.cells.gru import GRU
from undertow.cells.ind_rnn import IndRNN
from undertow.cells.layer_norm_lstm import LayerNormLSTM
from undertow.cells.lstm import LSTM
from undertow.cells.min_gru import MinGRU
from undertow.cells.min_lstm import MinLSTM
from undertow.cells.minimal_gated_unit import MinimalGatedUnit
from undertow.cells.peephole_lstm import PeepholeLSTM
from undertow.cells.projected_lstm import ProjectedLSTM
from undertow.cells.recurrent_highway import RecurrentHighway
from undertow.cells.reset_before_gru import ResetBeforeGRU
from undertow.cells.residual_rnn import ResidualRNN
from undertow.cells.rnn import RNN

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Cell",
    "CoupledLSTM",
    "IndRNN",
    "LayerNormLSTM",
    "MinGRU",
    "MinLSTM",
    "MinimalGatedUnit",
    "PeepholeLSTM",
    "ProjectedLSTM",
    "RecurrentHighway",
    "ResetBeforeGRU",
    "ResidualRNN",
]
