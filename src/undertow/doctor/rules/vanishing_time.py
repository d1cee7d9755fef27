"""The recurrence forgets sooner than the data ask it to remember.

Sign: what the last state feels of a step fades by a factor a step; its horizon lies before the needed lag, and the loss
rests on a plateau.
Harm: no gradient tells the weights of what happened that long ago, so it is never learned.
Looks like it: old gradients that vanish where nothing old is needed (healthy); windows or detached states that end the
gradient before the recurrence does; a shut forget gate, which is the cause then.
Remedy: a gated cell, an orthogonal start, the identity for rectifiers.
Sources: Hochreiter 1991; Bengio, Simard & Frasconi 1994; Le, Jaitly & Hinton 2015.
Planted: a tanh network with spectral radius 0.5 and a lag of 50 steps.
"""

from __future__ import annotations

from dataclasses import replace

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.verdict import Verdict

LEAST = 8  # steps of walk
MANY, NOTHING = 1000, 1e-3  # samples that would have shown what helps, and what they show where nothing does
MARGIN = 1.5  # horizon and needed lag are both known to about a factor of 2
PLAIN = ("gated_cell", "orthogonal", "identity")
GATED = ("forget_bias", "orthogonal")


def judge(case: Case) -> Verdict | None:
    """Horizon against needed lag."""
    walk = case.feels
    if walk is None or walk.steps < LEAST or walk.beyond or not case.stuck_in_time:
        return None
    need = case.needed
    if need is not None and need.steps is not None:
        if MARGIN * walk.horizon >= need.steps or _learned_to_feel(case, need.steps):
            return None
        sure, asks = 0.92, f"the data ask for {'at least ' if need.beyond else ''}{need.steps}"
    elif need is not None and need.samples >= MANY and max(need.explained, default=0.0) < NOTHING:
        return None  # nothing that was read tells the target
    elif walk.horizon < walk.steps // 2 and case.stuck:
        sure, asks = (
            0.55,
            f"the sequences have {walk.steps} (how far back the data ask to look could not be told)",
        )
    else:
        return None
    verdict = found(
        sure,
        f"{walk.name} feels {walk.horizon} steps back (a factor of {walk.rate:.2f} a step), {asks}.",
        at(
            walk.line,
            module=walk.name.rpartition(".")[0],
            parameter=walk.name,
            steps=(0, walk.steps - 1 - walk.horizon),
        ),
        horizon=walk.horizon,
        rate=walk.rate,
        needed_lag=need.steps if need else None,
        steps=walk.steps,
    )
    gated = walk.forget is not None
    return replace(verdict, remedies=GATED if gated else PLAIN)


def _learned_to_feel(case: Case, lag: int) -> bool:
    """Does a recurrence feel that far back in the end?"""
    return any(walk.horizon >= lag for walk in {w.name: w for w in case.walks}.values())


RULE = Rule("T101", "vanishing in time", judge, (*PLAIN, "forget_bias"), explains=("L104",))
