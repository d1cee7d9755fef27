"""The second process that compiles: it makes what the first would, and nothing depends on it."""

import ctypes
import os
import signal
import time

import numpy as np
import pytest

from undertow.compiler import aside
from undertow.compiler.aside import Aside
from undertow.compiler.source import of_source

SOURCE = """
from numba import njit
from undertow.compiler.atomic import integers
def share(address):
    call = integers(address)
    call[0] = {factor} * call[0]
"""
pytestmark = pytest.mark.skipif(os.name != "posix", reason="no second process here")


@pytest.fixture
def helper(tmp_path, monkeypatch):
    """A second process of this test's own, on an empty folder; the machine is taken to be idle."""
    monkeypatch.setenv("UNDERTOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(aside.os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    made = Aside()
    monkeypatch.setattr("undertow.compiler.machine_code.ASIDE", made)
    of_source.cache_clear()
    yield made
    made.stop()


def times(factor):
    return of_source(SOURCE.format(factor=factor), f"times{factor}")


def result(stored):
    number = np.array([7], np.int64)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(stored.address)(number.ctypes.data)
    return int(number[0])


@pytest.fixture
def compiled(monkeypatch):
    """The names of what this process compiled."""
    names = []
    compile = type(times(1))._compile
    monkeypatch.setattr(type(times(1)), "_compile", lambda self: (names.append(self.name), compile(self))[1])
    return names


def test_what_it_compiles_is_loaded_here(helper, compiled):
    helper.begin([times(2), times(3)])
    assert [result(times(2)), result(times(3))] == [14, 21]
    assert compiled == []
    helper.begin([times(2)])  # it is there: nobody is asked
    assert str(times(2).path) not in helper._asked


def test_what_it_has_not_begun_is_compiled_here(helper, compiled):
    helper.begin([times(2), times(3), times(4)])
    assert result(times(4)) == 28
    assert compiled == ["times4"]
    assert result(times(2)) == 14
    assert compiled == ["times4"]


def test_when_it_is_killed_all_is_compiled_here(helper, compiled):
    helper.begin([times(2)])
    os.kill(helper._process.pid, signal.SIGKILL)
    assert result(times(2)) == 14
    assert compiled == ["times2"]
    assert helper._process is None
    helper.begin([times(5)])  # and a new one is started
    assert result(times(5)) == 35
    assert compiled == ["times2"]


def test_what_it_cannot_compile_is_said_here(helper):
    wrong = of_source("def share(address):\n    return address.nothing\n", "wrong")
    helper.begin([wrong])
    with pytest.raises(Exception, match="nothing"):
        _ = wrong.address


@pytest.mark.parametrize("why", ["busy", "read-only", "one core", "another program"])
def test_where_there_is_no_room_nothing_is_started(why, helper, compiled, monkeypatch, tmp_path):
    if why == "busy":
        monkeypatch.setattr(aside.os, "getloadavg", lambda: (64.0, 0.0, 0.0))
    elif why == "one core":
        monkeypatch.setattr(aside.os, "sched_getaffinity", lambda _: {0}, raising=False)
    elif why == "another program":
        monkeypatch.setattr(aside.sys, "executable", "/usr/bin/painter")
    else:
        monkeypatch.setattr(aside.os, "access", lambda *_: False)
    helper.begin([times(6)])
    assert helper._process is None
    assert result(times(6)) == 42
    assert compiled == ["times6"]


def test_it_ends_with_the_first_process(helper):
    helper.begin([times(2)])
    process = helper._process
    process.stdin.close()
    process.stdin = None
    end = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    assert process.poll() == 0
