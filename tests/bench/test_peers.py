"""Every peer that is here, on a tiny problem: outputs and all gradients agree with the kernel's, and rows come out."""

import importlib.util
from functools import partial

import pytest
import torch
from tiny_shape import TINY

from undertow import cells
from undertow.bench import named, peers, recurrence
from undertow.bench.agree import disagreement
from undertow.bench.named import USERS
from undertow.bench.peers import PEERS
from undertow.bench.plain_loop import eager, exact, too_long, torch_compiled
from undertow.bench.problem import pose
from undertow.bench.recurrence import Wanted, measure
from undertow.bench.shape import Shape
from undertow.bench.torch_layers import kernel
from undertow.cells import catalog

HERE = [name for name in PEERS if name not in ("torch-compile", "jax")]
jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")


def assert_agree(found, base):
    assert set(found) == set(base) >= {"y", "y in inference", "dx", "dw.x", "dstart.h"}
    assert disagreement(found, base) == ""
    assert all(torch.isfinite(t).all() and t.any() for t in found.values())


@pytest.mark.parametrize(
    ("against", "name"),
    [
        *(("torch", name) for name in ("lstm", "gru", "rnn")),
        *(pytest.param("jax", name, marks=jax) for name in ("lstm", "peephole_lstm", "reset_before_gru")),
    ],
)
def test_a_peer_agrees_with_the_plain_loop(against, name):
    problem = pose(name, named.find(name), TINY)
    (match,) = PEERS[against].matches(problem)
    assert_agree(match.base().results(), eager(problem).results())


@pytest.mark.parametrize("name", USERS)
def test_kernels_of_users_cells_agree(name):
    problem = pose(name, USERS[name], TINY)
    assert_agree(kernel(problem).results(), eager(problem).results())


def test_packed_sequences_agree_in_all_three_ways():
    problem = pose("lstm", cells.LSTM, Shape(9, 5, 4, 6), mixed=True)
    matches = PEERS["packed"].matches(problem)
    assert [match.way for match in matches] == [
        "Recurrent, packed",
        "Recurrent, lengths",
        "undertow.LSTM, packed",
    ]
    for match in matches:
        assert_agree(match.ours().results(), match.base().results())


def test_the_loop_in_double_agrees():
    problem = pose("lstm", cells.LSTM, TINY)
    assert disagreement(eager(problem).results(), exact(problem)) == ""


def test_a_row_of_every_peer(quick_roofs, monkeypatch):
    monkeypatch.setattr(peers, "_no_jax", lambda: "")
    against = (*HERE, "jax") if importlib.util.find_spec("jax") else tuple(HERE)
    monkeypatch.setitem(vars(PEERS["jax"]), "missing", lambda: "")
    wanted = Wanted(against, ("lstm",), (TINY,), seconds=0.0)
    rows = list(measure(wanted, lambda text: None))
    assert {row.against for row in rows} == set(against)
    assert [row.error for row in rows] == [""] * len(rows)
    assert all({r.mode for r in rows if r.against == name} == {"infer", "train"} for name in against)
    assert len({row.way for row in rows if row.against == "packed"}) == 3
    assert all(row.ratio > 0 and row.low <= row.ratio <= row.high and row.pairs >= 7 for row in rows)
    assert all(row.of_gemm == pytest.approx(row.gflops / 100) for row in rows)
    assert all(row.of_bandwidth is None for row in rows)


def test_batch_one_tells_the_bandwidth(quick_roofs):
    wanted = Wanted(("eager",), ("rnn",), (Shape(5, 1, 4, 6),), seconds=0.0)
    row = next(measure(wanted, lambda text: None))
    assert row.gbytes == pytest.approx(5 * 4 * 36 / row.ours_ms / 1e6)
    assert row.of_bandwidth == pytest.approx(row.gbytes / 10)


def test_torch_compile(quick_roofs, monkeypatch):
    """Without its C compiler, which takes a minute; the compile row holds both first calls."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    monkeypatch.setattr(recurrence, "cold", lambda cell, shape: 0.5)
    rows = list(measure(Wanted(("torch-compile",), ("rnn",), (TINY,), seconds=0.0), lambda text: None))
    assert [(row.mode, row.error) for row in rows] == [("train", ""), ("compile", "")]
    assert rows[1].ours_ms == 500
    assert rows[1].ratio == pytest.approx(rows[1].base_ms / 500)
    assert rows[1].bar == 20


def test_torch_compile_of_a_long_sequence_is_foretold(monkeypatch):
    """On a straight line: 3 s at T = 10 and 6 s at T = 25 make 101 s at T = 500."""
    monkeypatch.setattr("undertow.bench.plain_loop._seconds_at", lambda problem, steps: 1 + steps / 5)
    assert too_long(pose("lstm", cells.LSTM, Shape(100, 1, 2, 3))) == ""
    told = too_long(pose("lstm", cells.LSTM, Shape(500, 1, 2, 3)))
    assert "about 101 s" in told
    assert "3.0 s at T = 10 and 6.0 s at T = 25" in told


def test_compiled_loop_says_how_long_its_first_call_took(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, **settings: function)
    problem = pose("rnn", cells.RNN, TINY)
    side = torch_compiled(problem)
    assert side.first_seconds > 0
    assert disagreement(eager(problem).results(), side.results()) == ""


def test_cells_of_other_work_are_not_held_against_our_lstm():
    refuses = PEERS["own"].refuses
    assert all(refuses(kind) == "" for kind in (*USERS.values(), cells.PeepholeLSTM))
    assert "0.75 times an LSTM's" in refuses(cells.CoupledLSTM)
    assert PEERS["torch"].refuses(cells.PeepholeLSTM).startswith("torch.nn has no such layer")


def test_jax_must_have_as_many_threads(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1, 2, 3})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: True)
    assert "taskset -c 0-0 undertow bench recurrence --threads 1" in PEERS["jax"].missing()
    torch.set_num_threads(4)
    assert PEERS["jax"].missing() == ""


def test_every_cell_of_a_file(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "import undertow as ut\nclass A(ut.cells.LSTM): pass\nclass B(A):\n    def step(self): pass\n"
    )
    assert named.expand(["lstm", f"{file}:*"]) == ["lstm", f"{file}:B"]
    assert named.find(f"{file}:B").__name__ == "B"
    assert named.find("Turned-LSTM") is USERS["turned_lstm"]
    assert set(USERS).isdisjoint(catalog.built_in())
