"""What callers do: odd strides, frozen or shared weights, Inf and NaN, changes between calls."""

from dataclasses import replace

import pytest
import torch
from agreement import assert_agree, case_named, problem

from cases import H, I
from undertow.compiler.function import fused
from undertow.unroll.chain import chain

PAIR = pytest.mark.parametrize("name", ["lstm", "reset_before_gru"])


def with_x(made, x):
    return replace(made, x=x.requires_grad_())


@PAIR
@pytest.mark.parametrize(
    "odd",
    [
        lambda x: x.transpose(0, 1).contiguous().transpose(0, 1),  # batch first in memory
        lambda x: x.repeat_interleave(2, 2)[:, :, ::2],
        lambda x: x.repeat(2, 2, 1)[1::2, ::2],
        lambda x: x[:1].expand(x.shape),  # one step, seen again and again
        lambda x: x[:, :1].expand(x.shape),
        lambda x: x[:, :, :1].expand(x.shape),
        lambda x: torch.cat([x.new_zeros(1), x.flatten()])[1:].view(x.shape),  # off by one number in memory
    ],
    ids=[
        "batch first",
        "every second feature",
        "every second row",
        "one step",
        "one row",
        "one feature",
        "shifted",
    ],
)
def test_x_may_lie_in_memory_as_it_likes(name, odd):
    made = problem(case_named(name))
    assert_agree(with_x(made, odd(made.x.detach())))


@PAIR
def test_start_and_weights_may_lie_as_they_like(name):
    made = problem(case_named(name))
    start = type(made.start)(*(s.detach()[:1].expand(s.shape).requires_grad_() for s in made.start))
    turned = (
        w.detach().mT.contiguous().mT if w.dim() > 1 else w.detach()[:1].expand(w.shape) for w in made.weights
    )
    weights = type(made.weights)(*(w.requires_grad_() for w in turned))
    assert_agree(replace(made, start=start, weights=weights))


@PAIR
def test_a_gradient_may_come_into_some_outputs_only(name):
    made = problem(case_named(name))
    count = 2 * len(made.start)
    for reach in [[n] for n in range(count)] + [list(range(count // 2, count))]:
        assert_agree(made, reach=reach)


@PAIR
def test_an_expanded_gradient_is_read_as_it_is(name):
    """`.sum().backward()` sends one number, spread over all outputs."""
    made = problem(case_named(name))
    found = []
    for by in (fused, chain):
        loss = sum(o.sum() for o in made.walk(by))
        found.append(torch.autograd.grad(loss, [made.x, *made.start, *made.weights]))
    torch.testing.assert_close(*found, rtol=1e-10, atol=1e-10)


@PAIR
def test_frozen_inputs(name):
    made = problem(case_named(name))
    everything = [made.x, *made.start, *made.weights]
    for only in range(len(everything)):
        for n, tensor in enumerate(everything):
            tensor.requires_grad_(n == only)
        assert_agree(made)


@PAIR
def test_weights_shared_by_two_layers(name):
    """The same weights walk twice, the second time over what the first gave; their gradients add up."""
    made = problem(case_named(name))
    found = []
    for by in (fused, chain):
        first = by(made.cell, made.x, made.start, made.weights)[0][0]
        second = by(made.cell, first[..., :I].tanh(), made.start, made.weights)[0][0]
        found.append(torch.autograd.grad((second * first).sum(), [made.x, *made.start, *made.weights]))
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-10)


@PAIR
def test_weights_changed_in_place_between_calls(name):
    made = problem(case_named(name))
    assert_agree(made)
    with torch.no_grad():
        for weight in made.weights:
            weight.mul_(-0.5).add_(0.1)
    assert_agree(made)


@PAIR
def test_weights_changed_before_backward_are_noticed(name):
    """Autograd's own rule: what backward needs must not have changed."""
    made = problem(case_named(name))
    loss = made.walk(fused)[0].sum()
    with torch.no_grad():
        made.weights.h.add_(1)
    with pytest.raises(RuntimeError, match="modified"):
        loss.backward()


@PAIR
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")], ids=str)
def test_nan_and_inf_go_where_the_eager_loop_sends_them(name, dtype, value):
    made = problem(case_named(name), dtype=dtype)
    x = made.x.detach().clone()
    x[2, 3, 1] = value
    got, wanted = (with_x(made, x).walk(by) for by in (fused, chain))
    for ours, theirs in zip(got, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5, equal_nan=True)
    hit = got[0].detach()[:, 3]
    assert torch.isfinite(got[0].detach()[:, [0, 1, 2, 4, 5, 6]]).all()  # rows stay apart
    assert torch.isfinite(hit[:2]).all()
    assert hit[2:].isnan().all() == (value != value)


@PAIR
def test_nan_in_a_weight_reaches_all_rows(name):
    made = problem(case_named(name))
    with torch.no_grad():
        made.weights.h[1, 1] = float("nan")
    for ours, theirs in zip(*(made.walk(by) for by in (fused, chain)), strict=True):
        torch.testing.assert_close(ours.isnan(), theirs.isnan())


@PAIR
@pytest.mark.parametrize("scale", [1e-39, 1e-44], ids=str)
def test_denormals_are_numbers(name, scale):
    made = problem(case_named(name), dtype=torch.float32)
    start = type(made.start)(*((s.detach() * scale).requires_grad_() for s in made.start))
    small = replace(with_x(made, made.x.detach() * scale), start=start)
    assert_agree(small, tolerance=2e-5)


def test_inputs_are_left_alone():
    made = problem(case_named("lstm"))
    tensors = [made.x, *made.start, *made.weights]
    before = [t.detach().clone() for t in tensors]
    assert_agree(made)
    for tensor, old in zip(tensors, before, strict=True):
        torch.testing.assert_close(tensor.detach(), old, rtol=0, atol=0)


def test_backward_may_run_twice_and_calls_may_be_nested():
    made = problem(case_named("lstm"))
    first, second = made.walk(fused)[0], made.walk(fused)[0]
    inputs = [made.x, *made.weights]
    a = torch.autograd.grad(first.sum(), inputs, retain_graph=True)
    b = torch.autograd.grad(second.sum(), inputs)
    c = torch.autograd.grad(first.sum(), inputs)
    torch.testing.assert_close(a, b, rtol=1e-12, atol=0)
    torch.testing.assert_close(a, c, rtol=0, atol=0)
    assert made.x.shape[-1] == I
    assert first.shape[-1] == H
