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

from undertow.doctor.case import Case, late
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.verdict import Verdict

FALLEN = 0.3
BETTER = 0.97  # of the baseline
FELL = 0.7  # of the first held-out loss: it is measured in other units, and something is learned


def judge(case: Case) -> Verdict | None:
    """Compares what training did to its own loss with what it did to the held-out one, or to the share of right
    classes."""
    if case.baseline is None or not case.losses or case.diverged or len(case.steps) < 50:
        return None
    last = late(case.losses)
    if last > (1 - FALLEN) * case.baseline:
        return None
    return _by_loss(case, last) or _by_classes(case, last)


def _by_loss(case: Case, last: float) -> Verdict | None:
    held = [(step, float(value), line) for step, value, line in case.seen.held_out if step > 0]
    best = min((value for _, value, _ in held), default=0.0)
    assert case.baseline is not None
    if not held or best < BETTER * case.baseline or best < FELL * held[0][1]:
        return None
    return found(
        0.9 if len(held) > 2 else 0.7,
        f"The training loss fell to {last:.3g} (always saying the same: {case.baseline:.3g}), the held-out loss "
        f"was never below {best:.3g}: "
        "what is learned holds for no other row.",
        at(held[-1][2]),
        training_loss=last,
        best_held_out=best,
        baseline=case.baseline,
    )


def _by_classes(case: Case, last: float) -> Verdict | None:
    """By the share of right classes, against the share of the commonest."""
    by_step: dict[int, list[float]] = {}
    for step, share in case.seen.right:
        by_step.setdefault(step, []).append(share)
    best = max((mean(shares) for step, shares in by_step.items() if step > 0), default=1.0)
    commonest = case.commonest
    if not by_step or commonest is None or best > 1.35 * commonest:
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
