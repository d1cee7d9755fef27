"""Units behind a rectifier that are zero for every row, step after step: no gradient will wake them.

Sign: the share of units that are zero for the whole batch is near 1, and stays there.
Harm: they compute nothing and learn nothing; where a whole layer is dead the output is constant.
Looks like it: units that are zero for many rows but not for all (sparse, and healthy); a step that was too large and
killed them (then that is the cause).
Remedy: a start without large negative biases, a leaky rectifier, a lower learning rate.
Sources: Maas, Hannun & Ng 2013; Lu et al. 2019.
Planted: biases of -10 before the rectifier.
"""

from __future__ import annotations

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import found, place_of
from undertow.doctor.verdict import Verdict

DEAD = 0.9  # of a layer's units


def judge(case: Case) -> Verdict | None:
    """Dead in every step looked at, and at the end still."""
    studies = case.finite_studies
    if len(studies) < 2:
        return None
    for layer in studies[-1].layers:
        shares = [
            x.dead
            for s in studies
            if (x := case.layer_of(s, layer.parameter)) is not None and x.dead is not None
        ]
        if len(shares) >= 2 and min(shares[len(shares) // 2 :]) > DEAD:
            from_start = shares[0] > DEAD
            return found(
                0.95 if min(shares) > 0.98 else 0.8,
                f"{shares[-1]:.0%} of the units behind {layer.parameter} are zero for every row, "
                f"{'from the first step on' if from_start else f'at the first step {shares[0]:.0%}'}.",
                place_of(layer),
                dead=shares[-1],
                dead_at_start=shares[0],
                layer_gradient=layer.gradient,
            )
    return None


RULE = Rule("D103", "dead units", judge, ("initialisation", "leaky"), explains=("L104", "D101"))
