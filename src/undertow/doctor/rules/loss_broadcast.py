"""The loss compares every output with every target: their shapes differ, and were stretched to fit.

Sign: an output of shape [N, 1] against targets [N] gives N times N differences; or one number against a whole field.
Harm: the best that can be done is to predict the mean.
Looks like it: distances of all pairs, meant so.
Remedy: outputs and targets of one shape: output.squeeze(1), or target.unsqueeze(1).
Sources: torch's broadcasting semantics, and the warning that mse_loss gives.
Planted: targets [N] against outputs [N, 1]; one number against 32 x 32.
"""

from __future__ import annotations

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.verdict import Verdict


def judge(case: Case) -> Verdict | None:
    """In the part of the graph that is loss."""
    for study in case.studies:
        for loss in study.losses:
            if loss.spread is None:
                continue
            before, after = loss.spread
            return found(
                0.97,
                f"The {loss.kind} stretches {list(before)} to {list(after)}: every output is compared with every "
                "target.",
                at(loss.line),
                shape=list(before),
                stretched_to=list(after),
            )
    return None


RULE = Rule(
    "L105",
    "loss broadcasts",
    judge,
    ("match_shapes",),
    explains=("L110", "D101", "L104", "T101"),
    wiring=True,
)
