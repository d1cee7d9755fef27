"""Clipping cuts every gradient to a sliver of itself.

Sign: the norm is hundreds of times the limit at every step, and weights hardly move.
Harm: training is as slow as with a tiny learning rate.
Looks like it: clipping now and then, which is what it is for; clipping always with Adam, which divides the scale out
again.
Remedy: a limit of the size of the usual gradient.
Sources: Pascanu, Mikolov & Bengio 2013.
Planted: a limit of 1e-4.
"""

from __future__ import annotations

from statistics import median

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.verdict import Verdict

TIMES = 50.0
SMALL = 2e-4  # update over weight


def judge(case: Case) -> Verdict | None:
    """Of every step that was clipped in time."""
    clips = [(float(c.norm), c) for c in case.clips if c.norm is not None and not c.late and c.limit > 0]
    ratios = [s.ratio for s in case.looked_at if s.ratio is not None]
    if len(clips) < 5 or not ratios or case.fallen > 0.5:
        return None
    over = median(norm / clip.limit for norm, clip in clips)
    if over < TIMES or median(ratios) > SMALL:
        return None
    return found(
        0.95,
        f"Clipping leaves 1/{over:,.0f} of the gradient (limit {clips[0][1].limit:g}), and a step changes the "
        f"weights by {median(ratios):.0e}.",
        at(clips[0][1].line),
        norm_over_limit=over,
        limit=clips[0][1].limit,
        update_over_weight=median(ratios),
    )


RULE = Rule("L111", "clip too tight", judge, ("raise_clip",), explains=("L104",))
