"""All units of a layer are the same, and the gradient keeps them the same.

Sign: the rows of a weight matrix are identical after many steps.
Harm: the layer is worth one unit, however wide it is.
Looks like it: a last layer that starts at zero (its rows part at the first step).
Remedy: a random start.
Sources: Rumelhart, Hinton & Williams 1986.
Planted: all weights equal.
"""

from __future__ import annotations

from torch import Tensor

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule
from undertow.doctor.saying import found, place_of
from undertow.doctor.verdict import Verdict

ALIKE = 1e-5
STEPS = 4  # after which rows that began alike should have parted


def judge(case: Case) -> Verdict | None:
    """Looks at the weights as they are now."""
    if len(case.steps) < STEPS or not case.studies:
        return None
    learns = {layer.parameter for study in case.studies for layer in study.layers if layer.gradient}
    for layer in case.studies[-1].layers:
        weight = case.parameters.get(layer.parameter)
        if weight is None or weight.dim() < 2 or layer.embedding or layer.parameter not in learns:
            continue
        if (
            len(weight) > 1
            and weight.shape[1:].numel() > 0
            and (_rows_alike(weight) or _columns_alike(weight, layer.alike))
        ):
            return found(
                0.95,
                f"All {layer.fan_out} units of {layer.parameter} are the same after {len(case.steps):,} steps.",
                place_of(layer),
                units=layer.fan_out,
                steps=len(case.steps),
            )
    return None


def _rows_alike(weight: Tensor) -> bool:
    """Beside numbers of usual size: rows that one wild step has thrown far are alike only in proportion."""
    flat = weight.detach().flatten(1)
    return bool(flat.any()) and float((flat - flat[:1]).abs().max()) <= ALIKE * min(
        float(flat.abs().max()), 1.0
    )


def _columns_alike(weight: Tensor, alike: bool) -> bool:
    """Written x @ W, units are columns; that they are is told by what they give."""
    return alike and _rows_alike(weight.detach().flatten(1).T)


RULE = Rule(
    "D105",
    "symmetry",
    judge,
    ("initialisation",),
    explains=("D101", "D102", "L103", "L104", "D103", "T101", "T102"),
)
