"""What should be made small is made large.

Sign: the loss that is minimised is a known loss with a minus before it, or the weights move up the gradient; the error
grows without end.
Harm: the network learns to be as wrong as it can.
Looks like it: losses below zero by right (log-likelihoods of densities, rewards, a critic's score).
Remedy: take the minus away; maximize=False.
Sources: torch's documentation of torch.optim.
Planted: the loss negated.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from undertow.doctor.case import Case
from undertow.doctor.course import early, late
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.seen.losses import LIKELY, Loss
from undertow.doctor.verdict import Verdict

UPHILL = 0.02  # cosine of a step with the gradient, in the median
FALLEN = 5.0  # a log-likelihood that is made small falls to so many times what it was, and on; a score only settles


def judge(case: Case) -> Verdict | None:
    """Of the graph, and of the way the weights go."""
    if case.players > 1:  # players of a game may play against each other
        return None
    negated = [s for s in case.studies if _negated(s.losses)]
    finite = [x for x in case.losses if x == x]
    if negated and 2 * len(negated) > len(case.studies) and len(finite) > 3:
        loss = next(loss for loss in negated[0].losses if loss.sign < 0)
        depth = FALLEN if loss.kind == LIKELY else 1.0
        if negated[0].loss <= 0 and late(finite) <= depth * early(finite):
            return found(
                0.97,
                f"What is minimised is {_what(loss)}: it went from {early(finite):.3g} to {late(finite):.3g}, "
                "and the error grows.",
                at(loss.line),
                loss=loss.kind,
                first=early(finite),
                last=late(finite),
            )
    return _uphill(case, finite)


def _negated(losses: Sequence[Loss]) -> bool:
    """Each of them; beside a log-likelihood, a square of the network's own numbers is a penalty."""
    likely = any(loss.kind == LIKELY for loss in losses)
    judged = [
        loss for loss in losses if not (likely and loss.kind == "squared error" and loss.target is None)
    ]
    return bool(judged) and all(loss.sign < 0 for loss in judged)


def _what(loss: Loss) -> str:
    if loss.kind == LIKELY:
        return "a log-likelihood as it is, without a minus"
    return f"{loss.kind} with a minus before it"


def _uphill(case: Case, losses: list[float]) -> Verdict | None:
    along = [s.along for s in case.steps if s.along is not None]
    if len(along) < 5 or median(along) < UPHILL or len(losses) < 5 or late(losses) < early(losses):
        return None
    return found(
        0.9,
        f"Steps go up the gradient (cosine {median(along):+.2f}), and the loss rises from {early(losses):.3g} to "
        f"{late(losses):.3g}.",
        at(case.step_line),
        cosine=median(along),
        first=early(losses),
        last=late(losses),
    )


RULE = Rule(
    "L107",
    "wrong sign",
    judge,
    ("flip_sign",),
    explains=("L103", "D103", "D102", "L109", "T102", "L110", "T110", "D101", "T101"),
    wiring=True,
)
