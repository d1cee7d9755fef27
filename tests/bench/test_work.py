"""Work is counted right: by the formula, and as torch's own counter sees a whole eager loop."""

from dataclasses import dataclass

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import undertow as ut
from undertow import cells
from undertow.bench.named import USERS
from undertow.bench.plain_loop import eager
from undertow.bench.problem import pose
from undertow.bench.shape import Shape
from undertow.bench.work import bytes_read, flops, flops_of_a_row

T, B, I, H = 7, 3, 4, 5  # noqa: E741 - the letters of the subject
GATES = {"lstm": (cells.LSTM, 4), "gru": (cells.GRU, 3), "rnn": (cells.RNN, 1)}


@pytest.mark.parametrize("name", GATES)
def test_counts_agree_with_torch_over_the_whole_loop(name):
    kind, gates = GATES[name]
    problem = pose(name, kind, Shape(T, B, I, H))
    loop = eager(problem)
    for mode, factor in (("infer", 1), ("train", 3)):
        counter = FlopCounterMode(display=False)
        with counter:
            getattr(loop, mode)()
        assert flops(problem, mode) == counter.get_total_flops() == factor * 2 * T * B * gates * H * (I + H)


@dataclass(frozen=True)
class Turned(ut.Cell):
    """A matrix that is itself a product of weights, and one that is met twice."""

    State, Weights = cells.RNN.State, cells.RNN.Weights

    def init(self):
        H = self.hidden_size
        return self.Weights(torch.randn(H, self.input_size), torch.randn(H, H), torch.zeros(H))

    def step(self, x, state, w):
        h = state.h @ (w.h @ w.h)
        return self.State(torch.tanh(h @ w.h + x @ w.x.T + w.b))


def test_products_of_weights_alone_are_no_work_of_a_row():
    assert flops_of_a_row(Turned(I, H)) == 2 * (2 * H * H + I * H)


def test_mixed_lengths_count_the_steps_that_are_walked():
    problem = pose("lstm", cells.LSTM, Shape(40, 6, I, H), mixed=True)
    assert problem.lengths.max() == 40
    assert problem.lengths.min() >= 10
    assert flops(problem, "infer") == 2 * problem.lengths.sum() * 4 * H * (I + H)


def test_recurrent_weights_are_read_once_a_step_and_again_backward():
    problem = pose("gru", cells.GRU, Shape(T, 1, I, H))
    assert bytes_read(problem, "infer") == T * 4 * 3 * H * H
    assert bytes_read(problem, "train") == 2 * bytes_read(problem, "infer")


def test_users_cells_do_as_much_as_an_lstm():
    assert {flops_of_a_row(kind(I, H)) for kind in USERS.values()} == {flops_of_a_row(cells.LSTM(I, H))}
