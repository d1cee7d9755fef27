"""A row of the data is no number.

Sign: the network is called with a NaN or an infinity, or is to learn one; the next loss is NaN, and all weights after
it.
Harm: one row ends the training.
Looks like it: an operation that makes the NaN from good data; a step too large.
Remedy: leave the row out, or fill it.
Sources: torch issues #1407 and #46209 on where a NaN comes from.
Planted: one NaN row.
"""

from __future__ import annotations

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.verdict import Verdict


def judge(case: Case) -> Verdict | None:
    """What was there when the loss first was no number?"""
    bad = case.seen.bad_data
    if bad is None:
        return None
    rows = ", ".join(map(str, bad.rows[:8]))
    return found(
        0.98,
        f"At step {bad.step} the {bad.what} held {bad.count} numbers that are none, in row {rows} of the batch"
        f"{f' (the first: {bad.example})' if bad.example else ''}.",
        at(bad.line),
        step=bad.step,
        rows=list(bad.rows[:32]),
        numbers=bad.count,
        part=bad.what,
    )


RULE = Rule("L108", "bad datum", judge, ("filter_rows",), explains=("L109", "L103", "T102", "D102", "D103"))
