"""State that is carried from one batch to the next: whether, and whether the rows go on."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from undertow.doctor.seen.batches import Call, first_tensor, one_a_row
from undertow.doctor.trials import Patient, differ, spread_of

ALIKE = 0.1  # of the squares by which rows differ, that neighbours in time differ by

FEWEST = 2  # pairs of batches
STRANGERS = 0.3  # share of them


def keeps_state(calls: Sequence[Call]) -> nn.Module | None:
    """A network that answers differently when it is asked the same twice, in evaluation mode."""
    for call in calls[-2:]:
        patient = Patient.of(call)
        answers = patient.twice() if patient is not None else None
        if answers is not None and differ(*answers, spread_of(answers[0])):
            return call.module
    return None


def handed_on(calls: Sequence[Call]) -> list[tuple[Call, Call]]:
    """Calls of a later step that were handed the state that an earlier one gave, each with that one."""
    return [(calls[c.fed], c) for c in calls if c.fed is not None and calls[c.fed].step < c.step]


def rows_go_on(pairs: Sequence[tuple[Call, Call]]) -> list[bool]:
    """Of those of which it can be told."""
    each = one_each([call for pair in pairs for call in pair])
    told = [continues(earlier, later, each) for earlier, later in pairs]
    return [t for t in told if t is not None]


def of_strangers(go_on: Sequence[bool]) -> bool:
    """Do hardly any rows go on where those before left off?"""
    return len(go_on) >= FEWEST and sum(go_on) <= STRANGERS * len(go_on)


def one_each(calls: Sequence[Call]) -> bool:
    """Does a row end with its call, for it has one target? A length may fit by chance: most must."""
    asked = [call for call in calls if call.target is not None]
    return 2 * sum(map(one_a_row, asked)) > len(asked)


def continues(earlier: Call, later: Call, each: bool) -> bool | None:
    """Do the rows of a batch go on where those of another ended? None where that cannot be told. `each`: rows have one
    target each."""
    before, after = first_tensor(earlier.arguments), first_tensor(later.arguments)
    if before is None or after is None or before.dim() < 2:
        return None
    if each and (one_a_row(earlier) or one_a_row(later)):
        return False  # every row is a sample of its own
    if before.shape != after.shape:
        return None
    told = [_by_target(before, after, earlier.target, axis) for axis in (1, 0)]
    told += [_by_numbers(before, after, axis) for axis in (1, 0)]
    known = [t for t in told if t is not None]
    return any(known) if known else None


def _by_target(before: Tensor, after: Tensor, target: Tensor | None, axis: int) -> bool | None:
    """Where targets are the next inputs: is the last target of a window the first input of the next?"""
    if target is None or target.is_floating_point() or before.is_floating_point():
        return None
    if target.numel() != before.shape[0] * before.shape[1]:
        return None
    y = target.reshape(before.shape[0], before.shape[1])
    steps = before.shape[axis]
    inner = (y.narrow(axis, 0, steps - 1) == before.narrow(axis, 1, steps - 1)).double().mean()
    if inner < 0.95:
        return None
    return bool((y.select(axis, -1) == after.select(axis, 0)).double().mean() > 0.9)


def _by_numbers(before: Tensor, after: Tensor, axis: int) -> bool | None:
    """Where neighbours are alike: is the step over the seam no larger than steps within?"""
    if not before.is_floating_point() or before.shape[1 - axis] < 3:
        return None
    inner = after.narrow(axis, 1, after.shape[axis] - 1) - after.narrow(axis, 0, after.shape[axis] - 1)
    usual = float(inner.double().square().mean())
    apart = float((after.select(axis, 0) - after.select(axis, 0).roll(1, 0)).double().square().mean())
    if usual > ALIKE * apart:
        return None
    seam = float((after.select(axis, 0) - before.select(axis, -1)).double().square().mean())
    return seam * seam < usual * apart
