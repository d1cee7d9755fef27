"""Threads, forks and pickles: a kernel is shared by all of them."""

import os
import pickle
import threading
import warnings

import pytest
import torch
from agreement import case_named, problem, results

import undertow as ut
from undertow import cells
from undertow.compiler.function import fused
from undertow.unroll.chain import chain


def test_two_threads_call_at_once():
    """Different rows, the same kernel: each gets its own numbers, and its own gradients."""
    made = [problem(case_named("lstm"), steps=30, batch=9 + n) for n in range(4)]
    wanted = [results(m, chain) for m in made]
    wrong: list[int] = []

    def work(n):
        for _ in range(10):
            found = results(made[n], fused)
            if not all(
                torch.allclose(a, b, rtol=1e-9, atol=1e-10) for a, b in zip(found, wanted[n], strict=True)
            ):
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(made))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_walks_too():
    """As a data loader's worker would, after the parent has used its threads."""
    made = problem(case_named("lstm"), steps=5, batch=16)
    wanted = [o.detach() for o in made.walk(fused)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads
        child = os.fork()
    if child == 0:
        status = 1
        try:
            with torch.no_grad():
                found = made.walk(fused)
            status = 0 if all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True)) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_module_is_pickled_after_use():
    layer = ut.Recurrent(cells.LSTM(3, 5), layers=2, bidirectional=True, engine="numba")
    x = torch.randn(4, 7, 3)
    y, _ = layer(x)
    y.sum().backward()
    again = pickle.loads(pickle.dumps(layer))  # noqa: S301 - our own bytes
    torch.testing.assert_close(again(x)[0], y, rtol=0, atol=0)
