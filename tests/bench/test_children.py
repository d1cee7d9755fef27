"""Measurements that need a process of their own: compiling, memory, a busy neighbour."""

import os
import time

import pytest

from undertow import cells
from undertow.bench import compile_time, memory
from undertow.bench.busy import neighbour
from undertow.bench.child import ChildError, ask
from undertow.bench.problem import pose
from undertow.bench.resident import parts
from undertow.bench.shape import Shape


def test_compiling_from_nothing_and_from_a_filled_cache():
    told = []
    cold, cached = compile_time.measure(("rnn",), (3,), told.append)
    assert (cold.cache, cached.cache, cold.error, cached.error) == ("empty", "filled", "", "")
    assert (cold.bar, cached.bar) == (5.0, 0.3)
    assert cold.seconds > cached.seconds > 0
    assert (cold.numba_loaded, cached.numba_loaded) == (True, False)
    for row in (cold, cached):
        assert row.met == (row.seconds <= row.bar)
        assert row.import_torch_s > 0
    assert len(told) == 2


def test_what_fails_in_the_process_is_said():
    with pytest.raises(ChildError, match="There is no cell 'none'"):
        ask("undertow.bench.cold", {"cell": "none", "shape": "1,1,1,1", "threads": 1})


def test_a_failing_process_is_a_lost_row(monkeypatch):
    def fail(*args, **settings):
        raise ChildError("no memory")

    monkeypatch.setattr(memory, "ask", fail)
    monkeypatch.setattr(compile_time, "ask", fail)
    rows = [
        *memory.measure(("rnn",), (), lambda t: None),
        *compile_time.measure(("rnn",), (3,), lambda t: None),
    ]
    assert [(row.error, row.lost) for row in rows] == [("no memory", True)] * 4


@pytest.mark.skipif(not memory.CLEAR.exists(), reason="the system does not tell a process its peak")
def test_memory_is_at_least_what_must_be_kept():
    (row,) = memory.measure(("rnn",), (Shape(2000, 4, 64, 64),), lambda text: None)
    assert row.error == ""
    assert row.kept_bytes == sum(row.parts.values())
    assert 0.9 < row.ratio < 4
    assert row.met == (row.ratio <= 1.2)


def test_what_must_be_kept_of_an_rnn():
    """x, its gradient, states, dy and the gradient before tanh; nothing else, for tanh' follows from the state."""
    steps, batch, inputs, hidden = 7, 3, 4, 5
    found = parts(pose("rnn", cells.RNN, Shape(steps, batch, inputs, hidden)))
    sequence = 4 * steps * batch
    assert found == {
        "x": sequence * inputs,
        "states": sequence * hidden,
        "kept": 0,
        "dy": sequence * hidden,
        "dx": sequence * inputs,
        "gradients before the loop": sequence * hidden,
        "weight gradients": 4 * hidden * (inputs + hidden + 1),
    }


def test_a_busy_neighbour_lives_as_long_as_the_context():
    def ticks():
        return os.times().children_user

    before = ticks()
    with neighbour(True):
        time.sleep(0.3)
    assert ticks() - before > 0.1
    with neighbour(False):
        pass
