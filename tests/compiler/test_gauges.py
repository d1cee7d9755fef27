"""Gauges: ‖∂L/∂state‖² of every step and row, as autograd gives it, from the loop and from the kernel alike."""

from dataclasses import replace

import pytest
import torch
from agreement import assert_near, case_named, problem, with_everything

from undertow.compiler.function import fused
from undertow.unroll.chain import chain
from undertow.unroll.gauges import blank


def gauged(made, by):
    """The gauges after a backward pass, and the gradient of x."""
    gauges = blank(made.x, made.start)
    states, last = by(made.cell, made.x, made.start, made.weights, replace(made.course, gauges=gauges))
    loss = sum((s * s.detach().cos()).sum() for s in (*states, *last))
    return gauges, torch.autograd.grad(loss, made.x)[0]


def tapped(made):
    """The same by the taps of the loop: the whole gradient of every state."""
    taps = tuple(made.x.new_zeros(len(made.x), *s.shape).requires_grad_() for s in made.start)
    states, last = chain(made.cell, made.x, made.start, made.weights, replace(made.course, taps=taps))
    loss = sum((s * s.detach().cos()).sum() for s in (*states, *last))
    return [g.square().sum(2) for g in torch.autograd.grad(loss, taps)]


@pytest.mark.parametrize("case", [case_named(n) for n in ("lstm", "gru", "peephole_lstm")], ids=str)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("full", [False, True])
def test_loop_and_kernel_gauge_what_autograd_gives(case, reverse, full):
    made = problem(case, reverse=reverse)
    made = with_everything(made, reverse) if full else made
    wanted = tapped(made)
    for by in (chain, fused):
        gauges, _ = gauged(made, by)
        for got, true in zip(gauges, wanted, strict=True):
            assert_near(got, true, 1e-10)


def test_gauging_changes_no_gradient():
    made = problem(case_named("lstm"), dtype=torch.float32)
    _, with_gauges = gauged(made, fused)
    states, last = fused(made.cell, made.x, made.start, made.weights, made.course)
    loss = sum((s * s.detach().cos()).sum() for s in (*states, *last))
    assert torch.equal(with_gauges, torch.autograd.grad(loss, made.x)[0])
