"""What the recurrence feels of the past grows with every step back.

Sign: gains above 1 that grow by a factor a step; gradients that are a thousand times the usual one at some steps; the
loss jumps, or ends in NaN.
Harm: one step along such a gradient throws the weights away.
Looks like it: exploding in depth; a step too large; sensitivity to the weights without growth in time.
Remedy: clip the norm of the gradient; an orthogonal start, the identity for rectifiers; a gated cell.
Sources: Bengio, Simard & Frasconi 1994; Pascanu, Mikolov & Bengio 2013; Le, Jaitly & Hinton 2015.
Planted: a ReLU network with spectral radius 1.2.
"""

from __future__ import annotations

from dataclasses import replace

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.verdict import Verdict

RATE = 1.03
GROWN = 10.0
GATED = ("clip", "orthogonal")
PLAIN = (*GATED, "identity", "gated_cell")


def judge(case: Case) -> Verdict | None:
    """Of the first step, before weights were thrown about; and it must have done harm."""
    first = [w for w in case.walks if w.step == 0 and w.steps >= 8]
    grown = [w for w in first if max(w.gain) > GROWN and min(_rate(w.gain), _later(w.gain)) > RATE]
    if not grown or not (
        case.spoilt or case.diverged or case.gradient_grew or case.rough or case.stuck_in_time
    ):
        return None
    walk = max(grown, key=lambda w: max(w.gain))
    told = found(
        0.92,
        f"What {walk.name} feels of a step grows by a factor of {_rate(walk.gain):.2f} with every step back, to "
        f"{max(walk.gain):.1e} after "
        f"{walk.steps - 1}.",
        at(walk.line, module=walk.name.rpartition(".")[0], parameter=walk.name, steps=(0, walk.steps - 1)),
        rate=_rate(walk.gain),
        grown=max(walk.gain),
        steps=walk.steps,
    )
    return replace(told, remedies=GATED if walk.forget is not None else PLAIN)


def _later(gain: tuple[float, ...]) -> float:
    """Over the last three quarters: a first jump alone is no growth."""
    start, end = len(gain) // 4, len(gain) - 1
    return float((gain[end] / gain[start]) ** (1 / (end - start))) if gain[start] > 0 else 1.0


def _rate(gain: tuple[float, ...]) -> float:
    """From the present to where it is highest."""
    lag = max(range(len(gain)), key=lambda k: gain[k])
    return float((gain[lag] / gain[0]) ** (1 / lag)) if lag else 1.0


RULE = Rule(
    "T102",
    "exploding in time",
    judge,
    PLAIN,
    explains=("T101", "L103", "L109", "D103", "T111", "L104", "T110"),
)
