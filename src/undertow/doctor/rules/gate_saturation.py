"""Gates stand fully open or fully shut, whatever happens: inputs that are too large pin them.

Sign: nine gates of ten within 2 % of an end; the inputs of the recurrence have a root mean square of tens.
Harm: the gates' gradients are nothing; they stay as they began.
Looks like it: gates that have learned to be decided, late in training; a forget gate that is shut by its bias.
Remedy: inputs with mean 0 and standard deviation 1.
Sources: Karpathy, Johnson & Li 2015; LeCun et al. 1998.
Planted: inputs times 50.
"""

from __future__ import annotations

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found, place_of
from undertow.doctor.seen.study import Layer, Study
from undertow.doctor.verdict import Verdict

LARGE = 8.0
PINNED = 0.6


def judge(case: Case) -> Verdict | None:
    """Of the first steps: what the recurrence is given, and where its gates stand."""
    for study in case.finite_studies[:3]:
        chains = [c.saturated for c in study.chains if c.saturated is not None]
        for layer in study.layers:
            if (
                layer.given is None
                or layer.given < LARGE
                or not (layer.bent == "gates" or (chains and _feeds(layer, study)))
            ):
                continue
            pinned = max([*chains, layer.saturated or 0.0, layer.pinned or 0.0])
            if pinned > PINNED:
                return found(
                    0.95,
                    f"{pinned:.0%} of the gates stand at an end in the first steps: the inputs of "
                    f"{layer.parameter} have a root mean "
                    f"square of {layer.given:,.0f}.",
                    place_of(layer) if layer.line else at(case.step_line, parameter=layer.parameter),
                    pinned=pinned,
                    input_rms=layer.given,
                )
    return None


def _feeds(layer: Layer, study: Study) -> bool:
    """Is it used in the recurrence, or in the module that holds it?"""
    return layer.uses > 1 or layer.module in {c.module for c in study.chains}


RULE = Rule(
    "T110",
    "gate saturation",
    judge,
    ("normalise_inputs",),
    explains=("T101", "T103", "L104", "L103", "D104", "T102"),
)
