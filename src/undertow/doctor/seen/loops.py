"""Loops over raw tensors: what they read step by step, and what they are asked, from the graph alone.

No module is there that could be heard. Inputs are what products were given that no operation of the graph made: one a
step, or all steps at once before the loop, as where x W is taken for the whole sequence. Of a loss that is written out
by hand autograd keeps the difference alone: the output is worked out anew, and the rest is the target.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, stack

from undertow.doctor.seen.graph import VIEWS, Graph, Op, operand
from undertow.doctor.seen.losses import BY_HAND

RESULTS = frozenset(
    {"Tanh", "Sigmoid", "Relu", "Softmax", "LogSoftmax", "Exp", "Sqrt"}
)  # they keep what they gave
SHAPED = frozenset({"View", "UnsafeView", "Reshape", "ReshapeAlias", "Squeeze", "Unsqueeze"})
FOLDED = 4  # operations after a product, among which its rows are laid out as steps again
DEEP = 12  # operations that are worked out anew


def read_by_steps(graph: Graph, least: int) -> tuple[Tensor, bool] | None:
    """x [T, B, I] that a loop over raw tensors reads, and whether it began with a state that was not zero."""
    inputs, carried, steps = None, False, set[int]()
    for key, uses in graph.uses.items():
        if len(uses) < least:
            continue
        given = [operand(op) for op, _ in uses]
        if all(data and value is not None for value, data in given):
            found = [value for value, _ in given if value is not None]
            inputs = _side_by_side(found) if inputs is None else inputs
        elif len(levels := graph.levels(key)) >= least:
            steps.add(len(levels))
            first, data = given[0]
            carried = carried or (data and first is not None and bool(first.any()))
    inputs = _all_at_once(graph, steps) if inputs is None and steps else inputs
    return (inputs, carried) if inputs is not None else None


def _side_by_side(steps: Sequence[Tensor]) -> Tensor | None:
    same = all(v.shape == steps[0].shape and v.dim() == 2 for v in steps)
    return stack(list(steps)) if same else None


def _all_at_once(graph: Graph, steps: set[int]) -> Tensor | None:
    """What the first product that is taken once reads, if it is data of all steps."""
    once = (_before_the_loop(graph, uses[0][0]) for uses in graph.uses.values() if len(uses) == 1)
    x = next((x for x in once if x is not None), None)
    return None if x is None else _time_first(x, steps)


def _before_the_loop(graph: Graph, op: Op) -> Tensor | None:
    """Data of all steps and rows; its first two sizes as they were."""
    value, data = operand(op)
    if not data or value is None or value.dim() < 2:
        return None
    laid = [
        later.shape
        for later in graph.ops[op.place + 1 : op.place + 1 + FOLDED]
        if later.kind in VIEWS and op in later.others and len(later.shape) == 3
    ]
    if value.dim() == 2 and laid and laid[0][0] * laid[0][1] == len(value):
        return value.reshape(*laid[0][:2], value.shape[1])
    return value if value.dim() == 3 else None


def _time_first(x: Tensor, steps: set[int]) -> Tensor | None:
    """The axis that is as long as the loop is time; a loop may begin one step late, with no state at first."""
    axes = [axis for axis in (0, 1) if x.shape[axis] in steps or x.shape[axis] - 1 in steps]
    return x.transpose(0, axes[0]) if len(axes) == 1 else None


def asked_by_hand(graph: Graph) -> Tensor | None:
    """The target of a loss that was written out: what was taken from the output, or the output from it."""
    for op in reversed(graph.ops):
        child = op.inputs[0][1] if op.kind in BY_HAND and op.inputs else None
        if child is None or child.kind != "Sub" or len(child.others) != 1:
            continue
        difference = op.saved("self")
        if not isinstance(difference, Tensor) or difference.shape != child.shape:
            continue
        output = worked_out(child.others[0])
        if output is None or output.shape != difference.shape:
            return None
        return output - difference if child.inputs[0][1] is not None else output + difference
    return None


def worked_out(op: Op, deep: int = DEEP) -> Tensor | None:
    """What an operation gave, from what autograd keeps of it; None where that is not enough."""
    if deep == 0:
        return None
    if op.variable is not None:
        return op.variable.detach()
    if op.kind in RESULTS:
        return _detached(op.saved("result"))
    if op.kind in ("Mm", "Mv", "Addmm"):
        return _product(op, deep)
    if op.kind in SHAPED or (op.kind in ("Add", "Sub") and len(op.others) == 2):
        parts = [worked_out(other, deep - 1) for other in op.others]
        known = [part for part in parts if part is not None]
        return _joined(op, known) if len(known) == len(parts) else None
    return None


def _product(op: Op, deep: int) -> Tensor | None:
    names = {"Mm": ("self", "mat2"), "Mv": ("self", "vec"), "Addmm": ("mat1", "mat2")}[op.kind]
    left, right = (_detached(op.saved(name)) for name in names)
    if left is None or right is None:
        return None
    if op.kind != "Addmm":
        return left @ right
    added = op.inputs[0][1]
    bias = worked_out(added, deep - 1) if added is not None else None
    return None if bias is None else bias + left @ right


def _joined(op: Op, parts: Sequence[Tensor]) -> Tensor:
    if op.kind == "Add":
        return parts[0] + parts[1] * float(op.saved("alpha") or 1)
    if op.kind == "Sub":
        return parts[0] - parts[1] * float(op.saved("alpha") or 1)
    return parts[0].reshape(op.shape)


def _detached(value: object) -> Tensor | None:
    return value.detach() if isinstance(value, Tensor) else None
