"""The gradient fades on its way down through the layers, until the first ones get none.

Sign: from layer to layer downward the gradient loses the same factor; the loss does not move, or only the last layers
learn.
Harm: what the first layers do stays as random as it began.
Looks like it: dead units and a cut graph (there the gradient is zero at once, not by a factor a layer); small steps
(there all layers have a gradient).
Remedy: rectifiers with He's start, a way past the layers (residual), normalisation between them.
Sources: Hochreiter 1991; Glorot & Bengio 2010; He et al. 2015.
Planted: 20 layers with sigmoids.
"""

from __future__ import annotations

import itertools
from statistics import median

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import found, place_of
from undertow.doctor.seen.study import Layer
from undertow.doctor.verdict import Verdict

LEAST = 4  # layers
FADED = 1e-3  # of the last layer's gradient is left at the first
FACTOR = 0.55  # a layer, or less
SLOWLY = 0.97  # over very many layers a factor near 1 does it, where nothing is left and nothing is learned
NOTHING = 1e-6  # less is no gradient at all, whatever the loss does


def stack_of(layers: list[Layer]) -> list[tuple[Layer, float]]:
    """Layers that are used once a step, in the order of use, with what gradient came to each."""
    return [(x, g) for x in layers if x.uses == 1 and (g := x.gradient) is not None]


def judge(case: Case) -> Verdict | None:
    """Asked of the steps looked at closely."""
    stacks = [stack for s in case.finite_studies if len(stack := stack_of(s.layers)) >= LEAST]
    faded = [stack for stack in stacks if _fades(stack, case.stuck)]
    if not faded or 2 * len(faded) < len(stacks):
        return None
    stack = faded[-1]
    ratio, factor = stack[0][1] / stack[-1][1], _factor(stack)
    if ratio > NOTHING and (not case.stuck or case.players > 1):
        return None
    return found(
        0.95 if case.stuck and case.players == 1 else 0.75,
        f"The gradient loses a factor of {1 / factor:.{1 if factor < FACTOR else 2}f} with every layer downward: at "
        f"{stack[0][0].parameter} {ratio:.0e} of it is left ({len(stack)} layers).",
        place_of(stack[0][0]),
        layers=len(stack),
        left=ratio,
        factor_a_layer=factor,
        gradients=[g for _, g in stack],
    )


def _fades(stack: list[tuple[Layer, float]], stuck: bool) -> bool:
    if min(g for _, g in stack[1:]) <= 0:
        return False
    left, factor = stack[0][1] / stack[-1][1], _factor(stack)
    return (left < FADED and factor < FACTOR) or (left < NOTHING and factor < SLOWLY and stuck)


def _factor(stack: list[tuple[Layer, float]]) -> float:
    return median(a[1] / b[1] for a, b in itertools.pairwise(stack))


RULE = Rule("D101", "vanishing in depth", judge, ("rectifier", "residual", "norm"), explains=("L104",))
