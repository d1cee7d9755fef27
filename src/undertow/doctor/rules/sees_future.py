"""The network is asked to foretell what it has been given already.

Sign: the target of a step stands in the input of a later one, and the answer at that step depends on it.
Harm: an implausibly low loss; nothing is learned that helps where the future is not known.
Looks like it: a bidirectional network that tags what it has been given whole.
Remedy: one direction only; a causal mask.
Sources: Vaswani et al. 2017 (masking).
Planted: a bidirectional network for forecasting.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.seen.batches import Call, first_tensor
from undertow.doctor.trials import Patient, differ, only, spread_of
from undertow.doctor.verdict import Verdict

LAGS = 4  # steps ahead that are looked for
SAME = 0.98  # of targets


def judge(case: Case) -> Verdict | None:
    """Is the target in the input, and does the answer see it there?"""
    for call in [c for c in case.calls if c.target is not None][:4]:
        x = first_tensor(call.arguments)
        if x is None or x.dim() < 2 or call.target is None:
            continue
        for axis in (0, 1):
            ahead = _ahead(x, call.target, axis)
            if ahead is not None and _sees(call, axis, ahead):
                return found(
                    0.95,
                    f"{call.name} is to tell what comes {ahead} step{'s' if ahead > 1 else ''} later, and sees "
                    "it: its answer at a step changes "
                    "with inputs of later steps.",
                    at(call.line, module=call.name),
                    ahead=ahead,
                    time_axis=axis,
                )
    return None


def _ahead(x: Tensor, target: Tensor, axis: int) -> int | None:
    """How many steps later does the input hold the target? The loss may leave out the first steps of the answer."""
    steps, rows = x.shape[axis], x.shape[1 - axis]
    if steps < 6 or x.is_floating_point() != target.is_floating_point():
        return None
    features = (x.transpose(0, 1) if axis else x).reshape(steps, rows, -1)
    for y in _by_steps(target, (steps, rows), axis):
        left_out = steps - len(y)
        for ahead in range(1, LAGS + 1):
            later = features[left_out + ahead :]
            for first in range(features.shape[2] - y.shape[2] + 1):
                if _same(later[..., first : first + y.shape[2]], y[: len(later)]):
                    return ahead
    return None


def _by_steps(target: Tensor, sizes: tuple[int, int], axis: int) -> Iterator[Tensor]:
    """(steps, rows, features), for as many steps as it may hold."""
    steps, rows = sizes
    if not target.numel() or target.numel() % rows:
        return
    per_row = target.numel() // rows
    known = target.dim() > 1 and target.shape[1 - axis] == rows and target.shape[axis] <= steps
    counts = [target.shape[axis]] if known else [steps] if per_row % steps == 0 else [per_row]
    for count in counts:
        if steps // 2 <= count <= steps and per_row % count == 0:
            shape = (rows, count) if axis else (count, rows)
            y = target.reshape(*shape, per_row // count)
            yield y.transpose(0, 1) if axis else y


def _same(inputs: Tensor, target: Tensor) -> bool:
    """But for a number that all of them are apart: classes are counted from 0, words from 1."""
    if not bool((target != target.flatten()[0]).any()):
        return False
    if target.is_floating_point():
        return float(torch.isclose(inputs, target, atol=1e-6).double().mean()) > SAME
    apart = inputs - target
    return float((apart == apart.flatten().mode().values).double().mean()) > SAME


def _sees(call: Call, axis: int, ahead: int) -> bool:
    patient = Patient.of(call)
    if patient is None:
        return False
    x = patient.x
    steps, middle = x.shape[axis], x.shape[axis] // 2
    changed = x.clone()
    later = changed.narrow(axis, middle + 1, steps - middle - 1)
    later.copy_(later.roll(1, 1 - axis) if x.shape[1 - axis] > 1 else later.flip(axis))
    before, after = patient.answer(), patient.answer(only(changed))
    if before is None or after is None or before.shape != after.shape:
        return False
    shape = before.shape
    if shape[0] == x.shape[0] * x.shape[1]:
        before, after = (t.reshape(x.shape[0], x.shape[1], -1) for t in (before, after))
        own = axis
    elif shape[:2] == x.shape[:2]:
        own = axis
    else:
        own = next((n for n, size in enumerate(shape) if size == steps), -1)
    if own < 0 or own >= before.dim():
        return False
    return differ(before.narrow(own, 0, middle + 1), after.narrow(own, 0, middle + 1), spread_of(before))


RULE = Rule("T112", "sees the future", judge, ("causal",), explains=("L110",), wiring=True)
