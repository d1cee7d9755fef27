"""Parameters get gradients, and no optimizer holds them.

Sign: gradients arrive at every step, the weights never change.
Harm: that part of the network stays as it began.
Looks like it: freezing on purpose (there requires_grad is off, and no gradient comes).
Remedy: give them to the optimizer; make it after the last module is made.
Sources: torch's documentation of torch.optim.
Planted: a module missing from the optimizer.
"""

from __future__ import annotations

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import found, listed
from undertow.doctor.verdict import Verdict, Where


def judge(case: Case) -> Verdict | None:
    """Reached by every backward pass of some optimizer's steps, held by none, and unchanged."""
    names = case.unheld
    if not names:
        return None
    without = not any(id(case.parameters[n]) in case.seen.books.held for n in names)
    optimizer = case.steps[0].line if case.steps else None
    return found(
        0.95,
        f"{listed(names)} {'gets' if len(names) == 1 else 'get'} gradients, but no optimizer "
        f"{'holds' if without else 'takes a step with'} {'it' if len(names) == 1 else 'them'}.",
        Where(
            module=names[0].rpartition(".")[0],
            parameter=names[0],
            file=optimizer.file if optimizer else "",
            line=optimizer.line if optimizer else 0,
        ),
        parameters=names,
        numbers=sum(case.parameters[n].numel() for n in names),
    )


RULE = Rule(
    "D107", "parameter not optimised", judge, ("add_to_optimizer",), explains=("L104", "T101", "D101")
)
