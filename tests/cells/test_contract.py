"""A cell that breaks the contract is told which part, and how to mend it, before the first batch."""

import dataclasses
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

import undertow as ut
from cases import CELLS, USER_CELLS, Copy, H, I, MinimalGatedUnit
from undertow import cells
from undertow.cells.cell import check_contract, output_size
from undertow.errors import CellError, SettingError


@pytest.mark.parametrize("case", CELLS + USER_CELLS, ids=str)
def test_every_cell_keeps_the_contract(case):
    check_contract(case.cell, case.cell.init())
    assert output_size(case.cell) == case.cell.start(3)[0].shape[1]
    assert set(case.cell.recurrent) <= set(case.cell.Weights._fields)


def test_a_cell_without_weights_is_a_cell():
    cell = Copy(I, I)
    check_contract(cell, cell.init())
    assert list(ut.Recurrent(cell).parameters()) == []


class NoState(ut.Cell):
    class Weights(NamedTuple):
        h: Tensor

    def init(self) -> Any:
        return self.Weights(torch.zeros(H, H))


class BareState(NoState):
    State = tuple


class NoWeights(ut.Cell):
    class State(NamedTuple):
        h: Tensor


class NoInit(MinimalGatedUnit):
    def init(self) -> Any:
        return ut.Cell.init(self)


class NoStep(MinimalGatedUnit):
    def step(self, x: Tensor, state: Any, w: Any) -> Any:
        return ut.Cell.step(self, x, state, w)


class PlainTuple(MinimalGatedUnit):
    def init(self) -> Any:
        return tuple(super().init())


class WholeNumbers(MinimalGatedUnit):
    def init(self) -> Any:
        return super().init()._replace(b=torch.zeros(2 * H, dtype=torch.int64))


class Narrowing(MinimalGatedUnit):
    def step(self, x: Tensor, state: Any, w: Any) -> Any:
        return self.State(super().step(x, state, w).h[:, :2])


class ForgetsBatch(MinimalGatedUnit):
    def step(self, x: Tensor, state: Any, w: Any) -> Any:
        return self.State(super().step(x, state, w).h.sum(0))


class BareTensor(MinimalGatedUnit):
    def step(self, x: Tensor, state: Any, w: Any) -> Any:
        return super().step(x, state, w).h


class Number(MinimalGatedUnit):
    def step(self, x: Tensor, state: Any, w: Any) -> Any:
        return self.State(1.0)


class BareStart(MinimalGatedUnit):
    def start(self, batch: int) -> Any:
        return torch.zeros(batch, self.hidden_size)


class RowlessStart(MinimalGatedUnit):
    def start(self, batch: int) -> Any:
        return self.State(torch.zeros(1, self.hidden_size))


BROKEN = {
    NoState: "NoState.State must be a NamedTuple of tensors. Write: class State(NamedTuple): ...",
    BareState: "BareState.State must be a NamedTuple of tensors",
    NoWeights: "NoWeights.Weights must be a NamedTuple of tensors. Write: class Weights(NamedTuple): ...",
    NoInit: "NoInit has no init(): define it to return fresh Weights.",
    NoStep: "NoStep has no step(): define step(self, x, state, w) -> State.",
    PlainTuple: "PlainTuple.init() must return PlainTuple.Weights, got tuple.",
    WholeNumbers: "WholeNumbers.init(): weight 'b' must be a floating point tensor",
    Narrowing: "Narrowing.step(): state 'h' starts as (2, 5) and comes out as (2, 2) for a batch of 2. A state "
    "keeps its shape: mend step(), or override start().",
    ForgetsBatch: "ForgetsBatch.step(): state 'h' starts as (2, 5) and comes out as (5,)",
    BareTensor: "BareTensor.step() must return BareTensor.State(...), got Tensor.",
    Number: "Number.step(): state 'h' must be a tensor, got 1.0.",
    BareStart: "BareStart.start() must return BareStart.State(...), got Tensor.",
    RowlessStart: "RowlessStart.step(): state 'h' starts as (1, 5) and comes out as (2, 5)",
}


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_broken_cell_is_refused_where_it_is_wrapped(kind):
    cell = kind(I, H)
    with pytest.raises(CellError) as told:
        ut.Recurrent(cell)
    assert BROKEN[kind] in str(told.value)


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (cells.LSTM, "got LSTM. Build it: LSTM(input_size, hidden_size)."),
        (torch.nn.LSTMCell(I, H), "got LSTMCell. Subclass undertow.Cell."),
        ("lstm", "got str. Subclass undertow.Cell."),
    ],
    ids=["a class", "a torch module", "a name"],
)
def test_what_is_no_cell_is_refused(thing, message):
    with pytest.raises(CellError) as told:
        ut.Recurrent(thing)
    assert message in str(told.value)


@pytest.mark.parametrize("case", CELLS + USER_CELLS, ids=str)
@pytest.mark.parametrize("size", [0, -1, 2.0, True, "5", None])
def test_sizes_are_whole_numbers_of_at_least_one(case, size):
    for name in ("input_size", "hidden_size"):
        with pytest.raises(SettingError) as told:
            dataclasses.replace(case.cell, **{name: size})
        wanted = f"{type(case.cell).__name__}: {name} must be a whole number of at least 1, got {size!r}."
        assert str(told.value) == wanted


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: cells.RNN(I, H, nonlinearity="sine"), "RNN: nonlinearity must be tanh or relu, got 'sine'."),
        (
            lambda: cells.RecurrentHighway(I, H, depth=0),
            "RecurrentHighway: depth must be a whole number of at least 1",
        ),
        (lambda: cells.ProjectedLSTM(I, H, projection=6), "must lie from 1 to hidden_size 5, got 6."),
        (lambda: cells.ProjectedLSTM(I, H, projection=-1), "must lie from 1 to hidden_size 5, got -1."),
    ],
    ids=["nonlinearity", "depth", "projection too wide", "projection negative"],
)
def test_settings_out_of_range_are_refused(build, message):
    with pytest.raises(SettingError) as told:
        build()
    assert message in str(told.value)


def test_a_cell_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        cells.LSTM(I, H).hidden_size = 6


def test_a_users_error_inside_step_is_not_hidden():
    @dataclass(frozen=True)
    class Slip(MinimalGatedUnit):
        def step(self, x: Tensor, state: Any, w: Any) -> Any:
            return self.State(state.h @ w.x)

    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        ut.Recurrent(Slip(I, H))
