"""Softmax twice: the loss applies it to what is probabilities already.

Sign: cross-entropy, which does its own softmax, is given the result of a softmax (or a sigmoid); the loss cannot fall
below a floor (with C classes: ln(e + C - 1) - 1).
Harm: gradients are flat, and no row can be told with certainty.
Looks like it: log_softmax twice, which changes nothing.
Remedy: give the loss what stands before the softmax.
Sources: torch's documentation of CrossEntropyLoss.
Planted: softmax before cross-entropy.
"""

from __future__ import annotations

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.verdict import Verdict


def judge(case: Case) -> Verdict | None:
    """In the part of the graph that is loss."""
    losses = [loss for study in case.studies for loss in study.losses if loss.squashed]
    if not losses or 2 * len(losses) < len(case.studies):
        return None
    loss = losses[0]
    return found(
        0.97,
        f"The {loss.kind} is given the result of a {loss.squashed}, and does its own.",
        at(loss.line),
        applied=loss.squashed,
        expects="logits",
    )


RULE = Rule(
    "L106", "double softmax", judge, ("logits",), explains=("L104", "D101", "T101", "L110"), wiring=True
)
