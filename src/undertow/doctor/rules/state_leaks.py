"""The state at the end of one batch is the start of the next, though the next has nothing to do with it.

Sign: a batch begins with the state that another one left; the rows do not go on where those left off.
Harm: every row begins with somebody else's past; the loss depends on the order of batches.
Looks like it: streams in order, whose state is carried rightly.
Remedy: begin every batch with fresh state; or do not shuffle streams.
Sources: keras documentation of stateful recurrent networks; torch's tutorial on sequence models.
Planted: state carried across shuffled batches.
"""

from __future__ import annotations

import itertools

from undertow.doctor.carried import FEWEST, handed_on, keeps_state, of_strangers, rows_go_on
from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.verdict import Verdict

KEPT = "kept in it"


def judge(case: Case) -> Verdict | None:
    """Is state carried, and do the rows go on?"""
    pairs = handed_on(case.calls)
    how = "handed to it"
    if len(pairs) < FEWEST:
        inner = keeps_state(case.calls)
        if inner is None:
            return None
        own = [c for c in case.calls if c.module is inner]
        pairs, how = [(a, b) for a, b in itertools.pairwise(own) if a.step < b.step], KEPT
    begun = [s.carried for s in case.studies[1:] if s.carried is not None]
    if how == KEPT and begun and 2 * sum(begun) <= len(begun):
        return None  # it would keep its state, and is given a fresh one every time
    known = rows_go_on(pairs)
    shuffled = any(shuffles for _, shuffles in case.seen.looks.loaders.values())
    if how == KEPT and not known and shuffled and begun:
        known = [False] * len(pairs)  # rows in any order go on nowhere
    if not of_strangers(known):
        return None
    call = pairs[0][1]
    return found(
        0.95 if shuffled else 0.85,
        f"{call.name} begins a batch with the state that the one before left ({how}), but in "
        f"{len(known) - sum(known)} of {len(known)} batches the "
        f"rows do not go on where those left off{'; the loader shuffles' if shuffled else ''}.",
        at(call.line, module=call.name),
        batches=len(known),
        that_go_on=sum(known),
        shuffled=shuffled,
    )


RULE = Rule("T109", "state leaks", judge, ("reset_state",), explains=("T101", "T108"), wiring=True)
