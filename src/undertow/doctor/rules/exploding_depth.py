"""The gradient grows on its way down through the layers.

Sign: from layer to layer downward the gradient gains the same factor; the first losses are huge. With a norm over the
batch in every layer the loss stays finite, the factor is about 1.2, and it takes tens of layers to be told.
Harm: no learning rate fits the first and the last layers at once; steps throw the weights far away.
Looks like it: a step that is too large (there the gradient is of one size in all layers at the start); exploding in
time.
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
from undertow.doctor.verdict import Verdict

GROWN = 30.0  # the first layer's gradient over the last one's
FACTOR = 1.4  # a layer, or more
VAST, SLOWLY = 1e4, 1.05  # over very many layers a small factor does it, where nothing is learned


def judge(case: Case) -> Verdict | None:
    """Asked of the very first steps: later the weights have been thrown about."""
    for study in case.finite_studies[:2]:
        stack = stack_of(study.layers)
        if len(stack) < LEAST or min(g for _, g in stack) <= 0:
            continue
        ratio, factor = stack[0][1] / stack[-1][1], _factor(stack)
        slowly = ratio > VAST and factor > SLOWLY and case.stuck and case.players == 1
        if (ratio > GROWN and factor > FACTOR) or slowly:
            digits = 1 if factor > FACTOR else 2
            verdict = found(
                0.9,
                f"The gradient grows by a factor of {factor:.{digits}f} with every layer downward: at "
                f"{stack[0][0].parameter} it is "
                f"{ratio:.0e} times that of the last layer, before the first step ({len(stack)} layers).",
                place_of(stack[0][0]),
                layers=len(stack),
                grown=ratio,
                factor_a_layer=factor,
                first_loss=study.loss,
            )
            return replace(verdict, remedies=("residual", "clip")) if slowly else verdict
    return None


RULE = Rule(
    "D102",
    "exploding in depth",
    judge,
    ("initialisation", "clip"),
    explains=("L103", "L104", "D103", "L109", "L111"),
)
