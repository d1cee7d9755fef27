"""The state is detached at every step: no gradient goes further back than one.

Sign: a line of the loop detaches a state as often as there are steps; the weights' uses do not depend on one another.
Harm: a recurrent network trained as if it had no past.
Looks like it: detaching once a window, which is truncated backpropagation.
Remedy: detach once a window.
Sources: Williams & Peng 1990; torch's tutorial on sequence models.
Planted: state detached every step.
"""

from __future__ import annotations

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.verdict import Verdict

LEAST = 4  # steps of a sequence


def judge(case: Case) -> Verdict | None:
    """Detached again and again within a step of training, and each time nothing but one step of the recurrence is
    lost."""
    if not case.studies:
        return None
    for line, reached in case.seen.detached.items():
        each = len(reached) / len(case.studies)
        if each >= LEAST and 2 * sum(n == 1 for n in reached) > len(reached) and line in case.recurring:
            return found(
                0.95,
                f"The state is detached {each:.0f} times in a step of training, at every step of the sequence: "
                "gradients go one step back.",
                at(line, steps=(0, round(each))),
                times=each,
                horizon=1,
            )
    return None


RULE = Rule("T105", "over-detached", judge, ("detach_once",), explains=("T101", "T104", "L104", "D106"))
