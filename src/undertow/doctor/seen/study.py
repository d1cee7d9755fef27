"""One step of training, looked at closely: its graph before backward, and what comes back through it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from undertow.doctor.seen.chains import Chain, chains_of
from undertow.doctor.seen.graph import BY_ELEMENT, Graph, Op, operand, retained
from undertow.doctor.seen.lines import Line
from undertow.doctor.seen.losses import Loss, losses_of
from undertow.doctor.seen.spoilt import Singular, singular_in

ENDS = {"Tanh": (-1.0, 1.0), "Sigmoid": (0.0, 1.0)}
RECTIFIERS = ("Relu", "Threshold", "ReluBackward", "Relu6", "Hardtanh")
NEAR_END = 0.03  # of the range: saturated
PINNED = 4.0  # a sigmoid of that is 0.98
LARGE = 5.0  # root mean square of inputs, from which on it is asked what they pin
BESIDES = 6  # operations after a product among which its nonlinearity is looked for


@dataclass
class Layer:
    """One weight in one step: what its products gave, and what came back to them."""

    parameter: str
    line: Line
    module: str
    uses: int
    fan_out: int
    embedding: bool = False
    given: float | None = None  # root mean square of what it was multiplied with first
    first: bool = False  # that is data
    bent: str = ""  # the nonlinearity behind it
    size: float | None = None  # root mean square of what came out of that
    dead: float | None = None  # share of its units that are zero for all rows
    saturated: float | None = None  # share of its numbers near a flat end
    pinned: float | None = (
        None  # share of its sums that large inputs put where a sigmoid is flat, of inputs not 0
    )
    alike: bool = False  # all its units give the same
    squares: float = 0.0
    numbers: int = 0

    @property
    def gradient(self) -> float | None:
        """Root mean square of the gradient that came to its products."""
        return (self.squares / self.numbers) ** 0.5 if self.numbers else None


@dataclass
class Study:
    """Of one backward pass."""

    step: int
    loss: float
    operations: int
    layers: list[Layer] = field(default_factory=list)
    chains: list[Chain] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    weighs: dict[int, float] = field(default_factory=dict)  # by id of a recurrent weight: ‖∂L/∂w‖ ‖w‖ / |L|
    reached: frozenset[int] = frozenset()  # ids of the leaves of the graph
    singular: Singular | None = None
    retained: bool = False  # the graph holds what was made before the step
    carried: bool | None = None  # its recurrences began with a state that is not zero; None: none was seen


@dataclass(frozen=True)
class How:
    """Is it looked at?"""

    scale: float = 1.0  # what is minimised is the loss by so much
    walks: bool = True  # passes of our own back in time, which the script's own hooks would hear


def study(
    graph: Graph, root: Tensor, step: int, names: Mapping[int, str], since: int, how: How
) -> tuple[Study, Callable[[], None]]:
    """Look at a loss before its backward pass; the second result is to be called when that is over."""
    made = Study(step, float(root.detach().double().sum()) / how.scale, len(graph))
    made.reached = frozenset(id(v) for v in graph.leaves)
    made.losses = losses_of(graph, 1 / how.scale)
    made.singular = singular_in(graph, step)
    made.retained = since > 0 and retained(graph, since)
    if not graph.whole:
        return made, lambda: None
    made.carried = _carried(graph)
    made.layers = [layer for layer in (_layer(graph, key, names) for key in graph.uses) if layer is not None]
    if how.walks and not made.retained:
        made.chains = chains_of(graph, torch.Generator().manual_seed(step))
    handles = [
        h for key, layer in zip(_layered(graph), made.layers, strict=True) for h in _listen(graph, key, layer)
    ]

    recurrent = {c.parameter for c in made.chains}
    weights = [v for v in graph.leaves if id(v) in recurrent]
    before = {id(v): None if v.grad is None else v.grad.detach().clone() for v in weights}

    def over() -> None:
        for handle in handles:
            handle.remove()
        for weight in weights:
            made.weighs[id(weight)] = _weighs(weight, before[id(weight)], made.loss * how.scale)

    return made, over


def _weighs(weight: Tensor, before: Tensor | None, loss: float) -> float:
    if weight.grad is None or loss == 0:
        return 0.0
    gradient = weight.grad.detach() if before is None else weight.grad.detach() - before
    return float(gradient.double().norm() * weight.detach().double().norm()) / abs(loss)


def _carried(graph: Graph) -> bool | None:
    begun = [operand(ops[0]) for _, ops in graph.recurrences()]
    states = [value for value, data in begun if data and value is not None]
    return any(bool(value.any()) for value in states) if states else None


def _layered(graph: Graph) -> list[int]:
    return [key for key in graph.uses if _weights(graph, key)]


def _weights(graph: Graph, key: int) -> list[Op]:
    return [op for op, _ in graph.uses[key] if op.kind not in BY_ELEMENT]


def _layer(graph: Graph, key: int, names: Mapping[int, str]) -> Layer | None:
    ops = _weights(graph, key)
    if not ops:
        return None
    weight = next(v for v in graph.leaves if id(v) == key)
    made = Layer(names.get(key, "a tensor"), ops[0].line, ops[0].module, len(ops), len(weight))
    made.embedding, made.given, made.first = ops[0].kind == "Embedding", *_given(ops[0])
    made.pinned = _pinned(ops[0], weight) if (made.given or 0.0) > LARGE else None
    if made.given is not None and ops[0].kind == "MkldnnRnnLayer":
        made.bent, made.saturated = "gates", made.pinned
        return made
    after = _behind(graph, ops[-1])
    result = after.saved("result") if after is not None else None
    if after is not None and isinstance(result, Tensor) and result.numel():
        _note(made, after.kind, result.detach())
    return made


def _given(op: Op) -> tuple[float | None, bool]:
    """How large is what it was multiplied with, and was that data?"""
    value, data = operand(op)
    return (float(value.double().square().mean().sqrt()), data) if value is not None else (None, False)


def _pinned(op: Op, weight: Tensor) -> float | None:
    """The share of sums that the inputs alone pin to an end; steps of which nothing is told (padding) left aside."""
    x, _ = operand(op)
    weight = op.saved("weight0") if op.kind == "MkldnnRnnLayer" else weight.detach()
    if not isinstance(x, Tensor) or not isinstance(weight, Tensor) or weight.dim() != 2 or not x.dim():
        return None
    x = x.detach().reshape(-1, x.shape[-1])
    x = x[(x != 0).any(1)]
    if x.shape[-1] not in weight.shape or not len(x):
        return None
    turned = weight.T if x.shape[-1] == weight.shape[1] else weight
    return float(((x @ turned.to(x.dtype)).abs() > PINNED).double().mean())


def _behind(graph: Graph, op: Op) -> Op | None:
    """The nonlinearity behind a product, a normalisation at most between them."""
    for later in graph.ops[op.place + 1 : op.place + 1 + BESIDES]:
        if (later.kind in ENDS or later.kind in RECTIFIERS) and later.size % max(op.size, 1) == 0:
            return later
    return None


def _note(layer: Layer, kind: str, result: Tensor) -> None:
    result = result.unsqueeze(0) if result.dim() == 1 else result  # of one row alone
    layer.bent, layer.size = kind.lower(), float(result.double().square().mean().sqrt())
    by_unit = (
        result.transpose(0, 1).flatten(1) if result.dim() > 2 and kind not in ENDS else result.flatten(0, -2)
    )
    units = by_unit if result.dim() > 2 and kind not in ENDS else by_unit.T
    if kind in ENDS:
        low, high = ENDS[kind]
        near = NEAR_END * (high - low)
        layer.saturated = float(((result < low + near) | (result > high - near)).double().mean())
    else:
        layer.dead = float((units == 0).all(1).double().mean())
    if len(units) > 1:
        layer.alike = bool((units - units[:1]).abs().max() <= 1e-6 * units.abs().max().clamp(min=1e-12))


def _listen(graph: Graph, key: int, layer: Layer) -> list[Any]:
    def note(gradients: tuple[Tensor | None, ...]) -> None:
        if gradients and gradients[0] is not None:
            flat = gradients[0].double().flatten()  # of every step of a loop: three calls of torch, no more
            layer.squares += float(flat.dot(flat))
            layer.numbers += flat.numel()

    return [op.node.register_prehook(note) for op in _weights(graph, key)]
