"""Part of the network is computed, but nothing comes back to it: somewhere the graph was cut.

Sign: a module runs in every step and its parameters are in the optimizer, yet no loss depends on them.
Harm: that part stays as it began.
Looks like it: modules that are not used at all; freezing on purpose (there requires_grad is off).
Remedy: take the .detach(), .data, .item() or no_grad() out of the way of the gradient.
Sources: torch's notes on autograd mechanics.
Planted: .detach() in the middle of a network.
"""

from __future__ import annotations

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import found, listed
from undertow.doctor.seen.lines import Line
from undertow.doctor.verdict import Verdict, Where


def judge(case: Case) -> Verdict | None:
    """Parameters that some optimizer steps, that ran, and that no backward pass has reached."""
    cut = case.unreached
    if not cut or len(case.studies) < 2:
        return None
    line = max(case.seen.detached, key=lambda at: len(case.seen.detached[at]), default=Line())
    names = list(cut)
    return found(
        0.95 if line else 0.85,
        f"No gradient ever came to {listed(names)}, though "
        f"{'it was' if len(names) == 1 else 'they were'} computed with in every step"
        f"{f'; a tensor is detached at {line}' if line else ''}.",
        Where(module=names[-1].rpartition(".")[0], parameter=names[-1], file=line.file, line=line.line),
        parameters=names,
    )


RULE = Rule("D106", "cut graph", judge, ("keep_graph",), explains=("D108", "L104", "D101"))
