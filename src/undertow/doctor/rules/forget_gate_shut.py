"""The gate on the cell's memory is shut: what is written is gone a step later.

Sign: the forget gate is open by a few percent in the mean; the horizon is a few steps, the needed lag is not. A few
units may learn to feel far while the gate of the rest stays shut.
Harm: an LSTM that remembers no longer than a vanilla network.
Looks like it: a gate that has learned to shut where nothing old is needed.
Remedy: a forget bias of 1 or more; chrono start for long lags.
Sources: Gers, Schmidhuber & Cummins 2000; Jozefowicz, Zaremba & Sutskever 2015; Tallec & Ollivier 2018.
Planted: an LSTM with a forget bias of -3 and a lag of 100 steps.
"""

from __future__ import annotations

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.verdict import Verdict

SHUT = 0.2
STILL = 0.1  # open by less, after all of it


def judge(case: Case) -> Verdict | None:
    """At the first step, and still at the last."""
    gated = [w for w in case.walks if w.forget is not None]
    if not gated or not case.stuck_in_time:
        return None
    first, last = gated[0], gated[-1]
    assert first.forget is not None
    assert last.forget is not None
    if first.forget > SHUT or last.forget > 0.4:
        return None
    need = case.needed
    felt = last if last.forget > STILL else first  # a few units that learned to feel far are not enough
    reaches = felt.horizon
    if need is not None and need.steps is not None and reaches >= need.steps:
        return None
    asked = f", the data ask for {need.steps}" if need is not None and need.steps else ""
    far = f"feels {reaches} steps back"
    if reaches < last.horizon:
        far = f"felt {reaches} steps back at first, and through a few units {last.horizon}"
    return found(
        0.95,
        f"The forget gate of {last.name} is open by {first.forget:.0%} at the first step and {last.forget:.0%} at "
        f"the last: it {far}{asked}.",
        at(last.line, module=last.name.rpartition(".")[0] or last.name, parameter=last.name),
        open_at_start=first.forget,
        open_at_end=last.forget,
        horizon=last.horizon,
        needed_lag=need.steps if need else None,
    )


RULE = Rule("T103", "forget gate shut", judge, ("forget_bias",), explains=("T101", "L104", "D101"))
