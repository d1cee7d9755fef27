"""Read an ATen graph of the core and its derivative into the compiler's own graph.

What sums over the batch (a weight's gradient) leaves the rows: it becomes an `Outer` (aᵀ·b over all steps and rows) or
a column sum, and whatever follows it runs once, after the loop, in torch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from undertow.compiler.graph import Graph, Node, NoRowError, place_of, prune
from undertow.compiler.ops import TARGETS, aten
from undertow.compiler.read_numbers import NUMBERS, constant
from undertow.compiler.read_shapes import SHAPES
from undertow.compiler.reader import Reader, op_name, operand, pointwise, shape_of, told
from undertow.compiler.sums import Joint, Outer, Sum

__all__ = ["read"]

HANDLERS = {**SHAPES, **NUMBERS}
SHORT = (torch.int8, torch.uint8, torch.int16)  # whose numbers wrap where a kernel's do not


def read(joint: fx.GraphModule, roles: list[tuple[str, int]], batch: int) -> Joint:
    """Read the traced joint graph.

    Args:
        joint: of `differentiate`.
        roles: its inputs in order, as (letter, how many): u sequences, m masks, s states, k derived, d cotangents.
        batch: the number that was traced as the batch.

    Raises:
        NoRowError: an op, or a shape, that no kernel can hold; names it and the line.
    """
    placeholders = [n for n in joint.graph.nodes if n.op == "placeholder"]
    reader = Reader(batch, placeholders[-1].meta["val"].dtype)
    labels = [f"{letter}{n}" for letter, count in roles for n in range(count)]
    inputs = []
    for node, label in zip(placeholders, labels, strict=True):
        inputs.append(_input(node, label, batch))
        reader.names[node] = label
        reader.table[label] = inputs[-1]
    outputs = list(next(n for n in joint.graph.nodes if n.op == "output").args[0])
    sums = _find_sums(joint, batch)
    beyond = _after(sums)
    found: list[Outer | Sum] = []
    for node in joint.graph.nodes:
        if node.op != "call_function" or node in beyond:
            continue
        if node in sums:
            found.append(_sum_of(reader, node))
        else:
            _convert(reader, node)
    count = dict(roles)
    first, second = count["s"], count["s"] + count["u"]
    names = [_name(reader, node, beyond | sums) for node in outputs[: second + count["s"]]]
    states, feeds, olds = names[:first], names[first:second], names[second:]
    derived = [n for n, label in zip(placeholders, labels, strict=True) if label[0] == "k"]
    epilogue = _epilogue(
        joint, [n for n in joint.graph.nodes if n in sums], derived, outputs[second + count["s"] :]
    )
    wanted = [v for s in found for v in (s.names if isinstance(s, Outer) else (s.value,))]
    graph = prune(Graph(tuple(inputs), tuple(reader.nodes), tuple(dict.fromkeys([*names, *wanted]))))
    return Joint(graph, tuple(states), tuple(feeds), tuple(olds), tuple(found), epilogue)


def _input(node: fx.Node, label: str, batch: int) -> Node:
    shape = tuple(node.meta["val"].shape)
    if shape and shape[0] == batch:
        if len(shape) != 2:
            raise NoRowError(f"a value of shape {('B', *shape[1:])}: the kernels hold rows [B, n] only")
        return Node(label, "input", width=shape[1])
    if len(shape) == 2 and (shape[0] > 1 or _multiplies(node)):
        return Node(label, "input", width=shape[1], kind="matrix", depth=shape[0])
    if any(size != 1 for size in shape[:-1]):
        raise NoRowError(f"a weight of shape {shape}: the kernels hold matrices and vectors only")
    return Node(label, "input", width=shape[-1] if shape else 1, kind="vector")


def _multiplies(node: fx.Node) -> bool:
    """Is it the right side of a matrix product, as it is or transposed?"""
    for user in node.users:
        if user.target in (aten.mm.default, aten.addmm.default) and user.args[-1] is node:
            return True
        if user.target in (aten.permute.default, aten.t.default) and _multiplies(user):
            return True
    return False


def _find_sums(joint: fx.GraphModule, batch: int) -> set[fx.Node]:
    """Nodes that turn rows into something without a batch."""
    found = set()
    for node in joint.graph.nodes:
        if node.op == "call_function" and isinstance(node.meta.get("val"), torch.Tensor):
            if batch in node.meta["val"].shape:
                continue
            if any(batch in shape_of(i) for i in node.all_input_nodes):
                found.add(node)
    return found


def _after(sums: set[fx.Node]) -> set[fx.Node]:
    found: set[fx.Node] = set()
    stack = [u for n in sums for u in n.users]
    while stack:
        node = stack.pop()
        if node.op == "call_function" and node not in found:
            found.add(node)
            stack.extend(node.users)
    return found


def _sum_of(reader: Reader, node: Any) -> Outer | Sum:
    line = place_of(node)
    if node.target is aten.mm.default:
        left, right = node.args
        source = _transposed(left)
        if source is not None and source in reader.names and right in reader.names:
            return Outer(reader.names[source], reader.names[right])
    if node.target in (aten.sum.dim_IntList, aten.sum.default):
        source = node.args[0]
        axes = list(node.args[1]) if len(node.args) > 1 else []
        name = str(operand(reader, source))
        if axes == [0]:
            return Sum(name, shape_of(node))
        if axes in ([], list(range(len(shape_of(source))))):
            return Sum(reader.add("rowsum", (name,), 1, line), shape_of(node))
    raise NoRowError(f"{told(node)}: sums over the batch in a way that no kernel holds")


def _transposed(node: Any) -> fx.Node | None:
    if node.target in (aten.permute.default, aten.t.default) and len(shape_of(node)) == 2:
        source = node.args[0]
        return source if isinstance(source, fx.Node) else None
    return None


def _epilogue(
    joint: fx.GraphModule, sums: list[fx.Node], derived: list[fx.Node], outputs: list[Any]
) -> fx.GraphModule | None:
    graph = fx.Graph()
    made: dict[fx.Node, fx.Node] = {}
    for number, node in enumerate([*sums, *derived]):
        made[node] = graph.placeholder(f"in_{number}")
    needed, stack = set(), [o for o in outputs if isinstance(o, fx.Node)]
    while stack:
        node = stack.pop()
        if node not in made and node not in needed:
            needed.add(node)
            stack.extend(node.all_input_nodes)
    for node in joint.graph.nodes:
        if node in needed:
            made[node] = graph.node_copy(node, lambda n: made[n])
    graph.output(tuple(made[o] if isinstance(o, fx.Node) else None for o in outputs))
    return fx.GraphModule(joint, graph)


def _name(reader: Reader, node: Any, beyond: set[fx.Node]) -> str:
    if not isinstance(node, fx.Node) or node in beyond or node not in reader.names:
        spelled = told(node) if isinstance(node, fx.Node) else repr(node)
        raise NoRowError(f"a new state, or the gradient of x or of a state, is no row of numbers: {spelled}")
    name: str = reader.names[node]
    return name


def _convert(reader: Reader, node: Any) -> None:
    handler = HANDLERS.get(node.target)
    value = node.meta.get("val")
    if isinstance(value, torch.Tensor) and value.dtype in SHORT:
        raise NoRowError(f"{told(node)}: {value.dtype}")
    if "bitwise" in op_name(node) and value.dtype != torch.bool:
        raise NoRowError(f"{told(node)}: bits of whole numbers")
    floating = isinstance(value, torch.Tensor) and value.is_floating_point()
    if handler is not constant and floating and value.dtype != reader.dtype:
        raise NoRowError(f"{told(node)}: {value.dtype} among {reader.dtype}")
    if handler is not None:
        reader.names[node] = handler(reader, node)
    elif node.target in TARGETS:
        reader.names[node] = pointwise(reader, node, TARGETS[node.target], node.args)
    else:
        raise NoRowError(told(node))
