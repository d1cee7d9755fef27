"""The loss is as sharp as a knife in the recurrent weights, though gradients do not explode in time.

Sign: a linear recurrence whose factor a step lies close to 1; the gradient of its few weights dwarfs all others; the
loss jumps at ordinary learning rates.
Harm: a small step in the weights is a large one in what they do over thousands of steps.
Looks like it: exploding in time (there the gains grow); a step too large everywhere.
Remedy: parametrise by the logarithm of the decay, or a lower learning rate for the recurrent weights.
Sources: Orvieto et al. 2023, "Resurrecting recurrent neural networks"; Zucchet & Orvieto 2024.
Planted: a linear recurrence with eigenvalues close to 1.
"""

from __future__ import annotations

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import at, found
from undertow.doctor.verdict import Verdict

LOW, HIGH = 0.95, 1.03  # a step
SHARP = 0.08  # of the loss, that the first steps of one weight change it by
ALONE = 1.0  # so much of it needs no rough losses beside it; sound networks stay below 0.3


def judge(case: Case) -> Verdict | None:
    """Of linear recurrences that neither fade nor grow: how much of the loss does a step of their weights move?"""
    near = [w for w in case.walks if w.linear and w.step == 0 and w.steps >= 8 and LOW < w.rate < HIGH]
    if not near:
        return None
    walk, upset = near[0], case.rough or case.diverged or case.spoilt or case.stuck_in_time
    sharp = case.sharpness(walk.name)
    if sharp is None or sharp < (SHARP if upset else ALONE):
        return None
    return found(
        0.9,
        f"{walk.name} is a linear recurrence with a factor of {walk.rate:.3f} a step over {walk.steps} steps: in "
        "the first steps of training its "
        f"own change alone moves the loss by {sharp:.0%}.",
        at(walk.line, parameter=walk.name, steps=(0, walk.steps - 1)),
        rate=walk.rate,
        steps=walk.steps,
        loss_moved_a_step=sharp,
    )


RULE = Rule(
    "T111", "sensitivity to parameters", judge, ("recurrent_rate",), explains=("L103", "T102", "L109")
)
