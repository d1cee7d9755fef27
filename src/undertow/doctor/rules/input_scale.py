"""The inputs are so large that the first units stand at the ends of their curve, where it is flat.

Sign: inputs of tens to thousands, sigmoid or tanh units at their ends for nearly every row.
Harm: hardly any gradient comes through; the network sees signs only.
Looks like it: weights that grew too large (then inputs are of ordinary size); gates of a recurrence pinned by its
inputs.
Remedy: inputs with mean 0 and standard deviation 1.
Sources: LeCun et al. 1998, "Efficient BackProp"; Glorot & Bengio 2010.
Planted: inputs times 1,000 into tanh.
"""

from __future__ import annotations

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import found, place_of
from undertow.doctor.verdict import Verdict

LARGE = 10.0  # root mean square
SATURATED = 0.7


def judge(case: Case) -> Verdict | None:
    """Of the first steps: the first layers' inputs, and what comes out."""
    for study in case.finite_studies[:3]:
        for layer in study.layers:
            if (
                layer.given is None
                or not layer.first
                or layer.given < LARGE
                or layer.uses > 1
                or (layer.saturated or 0.0) < SATURATED
            ):
                continue
            return found(
                0.95,
                f"Inputs have a root mean square of {layer.given:,.0f}, and {layer.saturated:.0%} of what comes "
                "out of the "
                f"{layer.bent} behind {layer.parameter} lies at its flat ends.",
                place_of(layer),
                input_rms=layer.given,
                saturated=layer.saturated,
            )
    return None


RULE = Rule(
    "D104",
    "saturated by the scale of its inputs",
    judge,
    ("normalise_inputs",),
    explains=("D101", "D102", "L103", "L104", "T101", "T110"),
)
