"""What no kernel can hold is refused, never computed wrongly; constants of every kind are held."""

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from agreement import assert_agree, problem
from torch import Tensor, tanh
from torch.nn.functional import linear

import undertow as ut
from cases import Case, H, I
from undertow.compiler.function import fused
from undertow.compiler.graph import NoRowError


def cell_of(body: Any) -> ut.Cell:
    """A cell whose new state is body(z, h), z the usual pre-activation."""

    class Own(ut.Cell):
        class State(NamedTuple):
            h: Tensor

        class Weights(NamedTuple):
            x: Tensor
            h: Tensor
            b: Tensor

        def init(self) -> Any:
            return self.Weights(torch.zeros(H, I), torch.zeros(H, H), torch.zeros(H))

        def step(self, x: Tensor, state: Any, w: Any) -> Any:
            return self.State(body(linear(x, w.x, w.b) + linear(state.h, w.h), state.h))

    return Own(I, H)


REFUSED = {
    "random numbers": lambda z, h: tanh(z) + torch.rand(H),
    "random rows": lambda z, h: torch.dropout(z, 0.5, True),
    "data decides": lambda z, h: tanh(z) if z.sum() > 0 else z,
    "numpy": lambda z, h: tanh(z) + torch.from_numpy(np.tanh(h.detach().numpy())),
    "sum over the batch": lambda z, h: tanh(z) - h.mean(0),
    "normalised over the batch": lambda z, h: (z - z.mean(0)) / (z.std(0) + 1),
    "sorted": lambda z, h: z.sort(-1).values,
    "cumulative": lambda z, h: z.cumsum(-1),
    "product of two states": lambda z, h: torch.bmm(z[:, None, :], h[:, :, None]).squeeze(1) * z,
    "rows meet rows": lambda z, h: (z @ h.T) @ z,
    "bits of whole numbers": lambda z, h: tanh(z) * (z.long() & 3),
    "numbers that wrap": lambda z, h: tanh(z) + (100 * z).to(torch.int8),
    "another dtype": lambda z, h: tanh(z.float()).double(),
}
HELD = {
    "a number": lambda z, h: tanh(z) * 0.5 + 1e-3,
    "infinity": lambda z, h: torch.where(z > 0, z.tanh(), float("-inf")).clamp(min=-1),
    "a vector": lambda z, h: tanh(z) * torch.arange(H),
    "a list": lambda z, h: tanh(z) * torch.tensor([1.0, 2, 3, 4, 5], dtype=z.dtype),
    "a list of float32": lambda z, h: tanh(z) * torch.tensor([1.0, 2, 3, 4, 5]),
    "a mask": lambda z, h: torch.where(torch.arange(H) < 2, z.tanh(), h),
    "a matrix": lambda z, h: tanh(z) @ torch.eye(H, dtype=z.dtype).flip(0),
    "zeros of the batch": lambda z, h: tanh(z) + torch.cat([h[:, :2], torch.zeros(len(z), H - 2).to(z)], 1),
    "ones like the state": lambda z, h: tanh(z) + torch.ones_like(h),
    "an assignment": lambda z, h: _assigned(z, h),
    "an inner loop": lambda z, h: _looped(z, h),
}


def _assigned(z: Tensor, h: Tensor) -> Tensor:
    new = torch.zeros_like(h)
    new[:, :2] = tanh(z[:, 1:3])
    new[:, 2:] += h[:, :3]
    return new.mul_(0.5)


def _looped(z: Tensor, h: Tensor) -> Tensor:
    for n in range(3):
        h = h + 0.1 * tanh(z - n * h)
    return h


@pytest.mark.parametrize("body", REFUSED.values(), ids=list(REFUSED))
def test_it_is_refused(body):
    made = problem(Case("", cell_of(body)), steps=2, batch=3)
    with pytest.raises(NoRowError):
        made.walk(fused)


def test_cells_that_are_equal_but_for_what_was_set_by_hand_are_not_one():
    slow, fast = (cell_of(lambda z, h: tanh(z)) for _ in range(2))
    body = type(slow)

    class Scaled(body):
        def step(self, x: Tensor, state: Any, w: Any) -> Any:
            return self.State(self.scale * super().step(x, state, w).h)

    slow, fast = Scaled(I, H), Scaled(I, H)
    object.__setattr__(slow, "scale", 0.1)
    object.__setattr__(fast, "scale", 3.0)
    assert slow == fast
    for cell in (slow, fast):
        assert_agree(problem(Case("", cell), steps=3, batch=4))


def test_a_step_that_was_replaced_is_compiled_anew(monkeypatch):
    cell = ut.cells.RNN(I, H)
    assert_agree(problem(Case("", cell), steps=3, batch=4))
    monkeypatch.setattr(
        ut.cells.RNN, "step", lambda self, x, s, w: self.State(linear(x, w.x, w.b) - linear(s.h, w.h))
    )
    assert_agree(problem(Case("", cell), steps=3, batch=4))


@pytest.mark.parametrize("body", HELD.values(), ids=list(HELD))
def test_constants_are_held(body):
    assert_agree(problem(Case("", cell_of(body)), steps=3, batch=4))


def test_the_refusal_names_the_op_and_the_line():
    made = problem(Case("", cell_of(REFUSED["cumulative"])), steps=2, batch=3)
    with pytest.raises(NoRowError, match=r"cumsum.*test_no_row\.py:\d+"):
        made.walk(fused)
