"""Small experiments on a copy of a network, with inputs that it was seen to get: what does its answer depend on?

The copy is in evaluation mode; the network itself is left alone.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from undertow.doctor.seen.batches import Call, first_tensor
from undertow.flow.nested import mapped, tensors
from undertow.flow.undisturbed import draws_kept

CHANGED = 1e-3  # of the spread of the answers, above which they differ


@dataclass(frozen=True)
class Patient:
    """A copy that may be asked."""

    module: nn.Module
    call: Call

    @classmethod
    def of(cls, call: Call) -> Patient | None:
        """None where it cannot be copied or asked again."""
        try:
            made = cls(_copied(call.module).eval(), call)
            return made if made.answer() is not None else None
        except Exception:  # noqa: BLE001 - whatever a user's network may raise when asked out of turn: there is no trial
            return None

    @property
    def x(self) -> Tensor:
        """What it was given first."""
        found = first_tensor(self.call.arguments)
        if found is None:
            found = first_tensor(self.call.named)
        assert found is not None
        return found

    def answer(self, change: Callable[[Tensor], Tensor] | None = None) -> Tensor | None:
        """To its arguments, each changed so; None where it fails or says what is no number."""
        given = (self.call.arguments, self.call.named)
        arguments, named = mapped(given, change) if change is not None else given
        fresh = copy.deepcopy(self.module)  # it may keep state of its own
        try:
            with torch.no_grad(), draws_kept():
                output = first_tensor(_seeded(fresh)(*arguments, **named))
        except Exception:  # noqa: BLE001 - shapes that it does not take: no answer
            return None
        if output is None or not output.is_floating_point() or not bool(output.isfinite().all()):
            return None
        return output

    def twice(self) -> tuple[Tensor, Tensor] | None:
        """Asked the same two times in a row: does it keep state of its own?"""
        fresh = copy.deepcopy(self.module)
        try:
            with torch.no_grad(), draws_kept():
                first, second = (
                    first_tensor(_seeded(fresh)(*self.call.arguments, **self.call.named)) for _ in range(2)
                )
        except Exception:  # noqa: BLE001 - as above
            return None
        return (
            (first, second)
            if first is not None and second is not None and first.shape == second.shape
            else None
        )


def _copied(module: nn.Module) -> nn.Module:
    """With states that it keeps in attributes of its own, without their graph."""
    kept = [
        t for part in module.modules() for t in tensors(list(vars(part).values())) if t.grad_fn is not None
    ]
    memo: dict[int, Any] = {id(t): t.detach().clone() for t in kept}
    return copy.deepcopy(module, memo)


def _seeded(module: nn.Module) -> nn.Module:
    """To be called with the same draws of chance as every other time."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    return module


def differ(one: Tensor, other: Tensor, spread: float) -> bool:
    """By more than rounding?"""
    return float((one - other).abs().max()) > CHANGED * max(spread, 1e-12)


def spread_of(answers: Tensor) -> float:
    """How far do answers lie from one another?"""
    return float(answers.double().std()) if answers.numel() > 1 else 1.0


def replaced(x: Tensor, axis: int, place: int, by: int) -> Tensor:
    """One slice of it is put in the place of another."""
    made = x.clone()
    made.select(axis, place).copy_(x.select(axis, by))
    return made


def only(tensor: Tensor) -> Callable[[Any], Any]:
    """Changes nothing but the tensor of this shape and kind: stands for the first argument."""

    def change(other: Tensor) -> Tensor:
        return tensor if other.shape == tensor.shape and other.dtype == tensor.dtype else other

    return change


def count_tensors(call: Call) -> int:
    """That it was given."""
    return sum(1 for _ in tensors((call.arguments, call.named)))
