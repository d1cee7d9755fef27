"""Kernel against eager loop: outputs and all gradients, for every cell we ship and every cell of the literature."""

import pytest
import torch
from agreement import (
    BUILT_IN,
    EVERY,
    LITERATURE,
    assert_agree,
    assert_as_exact,
    case_named,
    problem,
    with_everything,
)

from undertow.compiler.function import fused


@pytest.mark.parametrize("case", BUILT_IN, ids=str)
def test_kernel_agrees_with_loop(case):
    assert_agree(problem(case))
    assert_agree(problem(case, reverse=True))


@pytest.mark.parametrize("case", EVERY, ids=str)
def test_kernel_agrees_with_lengths_masks_and_zoneout(case):
    made = problem(case)
    assert_agree(with_everything(made))
    assert_agree(with_everything(made, reverse=False))


@pytest.mark.parametrize("case", EVERY, ids=str)
def test_kernel_agrees_in_float32(case):
    assert_as_exact(problem(case, dtype=torch.float32))


@pytest.mark.parametrize("case", EVERY, ids=str)
def test_gradients_agree_with_finite_differences(case):
    if case.name == "spiking_units":
        pytest.skip("its gradient is a surrogate by design")
    made = with_everything(problem(case, steps=3, batch=2))
    fields = len(made.start)

    def walk(x, *tensors):
        start, weights = made.cell.State(*tensors[:fields]), made.cell.Weights(*tensors[fields:])
        states, last = fused(made.cell, x, start, weights, made.course)
        return (*states, *last)

    assert torch.autograd.gradcheck(walk, [made.x, *made.start, *made.weights], fast_mode=True, atol=1e-4)


def test_the_literature_is_broad():
    assert len(LITERATURE) >= 20
    widths = {tuple(s.shape[-1] for s in case.cell.start(1)) for case in LITERATURE}
    assert {len(w) for w in widths} >= {1, 2, 3, 4}  # so many states
    assert any(len(set(w)) > 1 for w in widths)  # of several sizes


def test_without_gradients_the_outputs_are_the_same():
    made = problem(case_named("lstm"))
    with torch.no_grad():
        alone = made.walk(fused)
    torch.testing.assert_close(alone, [o.detach() for o in made.walk(fused)], rtol=0, atol=0)
