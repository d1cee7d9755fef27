"""Recurrent as a module among others: names, copies, moves, repr; and the package that offers it."""

import copy
import pickle
import subprocess
import sys

import pytest
import torch

import undertow as ut
from cases import CELLS, USER_CELLS, B, H, I, T, assert_same, leaves, normal
from undertow import cells

EVERY = pytest.mark.parametrize("case", CELLS + USER_CELLS, ids=str)


@EVERY
def test_a_copy_and_a_pickle_compute_the_same(case):
    layer = case.module(layers=2, bidirectional=True, dropout=0.1, zoneout=0.1, projection=3).eval()
    x = normal(T, B, I)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):  # noqa: S301 - bytes of our own
        assert other.cell == layer.cell
        assert_same(other(x), layer(x), 0)


@EVERY
def test_parameters_are_named_after_the_weights(case):
    layer = ut.Recurrent(case.cell, layers=2, bidirectional=True)
    wanted = [
        f"{field}_l{number}{end}"
        for number in (0, 1)
        for end in ("", "_reverse")
        for field in case.cell.Weights._fields
    ]
    assert [name for name, _ in layer.named_parameters()] == wanted
    assert_same(
        layer.weights(3), [getattr(layer, f"{field}_l1_reverse") for field in case.cell.Weights._fields], 0
    )


@EVERY
def test_state_dict_is_all_there_is(case):
    layer, other = case.module(layers=2), case.module(layers=2)
    x = normal(T, B, I)
    assert not torch.equal(layer(x)[0], other(x)[0])
    other.load_state_dict(layer.state_dict(), strict=True)
    assert_same(other(x), layer(x), 0)


@EVERY
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_state_takes_the_dtype_of_x(case, dtype):
    layer = ut.Recurrent(case.cell, layers=2, zoneout=0.1, variational=0.1).to(dtype)
    result = layer(torch.randn(T, B, I, dtype=dtype), lengths=[T] * B, keep_states=True)
    assert {tensor.dtype for tensor in leaves(*result)} == {dtype}


@EVERY
def test_engines_agree(case):
    layer, eager = case.module(layers=2), case.module(layers=2, engine="eager")
    eager.load_state_dict(layer.state_dict())
    x = normal(T, B, I)
    assert_same(layer(x), eager(x))


def test_repr_shows_what_was_set():
    shown = repr(ut.Recurrent(cells.GRU(I, H), layers=2, bidirectional=True, dropout=0.1, zoneout=0.2))
    assert shown == (
        "Recurrent(GRU(input_size=3, hidden_size=5, keep_bias=0.0, init_recurrent='orthogonal'), "
        "layers=2, bidirectional=True, dropout=0.1, zoneout=(0.2,))"
    )


def test_it_trains_inside_a_network():
    """A task with an answer: the first of five numbers, told at the end."""
    x = torch.randn(5, 101, 1)
    layer, readout = ut.Recurrent(cells.LSTM(1, 9)), torch.nn.Linear(9, 1)
    optimizer = torch.optim.Adam([*layer.parameters(), *readout.parameters()], lr=0.05)
    for _ in range(60):
        loss = (readout(layer(x)[1][0].h) - x[0]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1 * x[0].var().item()


def test_importing_the_package_does_not_import_torch():
    code = "import sys, undertow; assert 'torch' not in sys.modules; undertow.LSTM; assert 'torch' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_name_the_package_offers_is_there():
    for name in ut.__all__:
        assert getattr(ut, name) is not None
        assert name in dir(ut)
    with pytest.raises(AttributeError, match="module 'undertow' has no attribute 'Recurent'"):
        _ = ut.Recurent
