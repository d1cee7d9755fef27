"""The pictures of a run's measured steps, of the last one mostly."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from undertow.flow.fit import horizon_of
from undertow.flow.records import Flow
from undertow.report.flow_deep import deep_profile
from undertow.report.flow_depth import MOST, depth_profile
from undertow.report.flow_time import gains, gates, gradient_map


def flow_figures(flows: Sequence[Flow]) -> dict[str, Figure]:
    """Those that there are records for, by the names of their files."""
    drawn: dict[str, Figure] = {}
    timed = next((f for f in reversed(flows) if f.time), None)
    if timed is not None:
        drawn["gradient_in_time"] = gradient_map(timed.time, timed.step)
    felt = next(
        (found for f in reversed(flows) if (found := [h for w in f.time if (h := horizon_of(w))])), None
    )
    if felt:
        drawn["gains"] = gains(felt)
    gated = next((f for f in reversed(flows) if any(w.gates for w in f.time)), None)
    if gated is not None:
        drawn["gates"] = gates(gated.time, gated.step)
    deep = next((f for f in reversed(flows) if len({p.module for p in f.depth}) > 1), None)
    if deep is not None:
        profile = depth_profile if len({p.module for p in deep.depth}) <= MOST else deep_profile
        drawn["gradient_in_depth"] = profile(deep.depth, deep.step)
    return drawn
