"""What is minimised: which known losses the loss is made of, with which sign, and whether their shapes and numbers
fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from undertow.doctor.seen.graph import VIEWS, Graph, Op, through_views
from undertow.doctor.seen.lines import Line

LOSSES = {
    "NllLoss": "cross-entropy",
    "NllLoss2D": "cross-entropy",
    "BinaryCrossEntropy": "binary cross-entropy",
    "BinaryCrossEntropyWithLogits": "binary cross-entropy",
    "MseLoss": "squared error",
    "SmoothL1Loss": "smooth L1",
    "HuberLoss": "Huber",
    "Abs": "absolute error",
    "Pow": "squared error",
    "Square": "squared error",
}
BY_HAND = frozenset({"Pow", "Square", "Abs", "Mul"})  # of a difference, which is all that autograd keeps
LIKELY = "log-likelihood"  # what should be made large
LIKELIHOODS = frozenset({"LogSigmoid", "LogSoftmax"})
FIRST = frozenset(
    {
        "Mean",
        "Sum",
        "Add",
        "Sub",
        "Neg",
        "Div",
        "Mul",
        "Stack",
        "Cat",
        "Rsub",
        "Sqrt",
        "Where",
        "Minimum",
        "Maximum",
        "Log",
        "Gather",
        *VIEWS,
    }
)
ELEMENTWISE = frozenset(
    {
        "Add",
        "Sub",
        "Neg",
        "Rsub",
        "Div",
        "Mul",
        "Mean",
        "Sum",
        "View",
        "UnsafeView",
        "Reshape",
        "Squeeze",
        "Unsqueeze",
        "Clone",
    }
)
BENT = frozenset({"Sqrt", "Log", "Minimum", "Maximum"})  # of FIRST, those that are no sums
SUMMED = 2  # what torch calls reduction="sum"
ROWS = 4  # of a batch, that a table of all against all has at least
HEADS = 4  # losses side by side; more are steps of time, whose targets are of one kind
DEEP = 4000  # operations of the part of the graph that is loss


@dataclass(frozen=True)
class Loss:
    """One known loss within what is minimised."""

    kind: str
    sign: int  # -1: it is maximised; 0: not known
    line: Line
    target: Tensor | None = None
    given: Tensor | None = None  # what it compares with the target: logits, log-probabilities or numbers
    difference: Tensor | None = None  # output less target, where the loss was written out by hand
    squashed: str = ""  # softmax or sigmoid, where it expects none
    spread: tuple[tuple[int, ...], tuple[int, ...]] | None = None  # shape before and after broadcasting
    share: float | None = None  # what is minimised grows by so much when its mean over elements grows by 1
    ignored: int | None = None  # class of targets that are left out
    bend: float | None = (
        None  # of smooth L1 (beta) and Huber (delta): where the square becomes a straight line
    )
    laid_out: Tensor | None = None  # of classes of chosen places: the targets where they belong, -1 elsewhere
    weights: Tensor | None = None  # of its elements, where each is multiplied with one that is known: a mask


def losses_of(graph: Graph, factor: float = 1.0) -> list[Loss]:
    """All that is minimised, which counts `factor` times, and what is wrong with losses of whatever form."""
    found = losses_at_end(graph, factor)
    if not any(loss.squashed for loss in found):
        found += _squashed_twice(graph)
    return found if any(loss.spread for loss in found) else found + _stretched(graph)


def losses_at_end(graph: Graph, factor: float = 1.0) -> list[Loss]:
    """Found from the end of the graph on, of which no more is read than must be."""
    if graph.root is None:
        return []
    found, seen = [], {graph.root}
    waiting: list[tuple[Op, int, float | None, Tensor | None]] = [(graph.root, 1, factor, None)]
    while waiting and len(seen) < DEEP:
        op, sign, share, weights = waiting.pop()
        if _is_loss(op):
            found.append(replace(_loss(op, sign, share), weights=weights))
            continue
        if op.stretched:  # torch's own loss, made of several operations
            found.append(Loss("loss", sign, op.line, spread=op.stretched))
        if op.kind in LIKELIHOODS:
            found.append(Loss(LIKELY, -sign, op.line))
            continue
        for number, (other, then) in enumerate(_parts(op, sign)):
            if other is not None and other not in seen:
                seen.add(other)
                waiting.append((other, then, _passed_on(op, number, share), _weighed(op, number, weights)))
    return found


def _squashed_twice(graph: Graph) -> list[Loss]:
    """Logarithms of shares of shares, in a loss of whatever form."""
    for op in graph.ops:
        if op.kind != "LogSoftmax" or not op.others:
            continue
        source = through_views(op.others[0])
        if source is not None and source.kind in ("Softmax", "Sigmoid"):
            return [Loss("log-softmax", 0, op.line, squashed=source.kind.lower())]
    return []


def targets_of(losses: Sequence[Loss]) -> list[Tensor]:
    """Of every head, each once."""
    found = {loss.target.data_ptr(): loss.target for loss in losses if loss.target is not None}
    return list(found.values())


def _stretched(graph: Graph) -> list[Loss]:
    """A column of outputs less a row of data makes a table, whatever is done with it afterwards: (N, 1) less (N,)."""
    for op in graph.ops:
        shape = op.shape if op.kind in ("Sub", "Rsub") else ()
        if len(shape) != 2 or shape[0] != shape[1] or shape[0] < ROWS:
            continue
        if any(other.kind == "Unsqueeze" for other in op.others):
            continue  # every one against every other, as is written there
        if len(op.others) == 1 and op.others[0].shape in ((shape[0], 1), shape[:1]):
            return [Loss("difference", 1, op.line, spread=(op.others[0].shape, shape))]
    return []


def _is_loss(op: Op) -> bool:
    if op.kind == "Pow":
        return float(op.saved("exponent") or 0) % 2 == 0
    if op.kind == "Mul":  # a difference times itself
        return len(op.inputs) == 2 and op.inputs[0][1] is not None and op.inputs[0][1] is op.inputs[1][1]
    return op.kind in LOSSES


def _parts(op: Op, sign: int) -> list[tuple[Op | None, int]]:
    if op.kind not in FIRST:
        return []
    signs = [sign] * len(op.inputs)
    if op.kind in ("Neg", "Rsub"):
        signs = [-sign] * len(op.inputs)
    elif op.kind == "Sub" and len(signs) == 2:
        signs[1] = -sign
    elif op.kind in ("Mul", "Div"):
        signs = [sign * _sign_of_factor(op, number) for number in range(len(signs))]
    found = [(other, s) for (_, other), s in zip(op.inputs, signs, strict=True)]
    return found[:1] if op.kind == "Div" else found  # what is divided by is no part of a sum


def _passed_on(op: Op, number: int, factor: float | None) -> float | None:
    """What the sum over the elements of an input adds to what is minimised, where the output's adds `factor`."""
    if factor is None or op.kind in BENT:
        return None
    other = op.inputs[number][1]
    if op.kind == "Mean" and other is not None:
        return factor * op.size / max(other.size, 1)
    if op.kind in ("Mul", "Div", "Where"):
        known = _factor(op, number)
        if known is None or known.numel() == 0:
            return factor
        size = float(known.detach().double().abs().mean())
        return factor * size if op.kind != "Div" else factor / size if size and number == 0 else None
    return factor


def _weighed(op: Op, number: int, weights: Tensor | None) -> Tensor | None:
    """The weights of an input's elements, by those of the output's; None where they are not known one by one."""
    other = op.inputs[number][1]
    if other is None:
        return None
    known = _factor(op, number) if op.kind in ("Mul", "Where") else None
    if known is not None and known.numel() > 1:
        own = _stretched_to(known.detach(), other.shape)
        if own is None or weights is None or weights.numel() != own.numel():
            return own
        return own * weights.reshape(own.shape)
    if weights is None or op.kind not in ELEMENTWISE:
        return None
    if weights.numel() == other.size:
        return weights.reshape(other.shape)
    if other.shape[: weights.dim()] == tuple(weights.shape):  # summed or averaged over the last sizes
        return _stretched_to(
            weights.reshape(*weights.shape, *[1] * (len(other.shape) - weights.dim())), other.shape
        )
    return None


def _stretched_to(weights: Tensor, shape: tuple[int, ...]) -> Tensor | None:
    try:
        return weights.expand(shape)
    except RuntimeError:
        return None


def _sign_of_factor(op: Op, number: int) -> int:
    """What the other factor does to it."""
    factor = _factor(op, number)
    if factor is None or factor.numel() == 0:
        return 1
    low, high = float(factor.detach().min()), float(factor.detach().max())
    return 1 if low >= 0 else -1 if high <= 0 else 0


def _factor(op: Op, number: int) -> Tensor | None:
    """The other one of a product's two, where it is known."""
    if op.kind == "Where":
        chosen = op.saved("condition")
        return None if not isinstance(chosen, Tensor) else chosen if number == 0 else ~chosen
    factor = op.saved("other" if number == 0 else "self")
    if isinstance(factor, int | float):
        return torch.as_tensor(factor)
    return factor if isinstance(factor, Tensor) and not factor.is_meta else None


def _loss(op: Op, sign: int, factor: float | None) -> Loss:
    kind = LOSSES.get(op.kind, "squared error")
    child = op.inputs[0][1] if op.inputs else None
    given, target = op.saved("self"), op.saved("target")
    difference = None
    if op.kind in BY_HAND:
        difference, given, target = given, None, None
    ignored = op.saved("ignore_index")
    bend = op.saved("beta" if kind == "smooth L1" else "delta")
    return Loss(
        kind,
        sign,
        op.line,
        target,
        given,
        difference,
        _squashed(op, child),
        op.stretched or _spread(op, child),
        None if factor is None else factor * _elements(op, target),
        ignored if isinstance(ignored, int) else None,
        float(bend) if isinstance(bend, int | float) else None,
        _laid_out(child, target),
    )


def _laid_out(child: Op | None, target: Any) -> Tensor | None:
    """logits[mask] against target[mask]: the mask, filled with the targets."""
    source = through_views(child)
    if source is not None and source.kind == "LogSoftmax":
        source = through_views(source.others[0]) if source.others else None
    if (
        source is None
        or source.kind != "Index"
        or not isinstance(target, Tensor)
        or target.is_floating_point()
    ):
        return None
    places = [t for t in source.saved("indices") or () if isinstance(t, Tensor)]
    if len(places) == 1 and places[0].dtype == torch.bool:
        places = list(places[0].nonzero(as_tuple=True))
    shape = source.others[0].shape if source.others else ()
    if len(places) < 2 or len(shape) <= len(places) or any(len(t) != len(target) for t in places):
        return None
    found = torch.full(shape[: len(places)], -1, dtype=target.dtype)
    found[tuple(t.cpu() for t in places)] = target.detach().cpu()
    return found


def _elements(op: Op, target: Any) -> int:
    """Over how many is summed, where a sum and no mean is taken."""
    summed = op.saved("reduction") == SUMMED and isinstance(target, Tensor)
    return max(int(target.numel()), 1) if summed else op.size


def _squashed(op: Op, child: Op | None) -> str:
    """What was put between the network and a loss that does that itself, or expects something else."""
    source = through_views(child)
    if op.kind.startswith("NllLoss") and source is not None:
        if source.kind == "Softmax":  # probabilities, where their logarithms belong
            return "softmax"
        before = through_views(source.others[0]) if source.kind == "LogSoftmax" and source.others else None
        return {"Softmax": "softmax", "Sigmoid": "sigmoid"}.get(before.kind, "") if before is not None else ""
    if op.kind == "BinaryCrossEntropyWithLogits" and source is not None:
        return {"Softmax": "softmax", "Sigmoid": "sigmoid"}.get(source.kind, "")
    return ""


def _spread(op: Op, child: Op | None) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Was the network's output stretched over a target of another shape, every one against every other?"""
    while child is not None and child.kind in ("Sub", "Rsub", "Expand", "Mul", *VIEWS):
        for other in child.others:
            if other.kind == "Unsqueeze":
                continue
            rows = other.shape[0] if other.shape else 1
            alone = child.kind == "Expand" or len(child.others) == 1
            if (
                alone
                and rows > 1
                and other.size * rows == child.size
                and child.shape.count(rows) > other.shape.count(rows)
            ):
                return other.shape, child.shape
            if (
                child.kind == "Expand"
                and op.kind in ("MseLoss", "SmoothL1Loss", "HuberLoss")
                and other.size == 1 < child.size
            ):
                return other.shape, child.shape
        child = child.others[0] if child.kind != "Mul" and len(child.others) == 1 else None
    return None
