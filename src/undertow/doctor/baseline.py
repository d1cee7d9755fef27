"""What does it cost to say the same of everything? The loss that a network must beat before it has learned anything.

    of cross-entropy    the entropy of the targets' shares
    of binary cross-entropy    the entropy of the share of ones, a column of targets each
    of squared error    the targets' variance, as it is in a usual batch: a wild row in one of them is not the rule
    of smooth L1 and Huber    what it costs to say the mean of all, or the middle one, whichever is less

What a script masks, by factors of 0, is no part of it. A loss of several known ones (two heads, a loss a step of time)
costs what they cost together, each with the factor it stands in the sum with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median

import torch
from torch import Tensor
from torch.nn import functional

from undertow.doctor.seen.lines import Line
from undertow.doctor.seen.losses import HEADS, Loss
from undertow.doctor.seen.study import Study

USUAL = 16  # numbers in a batch, from which on a batch has a variance of its own

Slot = tuple[Line, int]  # a line, and which of its losses


def baseline(studies: Sequence[Study]) -> float | None:
    """From the targets that were seen; None where they were not, or are of another loss."""
    return _together(studies, _each)


def silence(studies: Sequence[Study]) -> float | None:
    """What it costs to say 0, of numbers: targets that lie far from 0 make it much more than the baseline. Of classes
    the baseline. None where unknown."""
    return _together(studies, _of_zero)


def _together(studies: Sequence[Study], each: Callable[[Sequence[Loss]], float | None]) -> float | None:
    slots = _slots(studies)
    costs = [
        cost * sum(loss.share or 0.0 for loss in losses)
        for losses in slots.values()
        if (cost := each(losses)) is not None
    ]
    total = sum(costs)
    return total / len(studies) if costs and total > 0 else None


def _slots(studies: Sequence[Study]) -> dict[Slot, list[Loss]]:
    """Losses of one head, over all backward passes."""
    found: dict[Slot, list[Loss]] = {}
    for study in studies:
        known = [loss for loss in study.losses if loss.target is not None and loss.share is not None]
        lines = Counter(loss.line for loss in known)
        seen: Counter[Line] = Counter()
        for loss in known:
            place = seen[loss.line] if lines[loss.line] <= HEADS else 0
            seen[loss.line] += 1
            found.setdefault((loss.line, place), []).append(loss)
    return found


def _each(losses: Sequence[Loss]) -> float | None:
    """Of an element, in the mean."""
    targets, first = _targets(losses), losses[0]
    if not targets:
        return None
    if first.kind == "cross-entropy":
        return _of_classes(targets, first.ignored)
    if first.kind == "binary cross-entropy":
        return _of_two(targets)
    if first.kind in ("smooth L1", "Huber"):
        return _of_smooth(targets, first.bend, first.kind == "Huber")
    return of_numbers(targets) if first.kind == "squared error" else None


def _of_zero(losses: Sequence[Loss]) -> float | None:
    targets, first = _targets(losses), losses[0]
    numbers = [t.double().flatten() for t in targets]
    if targets and first.kind == "squared error":
        return median(float(t.square().mean()) for t in numbers)
    if targets and first.kind in ("smooth L1", "Huber") and first.bend:
        huber = first.kind == "Huber"
        return median(_smooth(t, t.new_zeros(()), first.bend, huber) for t in numbers)
    return _each(losses)


def _targets(losses: Sequence[Loss]) -> list[Tensor]:
    """What is masked left out: whole rows, where they are; else elements."""
    found = []
    for loss in losses:
        target, weights = loss.target, loss.weights
        if target is not None and weights is not None and weights.numel() == target.numel():
            kept = weights.reshape(target.shape) != 0
            rows = kept.flatten(1).all(1) if kept.dim() > 1 else kept
            target = target[rows if int(rows.sum()) * kept[0].numel() == int(kept.sum()) else kept]
        if target is not None and target.numel():
            found.append(target)
    return found


def _of_classes(targets: Sequence[Tensor], ignored: int | None) -> float | None:
    if any(t.is_floating_point() for t in targets):
        return None
    classes = torch.cat([asked_for(t, ignored) for t in targets])
    counts = counts_of(classes)
    shares = counts.double() / counts.sum()
    return float(-(shares * shares.log()).sum())


def asked_for(classes: Tensor, ignored: int | None) -> Tensor:
    """Those that are neither below 0 nor left out."""
    return classes[(classes >= 0) & (classes != ignored)]


def counts_of(classes: Tensor) -> Tensor:
    """How often each that is there is there."""
    found: tuple[Tensor, Tensor] = classes.unique(return_counts=True)  # type: ignore[no-untyped-call]
    return found[1]


def _of_two(targets: Sequence[Tensor]) -> float | None:
    wide = {t.shape[1] for t in targets if t.dim() == 2}
    columns = wide.pop() if len(wide) == 1 and all(t.dim() == 2 for t in targets) else 1
    ones = torch.cat([t.double().reshape(-1, columns) for t in targets]).mean(0)
    if not bool(((ones >= 0) & (ones <= 1)).all()):
        return None
    return float(-(torch.xlogy(ones, ones) + torch.xlogy(1 - ones, 1 - ones)).mean())


def of_numbers(targets: Sequence[Tensor]) -> float:
    """The least mean square of what is left, batches in which a number is wild left aside."""
    batches = [t.double().flatten() for t in targets]
    if min(map(len, batches)) < USUAL:
        return float(torch.cat(batches).var(correction=0))
    middle = median(float(b.mean()) for b in batches)
    return median(float((b - middle).square().mean()) for b in batches)


def _of_smooth(targets: Sequence[Tensor], bend: float | None, huber: bool) -> float | None:
    """Of lines with a round bottom (Huber 1964; Girshick 2015, which divides by where they bend), in a usual batch."""
    if not bend:
        return None
    batches = [t.double().flatten() for t in targets]
    every = torch.cat(batches)

    best = min((every.mean(), every.median()), key=lambda said: _smooth(every, said, bend, huber))
    if min(map(len, batches)) < USUAL:
        return _smooth(every, best, bend, huber)
    return median(_smooth(batch, best, bend, huber) for batch in batches)


def _smooth(batch: Tensor, said: Tensor, bend: float, huber: bool) -> float:
    cost = float(functional.smooth_l1_loss(batch, said.expand_as(batch), beta=bend))
    return cost * bend if huber else cost
