"""The labels have nothing to do with the inputs: the network can learn them by heart, and no more.

Sign: the training loss falls far, the held-out loss never gets better than always saying the same.
Harm: there is nothing to learn.
Looks like it: overfitting (there the held-out loss is good at first); too few data.
Remedy: look at the data: were labels shuffled apart from their rows?
Sources: Zhang et al. 2017, "Understanding deep learning requires rethinking generalization".
Planted: labels shuffled.
"""

from __future__ import annotations

from statistics import mean

from undertow.doctor.case import Case
from undertow.doctor.course import late
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.seen.lines import Line
from undertow.doctor.verdict import Verdict

FALLEN = 0.3
BEGUN = 0.12  # less will do where the held-out loss becomes worse than always saying the same, by so much:
WORSE, MUCH_WORSE = 1.03, 1.1
BETTER = 0.97  # of the baseline
FEWER = 0.75  # wrong ones than the commonest class leaves
FELL = 0.7  # of the first held-out loss: it is measured in other units, and something is learned


def judge(case: Case) -> Verdict | None:
    """Compares what training did to its own loss with what it did to the held-out one, or to the share of right
    classes."""
    if case.baseline is None or not case.losses or case.diverged or len(case.steps) < 50:
        return None
    last = late(case.losses)
    if last > (1 - BEGUN) * case.baseline:
        return None
    by_loss = _by_loss(case, last)
    return by_loss if last > (1 - FALLEN) * case.baseline else by_loss or _by_classes(case, last)


def _by_loss(case: Case, last: float) -> Verdict | None:
    """Of the loader on which it is worst: training rows may be looked at, too."""
    groups: dict[tuple[Line, int], list[tuple[int, float]]] = {}
    for held in case.seen.looks.held_out:
        if held.step > 0:
            groups.setdefault((held.line, held.loader), []).append((held.step, float(held.value)))
    found_worst = [_by_rows(case, last, line, held) for (line, _), held in groups.items()]
    return next((verdict for verdict in found_worst if verdict is not None), None)


def _by_rows(case: Case, last: float, line: Line, taken: list[tuple[int, float]]) -> Verdict | None:
    looks: dict[int, list[float]] = {}
    for step, value in taken:
        looks.setdefault(step, []).append(value)
    held = [mean(values) for _, values in sorted(looks.items())]
    best = min(held)
    assert case.baseline is not None
    if best < BETTER * case.baseline or best < FELL * held[0]:
        return None
    worse = held[-1] > MUCH_WORSE * case.baseline or (len(held) > 2 and held[-1] > WORSE * case.baseline)
    if last > (1 - FALLEN) * case.baseline and (len(held) < 2 or not worse):
        return None
    return found(
        0.9 if len(held) > 2 else 0.7,
        f"The training loss fell to {last:.3g} (always saying the same: {case.baseline:.3g}), the held-out loss "
        f"was never below {best:.3g}: "
        "what is learned holds for no other row.",
        at(line),
        training_loss=last,
        best_held_out=best,
        baseline=case.baseline,
    )


def _by_classes(case: Case, last: float) -> Verdict | None:
    """By the share of right classes, against the share of the commonest."""
    by_step: dict[int, list[float]] = {}
    for step, share in case.seen.looks.right:
        by_step.setdefault(step, []).append(share)
    best = max((mean(shares) for step, shares in by_step.items() if step > 0), default=1.0)
    commonest = case.commonest
    if not by_step or commonest is None or best > 1.35 * commonest or 1 - best < FEWER * (1 - commonest):
        return None
    return found(
        0.85,
        f"The training loss fell to {last:.3g} (always saying the same: {case.baseline:.3g}), but of held-out "
        f"rows at most {best:.0%} were "
        f"right; always saying the commonest class gives {commonest:.0%}.",
        training_loss=last,
        best_right=best,
        commonest=commonest,
    )


RULE = Rule("L110", "labels carry no signal", judge, ("pair_labels",), explains=())
