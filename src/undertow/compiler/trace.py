"""Trace a cell's step: which part depends on the weights alone, which on x alone, and which on the state.

    prologue   weights → what the step makes of them (transposes, slices): once a call, by torch
    hoisted    x → what the step makes of x before it meets the state: all steps at once, by torch
    core       the recurrence proper: the kernel's

Each is a torch.fx module. Sizes are concrete but for the batch, which is traced at a number that no size has.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.traceback import preserve_node_meta, set_stack_trace
from torch.overrides import TorchFunctionMode

from undertow.cells.cell import Cell
from undertow.compiler.decompose import WHOLE
from undertow.compiler.graph import NoRowError, place_of
from undertow.compiler.variation import Variation

aten = torch.ops.aten
NOT_THE_USER = (str(Path(torch.__file__).parent), str(Path(__file__).parent))
BATCHES = (1009, 1013, 2003)  # primes: the traced batch is the first that is no size of the cell
LIGHT = {
    aten.add.Tensor, aten.sub.Tensor, aten.rsub.Scalar, aten.mul.Tensor, aten.div.Tensor,
    aten.neg.default, aten.exp.default, aten.sigmoid.default, aten.tanh.default, aten.relu.default,
}  # fmt: skip
VIEWS = {
    "split_with_sizes", "split", "unbind", "getitem", "slice", "select", "view", "_unsafe_view", "expand",
    "unsqueeze", "squeeze", "permute", "t", "transpose", "alias", "detach",
}  # fmt: skip


@dataclass(frozen=True)
class Traced:
    """A step in three parts, with the names of what passes between them."""

    prologue: fx.GraphModule  # (*weights) -> derived weights
    hoisted: fx.GraphModule  # (x, *derived) -> sequences, one row a step and batch row
    core: fx.GraphModule  # (*sequences, *masks, *states, *derived) -> new states
    sequences: int
    masks: int
    states: int
    derived: int
    batch: int


def trace(cell: Cell, weights: Sequence[Tensor], variation: Variation, dtype: torch.dtype) -> Traced:
    """Trace `cell.step` with the shapes of `weights`.

    Raises:
        NoRowError: the step is no fixed graph of tensor operations, or draws random numbers.
    """
    batch = _free_batch(cell, weights)
    states = [s.to(dtype).clone() for s in cell.start(batch)]  # a start may hand one tensor out twice
    masks = _mask_examples(states, variation, batch)
    x = torch.zeros(batch, cell.input_size, dtype=dtype)
    counts = (len(masks), len(states))

    def step(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        outside, old, w = rest[: counts[0]], rest[counts[0] : sum(counts)], rest[sum(counts) :]
        return advance(cell, x, outside, old, w, variation)

    whole = _whole(step, [x, *masks, *states, *(w.detach() for w in weights)])
    return _divide(whole, counts, batch, variation.inline)


def advance(
    cell: Cell,
    x: Tensor,
    masks: Sequence[Tensor],
    old: Sequence[Tensor],
    weights: Sequence[Tensor],
    how: Variation,
) -> tuple[Tensor, ...]:
    """One step with what joins it from outside, as the eager loop does it."""
    left = list(masks)
    seen = list(old)
    if how.state_mask:
        seen[0] = seen[0] * left.pop(0)
    new = tuple(cell.step(x, cell.State(*seen), cell.Weights(*weights)))
    if how.zoneout:
        zones = [left.pop(0) for _ in new]
        new = tuple(z * o + (1 - z) * n for n, o, z in zip(new, old, zones, strict=True))
    if how.lengths:
        alive = left.pop(0) != 0
        new = tuple(torch.where(alive, n, o) for n, o in zip(new, old, strict=True))
    return new


def to_fx(
    function: Callable[..., Any], examples: Sequence[Tensor], table: dict[Any, Any] | None = None
) -> fx.GraphModule:
    """A function's ATen graph, without what nothing needs; ops are broken up as the table says."""
    module = make_fx(function, table or WHOLE, tracing_mode="fake")(*examples)
    if any(_writes(n) for n in module.graph.nodes):
        pure = torch.func.functionalize(function, remove="mutations")
        module = make_fx(pure, table or WHOLE, tracing_mode="fake")(*examples)
    module.graph.eliminate_dead_code()
    module.recompile()
    return module


def _writes(node: fx.Node) -> bool:
    schema = getattr(node.target, "_schema", None)
    return bool(schema is not None and schema.is_mutable)


class _Lines(TorchFunctionMode):
    """Gives every node the line of the user's file that it comes from."""

    def __torch_function__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename.startswith(NOT_THE_USER):
            frame = frame.f_back
        if frame is not None:
            set_stack_trace(
                [f'File "{frame.f_code.co_filename}", line {frame.f_lineno}, in {frame.f_code.co_name}']
            )
        return function(*arguments, **(named or {}))


@contextmanager
def _torch_says_nothing() -> Iterator[None]:
    """It logs the whole traceback of what fails on shapes alone; the reason that is given says it."""
    logger = logging.getLogger("torch._subclasses.fake_tensor")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _whole(step: Callable[..., Any], examples: Sequence[Tensor]) -> fx.GraphModule:
    """The step as a graph, its ops unbroken."""
    try:
        with preserve_node_meta(), _Lines(), _torch_says_nothing():
            module = to_fx(step, examples)
    except Exception as error:  # a user's code: what is wrong with it, the eager loop will say better
        first = next(iter(str(error).splitlines()), "").rstrip(".")
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if not frame.filename.startswith(NOT_THE_USER)]
        where = f" at {own[-1].filename}:{own[-1].lineno}" if own else ""
        raise NoRowError(f"the step cannot be traced{where} ({type(error).__name__}: {first})") from error
    for node in module.graph.nodes:
        if torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()):
            raise NoRowError(f"{node.target}{place_of(node)}: random numbers in a step")
    return module


def _free_batch(cell: Cell, weights: Sequence[Tensor]) -> int:
    taken = (
        {size for w in weights for size in w.shape} | {s.shape[-1] for s in cell.start(1)} | {cell.input_size}
    )
    return next(b for b in BATCHES if b not in taken)


def _mask_examples(states: Sequence[Tensor], how: Variation, batch: int) -> list[Tensor]:
    masks = [torch.ones_like(states[0])] if how.state_mask else []
    masks += [torch.zeros_like(s) for s in states] if how.zoneout else []
    return masks + ([states[0].new_ones(batch, 1)] if how.lengths else [])


def _divide(whole: fx.GraphModule, counts: tuple[int, int], batch: int, inline: bool) -> Traced:
    """Colour every node by what it depends on; cut where colours meet, or inline at x itself."""
    masks, states = counts
    _loosen_biases(whole)
    inputs = [n for n in whole.graph.nodes if n.op == "placeholder"]
    x, outside, old, weights = (
        inputs[0],
        inputs[1 : 1 + masks],
        inputs[1 + masks : 1 + masks + states],
        inputs[1 + masks + states :],
    )
    colour = {x: "x"} | dict.fromkeys([*outside, *old], "s") | dict.fromkeys(weights, "w")
    for node in whole.graph.nodes:
        if node.op in ("call_function", "get_attr"):
            seen = {colour[n] for n in node.all_input_nodes}
            held = "s" if batch in _sizes(node) else "w"  # rows made of nothing, or of a weight: the kernel's
            from_x = "s" if inline else "x"
            colour[node] = "s" if "s" in seen else from_x if "x" in seen else held
    _lower_light_work(whole, colour)
    _one_dtype(whole, colour, x.meta["val"].dtype)
    for number, node in enumerate(whole.graph.nodes):
        node.meta["undertow_order"] = number
    outputs = list(next(n for n in whole.graph.nodes if n.op == "output").args[0])
    core_nodes = {n for n in colour if colour[n] == "s" and n.op == "call_function"}
    core_nodes |= _views_below(core_nodes | set(outputs), colour, "x")
    hoisted_nodes = {n for n in colour if colour[n] == "x" and n.op == "call_function"}
    feeds = _boundary(core_nodes, outputs, colour, "x", core_nodes)
    derived = _boundary(core_nodes | _needed(feeds, hoisted_nodes), outputs, colour, "w", set())
    return Traced(
        prologue=_extract(whole, weights, derived),
        hoisted=flexible(_extract(whole, [x, *derived], feeds), batch),
        core=_extract(whole, [*feeds, *outside, *old, *derived], outputs),
        sequences=len(feeds),
        masks=masks,
        states=states,
        derived=len(derived),
        batch=batch,
    )


def _loosen_biases(whole: fx.GraphModule) -> None:
    """b + x·w as a product and a sum, so that the two may go different ways."""
    for node in list(whole.graph.nodes):
        if node.target is aten.addmm.default and len(node.args) == 3 and not node.kwargs:
            bias, x, w = node.args
            with whole.graph.inserting_before(node):
                product = whole.graph.call_function(aten.mm.default, (x, w))
                total = whole.graph.call_function(aten.add.Tensor, (product, bias))
            product.meta, total.meta = dict(node.meta), dict(node.meta)
            node.replace_all_uses_with(total)
            whole.graph.erase_node(node)


def _lower_light_work(whole: fx.GraphModule, colour: dict[fx.Node, str]) -> None:
    """Light work on the way from x to the state is the kernel's, where numbers lie in registers.

    Over all steps at once it would be a pass over memory, and another one for its gradient.
    """
    for node in reversed(whole.graph.nodes):
        if colour.get(node) == "x" and _is_light(node, colour) and _feeds_state(node, colour):
            colour[node] = "s"


def _is_light(node: fx.Node, colour: dict[fx.Node, str]) -> bool:
    """A pointwise op of one value of x as wide as itself, and of vectors and numbers."""
    if node.target not in LIGHT or node.kwargs:
        return False
    nodes = node.all_input_nodes
    from_x = [n for n in nodes if colour[n] == "x"]
    rest = [n for n in nodes if colour[n] != "x"]
    if len(from_x) != 1 or _sizes(from_x[0]) != _sizes(node):
        return False
    one_dtype = len({n.meta["val"].dtype for n in (node, *nodes) if _sizes(n)}) == 1
    return one_dtype and all(colour[n] == "w" and len(_sizes(n)) == 1 for n in rest)


def _feeds_state(node: fx.Node, colour: dict[fx.Node, str]) -> bool:
    """Is a value of x read by the recurrence alone, as it is or through views?"""
    return all(
        colour.get(user) == "s" or (user in colour and _is_view(user) and _feeds_state(user, colour))
        for user in node.users
    )


def _sizes(node: fx.Node) -> tuple[int, ...]:
    value = node.meta.get("val")
    return tuple(value.shape) if isinstance(value, Tensor) else ()


def _one_dtype(whole: fx.GraphModule, colour: dict[fx.Node, str], dtype: torch.dtype) -> None:
    """Let truths and whole numbers cross a cut as plain numbers: a kernel's arrays are all of one dtype."""
    for node in list(whole.graph.nodes):
        value = node.meta.get("val")
        if node not in colour or not isinstance(value, Tensor) or value.dtype is dtype:
            continue
        beyond = [u for u in node.users if u in colour and colour[u] != colour[node]]
        if not beyond:
            continue
        with whole.graph.inserting_after(node):
            number = whole.graph.call_function(aten._to_copy.default, (node,), {"dtype": dtype})
        number.meta = node.meta | {"val": value.to(dtype)}
        colour[number] = colour[node]
        for kind in ("s", "x"):
            readers = [u for u in beyond if colour[u] == kind]
            back = number
            if readers and (kind == "x" or value.dtype is torch.bool):
                with whole.graph.inserting_after(number):
                    if value.dtype is torch.bool:
                        back = whole.graph.call_function(aten.ne.Scalar, (number, 0))
                    else:
                        back = whole.graph.call_function(
                            aten._to_copy.default, (number,), {"dtype": value.dtype}
                        )
                back.meta, colour[back] = dict(node.meta), kind
            for reader in readers:
                reader.replace_input_with(node, back)


def _views_below(nodes: set[fx.Node], colour: dict[fx.Node, str], wanted: str) -> set[fx.Node]:
    """Views of x's part are read where they are, so the cut lies above them: a slice costs a kernel nothing."""
    found: set[fx.Node] = set()
    stack = [i for n in nodes for i in n.all_input_nodes] + [n for n in nodes if colour.get(n) == wanted]
    while stack:
        node = stack.pop()
        if colour.get(node) == wanted and node.op == "call_function" and _is_view(node) and node not in found:
            found.add(node)
            stack.extend(node.all_input_nodes)
    return found


def _is_view(node: fx.Node) -> bool:
    name = getattr(node.target, "__name__", str(node.target))
    if name == "getitem":  # of a split; a layer norm gives several values, too
        return _is_view(node.all_input_nodes[0])
    return name.partition(".")[0] in VIEWS


def _boundary(
    inside: set[fx.Node], outputs: list[fx.Node], colour: dict[fx.Node, str], wanted: str, skip: set[fx.Node]
) -> list[fx.Node]:
    """Values of the wanted colour that are read inside, in the order they are first met."""
    read = [i for n in sorted(inside, key=_order) for i in n.all_input_nodes] + list(outputs)
    return list(dict.fromkeys(n for n in read if colour.get(n) == wanted and n not in skip))


def _needed(targets: list[fx.Node], among: set[fx.Node]) -> set[fx.Node]:
    found: set[fx.Node] = set()
    stack = list(targets)
    while stack:
        node = stack.pop()
        if node in among and node not in found:
            found.add(node)
            stack.extend(node.all_input_nodes)
    return found


def _order(node: fx.Node) -> int:
    order: int = node.meta["undertow_order"]
    return order


def _extract(whole: fx.GraphModule, inputs: list[fx.Node], outputs: list[fx.Node]) -> fx.GraphModule:
    """The part of the graph between these values."""
    graph = fx.Graph()
    made: dict[fx.Node, fx.Node] = {}
    for number, node in enumerate(inputs):
        made[node] = graph.placeholder(f"in_{number}")
        made[node].meta = dict(node.meta)
    needed = _needed(outputs, {n for n in whole.graph.nodes if n not in made})
    for node in whole.graph.nodes:
        if node in needed and node not in made:
            made[node] = graph.node_copy(node, lambda n: made[n])
    graph.output(tuple(made[n] for n in outputs))
    return fx.GraphModule(whole, graph)


def flexible(module: fx.GraphModule, batch: int) -> fx.GraphModule:
    """Let the traced batch be any: where it stands as a number, the rows of x are counted instead."""
    x = next(n for n in module.graph.nodes if n.op == "placeholder")
    for node in list(module.graph.nodes):
        if node.op == "call_function" and batch in _numbers(node.args):
            with module.graph.inserting_before(node):
                rows = module.graph.call_function(torch.ops.aten.sym_size.int, (x, 0))
            node.args = _replaced(node.args, batch, rows)
    module.recompile()
    return module


def _numbers(value: Any) -> list[int]:
    if isinstance(value, list | tuple):
        return [n for v in value for n in _numbers(v)]
    return [value] if isinstance(value, int) else []


def _replaced(value: Any, old: int, new: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(_replaced(v, old, new) for v in value)
    return new if isinstance(value, int) and value == old else value
