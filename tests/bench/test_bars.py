"""Bars at their edges, and what stands in for a ratio."""

import pytest

from undertow.bench.bars import BARS, bar_of, reached, share_limit
from undertow.bench.peers import PEERS
from undertow.bench.row import Row, judged


@pytest.mark.parametrize(
    ("cell", "against", "mode", "hidden", "limit"),
    [
        ("lstm", "torch", "train", 64, 1.3),
        ("lstm", "torch", "train", 65, 1.1),
        ("lstm", "torch", "train", 512, 1.1),
        ("lstm", "torch", "train", 513, 1.0),
        ("lstm", "torch", "infer", 128, 1.2),
        ("lstm", "torch", "infer", 129, 1.05),
        ("gru", "torch", "train", 128, 2.5),
        ("rnn", "torch", "train", 256, 1.3),
        ("rnn", "torch", "train", 257, 1.1),
        ("lstm", "packed", "train", 1024, 5.0),
        ("mine.py:Cell", "eager", "train", 64, 10.0),
        ("mine.py:Cell", "eager", "train", 128, 6.0),
        ("mine.py:Cell", "eager", "train", 256, 3.0),
        ("mine.py:Cell", "eager", "train", 257, None),
        ("mine.py:Cell", "torch-compile", "train", 1024, 2.5),
        ("mine.py:Cell", "torch-compile", "compile", 1024, 20.0),
        ("lstm", "jax", "train", 128, 2.0),
        ("lstm", "jax", "infer", 129, 1.3),
        ("mine.py:Cell", "own", "train", 8, 1 / 1.15),
    ],
)
def test_limits(cell, against, mode, hidden, limit):
    assert bar_of(cell, against, mode).limit(hidden) == limit


@pytest.mark.parametrize(
    ("cell", "against", "mode"),
    [("gru", "torch", "infer"), ("lstm", "eager", "infer"), ("lstm", "packed", "infer")],
)
def test_no_bar(cell, against, mode):
    assert bar_of(cell, against, mode) is None


def test_every_peer_has_a_bar():
    assert {bar.against for bar in BARS} == set(PEERS)


@pytest.mark.parametrize(
    ("ratio", "gemm", "bandwidth", "hidden", "by"),
    [
        (2.0, 0.0, None, 128, "ratio"),
        (1.99, 0.59, None, 128, ""),
        (1.99, 0.60, None, 128, "GEMM speed"),
        (1.99, 0.74, None, 129, ""),
        (1.99, 0.75, None, 129, "GEMM speed"),
        (1.99, 0.0, 0.79, 64, ""),
        (1.99, 0.0, 0.80, 64, "bandwidth"),
        (1.99, None, None, 64, ""),
    ],
)
def test_met_by(ratio, gemm, bandwidth, hidden, by):
    assert reached(ratio, 2.0, gemm, bandwidth, hidden) == by


@pytest.mark.parametrize(
    ("against", "mode", "hidden", "limit"),
    [
        ("torch", "train", 127, None),
        ("torch", "train", 128, 0.55),
        ("own", "train", 200, None),
        ("own", "train", 256, 0.7),
        ("torch", "infer", 256, None),
        ("eager", "train", 256, None),
        ("packed", "train", 256, None),
    ],
)
def test_share_of_product_speed(against, mode, hidden, limit):
    assert share_limit(against, mode, hidden) == limit


def test_a_row_is_lost_by_either_bar():
    row = Row("lstm", "(100, 32, 256, 256)", "torch", "train", ratio=1.2, of_gemm=0.69)
    found = judged(row)
    assert (found["met"], found["share_met"]) == (True, False)
    assert Row("lstm", row.shape, "torch", "train", **found).lost
    assert not Row("lstm", row.shape, "torch", "train", met=True, share_met=None).lost
    assert not Row("lstm", row.shape, "torch", "train").lost


def test_packed_rows_lie_beside_the_grid_and_have_no_share_bar():
    row = Row("lstm", "(300, 32, 128, 256)", "packed", "train", ratio=6.0, of_gemm=0.1)
    assert judged(row) == {"bar": 5.0, "met": True, "met_by": "ratio"}
