"""Nothing is trained at all.

Sign: no parameter changes in any step; if the loss moves, then through the statistics of batch normalisation or the
data.
Harm: there is no training.
Looks like it: gradients cleared before the step; a learning rate that warms up from zero; a step too small to see.
Remedy: requires_grad_(True) on what is to be trained.
Sources: torch's notes on autograd mechanics.
Planted: every parameter frozen.
"""

from __future__ import annotations

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.verdict import Verdict

STEPS = 5


def judge(case: Case) -> Verdict | None:
    """Every step that was measured left every weight as it was."""
    if case.crash is not None and "does not require grad" in case.crash.message:
        return found(
            0.9, f"The loss depends on no parameter that is trained: {case.crash.message}", case.crash_place
        )
    whole = _whole_network(case)
    if whole is not None:
        return whole
    measured = [s for s in case.looked_at if any(s.rates) or not s.rates]
    if len(measured) < STEPS or any(s.update for s in measured):
        return None
    if any(s.wiped for s in measured) or any(s.gradient for s in measured):
        return None
    free = [n for n, p in case.parameters.items() if p.requires_grad]
    return found(
        0.95 if not free else 0.7,
        f"Not one parameter changed in {len(case.steps):,} steps"
        f"{': none of them requires a gradient' if not free else ''}.",
        steps=len(case.steps),
        parameters=len(case.parameters),
        requiring_gradients=len(free),
    )


def _whole_network(case: Case) -> Verdict | None:
    """One that runs in training and that an optimizer holds, yet frozen throughout, where no matrix learns at all."""
    if any(p.requires_grad and p.dim() > 1 for p in case.parameters.values()):
        return None
    for call in case.calls:
        own = list(call.module.parameters())
        if own and not any(p.requires_grad for p in own) and any(id(p) in case.seen.books.held for p in own):
            return found(
                0.9,
                f"None of the {len(own)} parameters of {call.name} requires a gradient, though an optimizer holds them "
                f"and {call.name} runs in every step of training.",
                at(call.line, module=call.name),
                steps=len(case.steps),
                parameters=len(own),
            )
    return None


RULE = Rule("D108", "frozen", judge, ("unfreeze",), explains=("L104",))
