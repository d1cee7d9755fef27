"""Backpropagation is cut every K steps, and the data ask for more.

Sign: state is carried from window to window without its graph, and held-out rows are told better from further back than
a window reaches.
Harm: what happened before the window is in the state, but no gradient teaches it to be there.
Looks like it: windows that are short where nothing older is needed (healthy).
Remedy: a window longer than the needed lag.
Sources: Williams & Peng 1990; Tallec & Ollivier 2017.
Planted: windows of 10 steps, a lag of 40.
"""

from __future__ import annotations

from statistics import median

from undertow.doctor.asked import Laid, joined_windows, needed
from undertow.doctor.case import Case
from undertow.doctor.needed_lag import NeededLag
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.verdict import Verdict, Where

MORE = 0.02  # of the target


def judge(case: Case) -> Verdict | None:
    """What a window reaches, against what the data ask for."""
    windows = (_carried(case) or _within(case)) if case.probing else None
    if windows is None:
        return None
    window, data, where, name = windows
    need = needed(data)
    if need is None or need.steps is None or need.steps < window:
        return None
    if not case.stuck_in_time and (_beyond(need, window) < MORE or case.learned):
        return None
    return found(
        0.93,
        f"Gradients end after {window} steps, where the state{f' of {name}' if name else ''} goes on without its "
        "graph; the data ask for "
        f"{'at least ' if need.beyond else ''}{need.steps}.",
        where,
        window=window,
        needed_lag=need.steps,
    )


def _beyond(need: NeededLag, window: int) -> float:
    """What share of the target is told by what lies before the window, and not by what lies in it?"""
    within = [share for steps, share in zip(need.windows, need.explained, strict=True) if steps <= window]
    return max(need.explained) - max(within, default=0.0)


def _carried(case: Case) -> tuple[int, Laid, Where, str] | None:
    """From call to call: windows put end to end."""
    found_windows = joined_windows(case.calls, {w.steps for w in case.walks} | {t.steps for t in case.times})
    if found_windows is None:
        return None
    window, data, call = found_windows
    return window, data, at(call.line, module=call.name, steps=(0, window - 1)), call.name


def _within(case: Case) -> tuple[int, Laid, Where, str] | None:
    """Within a call: a state is detached every so many steps."""
    for line, reached in case.seen.detached.items():
        window = round(median(reached))
        if (
            window > 1
            and len(reached) >= 2 * len(case.studies)
            and case.sequences is not None
            and line in case.recurring
        ):
            return window, case.sequences, at(line, steps=(0, window - 1)), ""
    return None


RULE = Rule("T104", "window too short", judge, ("longer_window",), explains=("T101", "L104", "T103"))
