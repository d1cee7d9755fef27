"""The gradient grows on its way down through the layers.

Sign: from layer to layer downward the gradient gains the same factor; the first losses are huge. Units that saturate
hold the factor down to 1.3 or 1.5, and the first layer, which sees the data, and the last are not part of it: there it
is told between hidden layers, by the first loss (against that of saying 0, too) or, where all of them give as many
numbers, by a factor of 2. With a norm over the batch in every layer the loss stays finite, the factor is about 1.2, and
it takes tens of layers to be told.
Harm: no learning rate fits the first and the last layers at once; steps throw the weights far away.
Looks like it: a step that is too large (there the gradient is of one size in all layers at the start); exploding in
time. Layers that give ever more numbers share one gradient among them, so that each gets less: told is what grows both
for a number and for the layer as a whole. Targets far from 0 make a first loss that is huge without any explosion.
Remedy: a start whose scale fits the width (He, Glorot), normalisation where there is none; a way past the layers
where there is; clipping holds the worst.
Sources: Glorot & Bengio 2010; He et al. 2015; Pascanu, Mikolov & Bengio 2013; of norms, Yang et al. 2019.
Planted: the initial weights of a deep network, three times too large.
"""

from __future__ import annotations

from dataclasses import replace

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.rules.vanishing_depth import LEAST, _factor, stack_of
from undertow.doctor.saying import found, place_of
from undertow.doctor.seen.study import Layer, Study
from undertow.doctor.verdict import Verdict

Stack = list[tuple[Layer, float]]

GROWN = 30.0  # the first layer's gradient over the last one's
FACTOR = 1.4  # a layer, or more
VAST, SLOWLY = 1e4, 1.05  # over very many layers a small factor does it, where nothing is learned
HIDDEN, TWICE = 1.25, 2.0  # a layer, between hidden ones: beside a huge loss, and by itself
THROWN = 0.1  # of the weights' length in a step: what they are then says nothing of how they began
HUGE = 5.0  # times what it costs to say the same of everything, and to say 0


def judge(case: Case) -> Verdict | None:
    """Asked of the very first steps: later the weights have been thrown about."""
    for study in case.finite_studies[:2]:
        if any((step.ratio or 0.0) > THROWN for step in case.steps[: study.step]):
            break
        stack = stack_of(study.layers)
        if len(stack) < LEAST or min(g for _, g in stack) <= 0:
            continue
        ratio, factor = _growth(stack)
        if ratio > GROWN and factor > FACTOR:
            return _said(study, stack)
        if ratio > VAST and factor > SLOWLY and case.stuck and case.players == 1:
            return replace(_said(study, stack), remedies=("residual", "clip"))
        if _between_hidden(case, study, stack[1:-1]):
            return _said(study, stack[1:-1])
    return None


def _between_hidden(case: Case, study: Study, hidden: Stack) -> bool:
    if len(hidden) < LEAST - 1 or case.players > 1 or any(layer.alike for layer, _ in hidden):
        return False
    factor, even = _growth(hidden)[1], len({layer.numbers for layer, _ in hidden}) == 1
    costs = [cost for cost in (case.baseline, case.silence) if cost is not None]
    huge = bool(costs) and study.loss > HUGE * max(costs) > 0
    return (factor > HIDDEN and huge) or (factor > TWICE and even)


def _growth(stack: Stack) -> tuple[float, float]:
    """From the last layer to the first, and by layer: a number's gradient, or the layer's, whichever grows less."""
    whole = [(layer, layer.squares**0.5) for layer, _ in stack]
    ratios, factors = zip(*((s[0][1] / s[-1][1], _factor(s)) for s in (stack, whole)), strict=True)
    return min(ratios), min(factors)


def _said(study: Study, stack: Stack) -> Verdict:
    (first, gradient), (last, least) = stack[0], stack[-1]
    ratio, factor = gradient / least, _factor(stack)
    rounded = f"{factor:.{1 if factor > FACTOR else 2}f}"
    when = "before the first step" if study.step == 0 else "after a step"
    return found(
        0.9,
        f"The gradient grows by a factor of {rounded} with every layer downward: at {first.parameter} it is "
        f"{ratio:.3g} times that at {last.parameter}, {when} ({len(stack)} layers).",
        place_of(first),
        layers=len(stack),
        grown=ratio,
        factor_a_layer=factor,
        first_loss=study.loss,
    )


RULE = Rule(
    "D102",
    "exploding in depth",
    judge,
    ("initialisation", "clip"),
    explains=("L103", "L104", "D103", "L109", "L111"),
)
