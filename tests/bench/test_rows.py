"""A peer that fails is a row; the lost come first; the bars are counted; a kept result is read again."""

import json
from dataclasses import replace

import pytest
import torch
from tiny_shape import TINY

from undertow.bench import recurrence
from undertow.bench.kept import document, keep, read, rows_in
from undertow.bench.peers import PEERS, Match, Peer
from undertow.bench.plain_loop import eager
from undertow.bench.problem import Side
from undertow.bench.recurrence import Wanted, measure
from undertow.bench.row import Row, tables
from undertow.bench.shape import GRID, MIXED, Shape, parse_shape
from undertow.errors import DataError, MissingExtraError, SettingError


def broken(*args):
    raise RuntimeError("no such layer\nand more lines")


def wrong(problem):
    """A side whose outputs are off."""
    side = eager(problem)
    return Side(side.infer, side.train, lambda: {name: 2 * t for name, t in side.results().items()})


@pytest.fixture
def rows_with(monkeypatch, quick_roofs):
    """Rows of one peer that matches as told, and of the eager loop after it."""

    def run(**matches):
        peer = Peer(
            "a peer", ("rnn",), lambda problem: [Match(**{n: f(problem) for n, f in matches.items()})]
        )
        monkeypatch.setitem(PEERS, "odd", peer)
        return list(measure(Wanted(("odd", "eager"), ("rnn",), (TINY,), seconds=0.0), lambda text: None))

    return run


def test_a_peer_that_fails_is_a_row_and_the_run_goes_on(rows_with):
    rows = rows_with(ours=lambda p: lambda: eager(p), base=lambda p: broken)
    assert rows[0].error == "odd failed: RuntimeError: no such layer"
    assert (rows[0].met, rows[0].lost) == (None, False)
    assert [row.against for row in rows[1:]] == ["eager", "eager"]
    assert all(row.ratio for row in rows[1:])


def test_a_kernel_that_fails_is_lost(rows_with):
    rows = rows_with(ours=lambda p: broken, base=lambda p: lambda: eager(p))
    assert [row.error for row in rows[:2]] == ["ours failed: RuntimeError: no such layer"] * 2
    assert all(row.lost for row in rows[:2])


def test_what_disagrees_is_not_timed_and_lost(rows_with):
    rows = rows_with(ours=lambda p: lambda: wrong(p), base=lambda p: lambda: eager(p))
    assert all(row.error.startswith("not timed, for ") and "of its size" in row.error for row in rows[:2])
    assert all(row.lost and row.ratio is None for row in rows[:2])


def test_a_peer_that_cannot_even_begin(monkeypatch, quick_roofs):
    monkeypatch.setitem(PEERS, "odd", Peer("a peer", ("rnn",), broken))
    assert [r.error for r in measure(Wanted(("odd",), (), (TINY,)), lambda text: None)] == [
        "RuntimeError: no such layer"
    ]


def test_ctrl_c_is_no_failure_of_a_peer(monkeypatch):
    def stopped(problem):
        raise KeyboardInterrupt

    monkeypatch.setitem(PEERS, "odd", Peer("a peer", ("rnn",), stopped))
    with pytest.raises(KeyboardInterrupt):
        list(measure(Wanted(("odd",), (), (TINY,)), lambda text: None))


@pytest.mark.parametrize(
    ("wanted", "error", "told"),
    [
        (Wanted(("torhc",)), SettingError, "There is no peer 'torhc'. Peers: torch, packed"),
        (Wanted(("torch",), ("ltsm",)), SettingError, "Did you mean lstm?"),
        (Wanted(("torch",), ("peephole_lstm",)), SettingError, "Nothing is left to be compared"),
        (Wanted(("torch",), hidden=(7,)), SettingError, "Nothing is left to be compared"),
    ],
)
def test_doors(wanted, error, told):
    with pytest.raises(error, match=told.replace("?", r"\?")):
        next(measure(wanted, lambda text: None))


def test_a_peer_that_is_not_installed(monkeypatch):
    """Asked for by name it is an error; else it is left out, and that is said."""
    missing = replace(PEERS["jax"], missing=lambda: "JAX is not installed.")
    monkeypatch.setitem(PEERS, "jax", missing)
    with pytest.raises(MissingExtraError, match="--against jax: JAX is not installed"):
        next(measure(Wanted(("jax",)), lambda text: None))
    told = []
    against = {job.against for job in recurrence.jobs(Wanted(), told.append)}
    assert against == {"torch", "packed", "eager", "own"}
    assert told == ["jax is left out: JAX is not installed."]


def test_the_whole_grid_is_the_default():
    work = recurrence.jobs(Wanted(("torch", "packed")), lambda text: None)
    assert {job.shape for job in work if job.against == "torch"} == set(GRID)
    assert {job.shape for job in work if job.against == "packed"} == set(MIXED)
    assert all(shape.steps >= 200 for shape in MIXED)


@pytest.mark.parametrize("text", ["100,16,64,128", "(100, 16, 64, 128)"])
def test_shapes_are_read(text):
    assert parse_shape(text) == Shape(100, 16, 64, 128)


@pytest.mark.parametrize("text", ["100,16,64", "1,2,3,x", "1,2,3,0", "1,2,3,-4", "", "1,2,3,4,5"])
def test_no_shape(text):
    with pytest.raises(SettingError, match="four whole numbers"):
        parse_shape(text)


ROWS = [
    Row("lstm", "(1, 1, 1, 64)", "torch", "train", ratio=1.4, bar=1.3, met=True, met_by="ratio"),
    Row("lstm", "(1, 1, 1, 65)", "torch", "train", ratio=0.9, bar=1.1, met=False),
    Row("lstm", "(1, 1, 1, 66)", "torch", "train", ratio=0.9, bar=1.1, met=True, met_by="GEMM speed"),
    Row("gru", "(1, 1, 1, 9)", "torch", "infer", ratio=0.1),
    Row("gru", "(1, 1, 1, 8)", "torch", "train", error="torch failed: so"),
]


def test_the_lost_come_first_and_bars_are_counted():
    (_, shown), (_, bars) = tables(ROWS)
    assert [row["(T, B, I, H)"] for row in shown] == [ROWS[n].shape for n in (1, 4, 2, 0, 3)]
    assert bars == [
        {"bar": "torch.nn.LSTM, training", "met": 2, "missed": 1},
        {"bar": "torch.nn.LSTM, never below 0.95", "met": 2, "missed": 1},
    ]


def test_a_kept_result_is_read_again(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CPU_NAME", "haswell")
    path = tmp_path / "new" / "kept.json"
    facts = document("recurrence", ["recurrence", "--cells", "a b"], busy=True)
    keep(path, facts | {"finished": False}, ROWS[:2])
    keep(path, facts | {"finished": True}, ROWS)
    found = read(path)
    assert rows_in(found, Row, path) == ROWS
    assert [p.name for p in path.parent.iterdir()] == ["kept.json"]
    assert found["command"] == "undertow bench recurrence --cells 'a b'"
    assert found["environment"]["NUMBA_CPU_NAME"] == "haswell"
    assert found["threads"] == torch.get_num_threads()
    assert {"created", "versions", "machine", "busy", "commit"} <= set(found)
    assert {"processor", "cores", "caches", "features", "instructions"} <= set(found["machine"])


@pytest.mark.parametrize("text", ["{", "[]", '{"rows": 3, "benchmark": "recurrence"}'])
def test_no_result(tmp_path, text):
    path = tmp_path / "kept.json"
    path.write_text(text)
    with pytest.raises(DataError, match="--keep"):
        read(path)


def test_a_result_of_another_version(tmp_path):
    path = tmp_path / "kept.json"
    path.write_text(json.dumps({"benchmark": "recurrence", "rows": [{"cell": "lstm"}]}))
    with pytest.raises(DataError, match="another version"):
        rows_in(read(path), Row, path)
