"""Read an ATen graph of the core and its derivative into the compiler's own graph.

What sums over the batch (a weight's gradient) leaves the rows: it becomes an `Outer` (aᵀ·b over all steps and rows) or
a column sum, and whatever follows it runs once, after the loop, in torch.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx

from undertow.compiler.graph import Graph, Input, Node, NoRowError, prune
from undertow.compiler.graph import place_of as _line
from undertow.compiler.ops import LOGIC, POINTWISE, TARGETS, aten
from undertow.compiler.sums import Joint, Outer, Sum

__all__ = ["read"]


@dataclass
class _Reader:
    batch: int
    dtype: torch.dtype
    names: dict[fx.Node, Any] = field(default_factory=dict)  # a name, or a list of names for a split
    nodes: list[Node] = field(default_factory=list)
    table: dict[str, Node] = field(default_factory=dict)
    count: int = 0

    def add(self, op: str, inputs: tuple[Input, ...], width: int, line: str, **more: Any) -> str:
        inputs = self.fitting(op, inputs)
        if op == "slice":
            more["truth"] = self.table[str(inputs[0])].truth
        name = f"v{self.count}"
        self.count += 1
        kinds = {self.table[i].kind for i in inputs if isinstance(i, str)}
        kind = more.pop("kind", "rows" if "rows" in kinds else "vector")
        node = Node(name, op, inputs, width, kind, line=line, **more)
        self.nodes.append(node)
        self.table[name] = node
        return name

    def fitting(self, op: str, inputs: tuple[Input, ...]) -> tuple[Input, ...]:
        """Truths where logic is meant, numbers elsewhere: True is 1."""
        if op in ("slice", "mm", "transpose"):
            return inputs
        logic = len(inputs) if op in LOGIC else 1 if op == "where" else 0
        return tuple(self.truth(i) if n < logic else self.number(i) for n, i in enumerate(inputs))

    def truth(self, value: Input) -> Input:
        if isinstance(value, str) and self.table[value].truth:
            return value
        width = self.width(value)
        return self.add("ne", (value, 0.0), width, "", truth=True)

    def number(self, value: Input) -> Input:
        if not isinstance(value, str) or not self.table[value].truth:
            return value
        return self.add("where", (value, 1.0, 0.0), self.width(value), "")

    def width(self, value: Input) -> int:
        return self.table[value].width if isinstance(value, str) else 1


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
    reader = _Reader(batch, placeholders[-1].meta["val"].dtype)
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


def _is_rows(node: Any, batch: int) -> bool:
    value = node.meta.get("val") if isinstance(node, fx.Node) else None
    return isinstance(value, torch.Tensor) and value.dim() > 0 and value.shape[0] == batch


def _find_sums(joint: fx.GraphModule, batch: int) -> set[fx.Node]:
    """Nodes that turn rows into something without a batch."""
    found = set()
    for node in joint.graph.nodes:
        if node.op == "call_function" and isinstance(node.meta.get("val"), torch.Tensor):
            if batch in node.meta["val"].shape:
                continue
            if any(batch in _shape(i) for i in node.all_input_nodes):
                found.add(node)
    return found


def _shape(node: Any) -> tuple[int, ...]:
    value = node.meta.get("val")
    return tuple(value.shape) if isinstance(value, torch.Tensor) else ()


def _after(sums: set[fx.Node]) -> set[fx.Node]:
    found: set[fx.Node] = set()
    stack = [u for n in sums for u in n.users]
    while stack:
        node = stack.pop()
        if node.op == "call_function" and node not in found:
            found.add(node)
            stack.extend(node.users)
    return found


def _sum_of(reader: _Reader, node: Any) -> Outer | Sum:
    line = _line(node)
    if node.target is aten.mm.default:
        left, right = node.args
        source = _transposed(left)
        if source is not None and source in reader.names and right in reader.names:
            return Outer(reader.names[source], reader.names[right])
    if node.target in (aten.sum.dim_IntList, aten.sum.default):
        source = node.args[0]
        axes = list(node.args[1]) if len(node.args) > 1 else []
        name = str(_operand(reader, source))
        if axes == [0]:
            return Sum(name, _shape(node))
        if axes in ([], list(range(len(_shape(source))))):
            return Sum(reader.add("rowsum", (name,), 1, line), _shape(node))
    raise NoRowError(f"{_spelled(node)}{line}: sums over the batch in a way that no kernel holds")


def _transposed(node: Any) -> fx.Node | None:
    if node.target in (aten.permute.default, aten.t.default) and len(_shape(node)) == 2:
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


def _name(reader: _Reader, node: Any, beyond: set[fx.Node]) -> str:
    if not isinstance(node, fx.Node) or node in beyond or node not in reader.names:
        spelled = f"{_spelled(node)}{_line(node)}" if isinstance(node, fx.Node) else repr(node)
        raise NoRowError(f"a new state, or the gradient of x or of a state, is no row of numbers: {spelled}")
    name: str = reader.names[node]
    return name


SHORT = (torch.int8, torch.uint8, torch.int16)  # whose numbers wrap where a kernel's do not


def _convert(reader: _Reader, node: Any) -> None:
    handler = HANDLERS.get(node.target)
    value = node.meta.get("val")
    if isinstance(value, torch.Tensor) and value.dtype in SHORT:
        raise NoRowError(f"{_spelled(node)}{_line(node)}: {value.dtype}")
    if "bitwise" in _spelled(node) and value.dtype != torch.bool:
        raise NoRowError(f"{_spelled(node)}{_line(node)}: bits of whole numbers")
    floating = isinstance(value, torch.Tensor) and value.is_floating_point()
    if handler is not _constant and floating and value.dtype != reader.dtype:
        raise NoRowError(f"{_spelled(node)}{_line(node)}: {value.dtype} among {reader.dtype}")
    if handler is not None:
        reader.names[node] = handler(reader, node)
    elif node.target in TARGETS:
        reader.names[node] = _pointwise(reader, node, TARGETS[node.target], node.args)
    else:
        raise NoRowError(f"{_spelled(node)}{_line(node)}")


def _pointwise(reader: _Reader, node: Any, op: str, arguments: Any) -> str:
    inputs = tuple(_spread(reader, a, _shape(node)) for a in arguments)
    return reader.add(op, inputs, _width(reader, node), _line(node), truth=POINTWISE[op].truth)


def _width(reader: _Reader, node: Any) -> int:
    """Columns of a row: an inner axis is laid out in the row, too."""
    shape = _shape(node)
    if (len(shape) > 1 and shape[0] not in (1, reader.batch)) or len(shape) > 3:
        raise NoRowError(f"{_spelled(node)}{_line(node)}: of shape {shape}, not rows [B, n]")
    return math.prod(shape if len(shape) == 1 and shape[0] != reader.batch else shape[1:])


def _spread(reader: _Reader, value: Any, shape: tuple[int, ...]) -> Input:
    """A value as wide as rows of this shape need it; along an inner axis it is repeated."""
    name = _operand(reader, value)
    own = _shape(value) if isinstance(value, fx.Node) else ()
    if len(shape) < 3 or own == shape or math.prod(own[-2:]) == 1 or (own == (reader.batch, 1, 1)):
        return name
    blocks, last = shape[1], own[-1]
    middle = own[-2] if len(own) == 3 else 1
    parts: list[Input] = []
    for block in range(blocks):
        part = reader.add("slice", (name,), last, "", at=block * last if middle > 1 else 0)
        parts.append(part if last == shape[2] else reader.add("copy", (part,), shape[2], ""))
    return reader.add("cat", tuple(parts), blocks * shape[2], "", kind="rows")


def _operand(reader: _Reader, value: Any) -> Input:
    if isinstance(value, fx.Node):
        if reader.names.get(value) is None:
            raise NoRowError(f"{_spelled(value)}{_line(value)}")
        name: str = reader.names[value]
        if reader.table[name].kind == "matrix":
            raise NoRowError(f"{_spelled(value)}{_line(value)}: a matrix used number by number")
        return name
    return float(value)


def _scaled(op: str) -> Callable[[_Reader, fx.Node], str]:
    """add and sub take a factor for their second input."""

    def handler(reader: _Reader, node: Any) -> str:
        left, right = node.args[:2]
        alpha = node.kwargs.get("alpha", 1)
        if alpha != 1:
            right = _spread(reader, right, _shape(node))
            right = reader.add("mul", (right, float(alpha)), reader.width(right), "")
        shape = _shape(node)
        inputs = (
            _spread(reader, left, shape),
            right if isinstance(right, str) else _spread(reader, right, shape),
        )
        truths = node.meta["val"].dtype == torch.bool
        name = "or" if truths else op
        return reader.add(name, inputs, _width(reader, node), _line(node), truth=truths)

    return handler


def _swapped(reader: _Reader, node: Any) -> str:
    return reader.add(
        "sub",
        (_operand(reader, node.args[1]), _operand(reader, node.args[0])),
        _width(reader, node),
        _line(node),
    )


def _product(reader: _Reader, node: Any) -> str:
    left, right = node.args[-2:]
    a, matrix, shape = reader.names[left], reader.names[right], _shape(node)
    if a is None or matrix is None or reader.table[matrix].kind != "matrix" or reader.table[a].kind != "rows":
        raise NoRowError(f"{_spelled(node)}{_line(node)}: a product that is not rows times weights")
    result = reader.add("mm", (a, matrix), shape[1], _line(node), kind="rows")
    if node.target is aten.addmm.default:
        result = reader.add("add", (result, _operand(reader, node.args[0])), shape[1], _line(node))
    return result


def _permute(reader: _Reader, node: Any) -> Any:
    source = node.args[0]
    if _is_rows(source, reader.batch):
        if len(_shape(source)) > 2:
            raise NoRowError(f"{_spelled(node)}{_line(node)}: axes of a row exchanged")
        return None  # only ever the left side of a sum over the batch
    name = reader.names[source]
    old = reader.table[name]
    if old.kind != "matrix":
        return name
    if old.op == "transpose":
        return old.inputs[0]
    return reader.add("transpose", (name,), old.depth, _line(node), kind="matrix", depth=old.width)


def _split(reader: _Reader, node: Any) -> Any:
    source, sizes = node.args[:2]
    axis = node.args[2] if len(node.args) > 2 else node.kwargs.get("dim", 0)
    return _pieces(reader, node, source, sizes, axis)


def _pieces(reader: _Reader, node: Any, source: Any, sizes: Any, axis: Any) -> Any:
    name, unit = _operand(reader, source), _unit(reader, node, source, axis)
    sizes = [size * unit for size in sizes]
    places = [sum(sizes[:n]) for n in range(len(sizes))]
    return [
        reader.add("slice", (name,), size, _line(node), at=place)
        for size, place in zip(sizes, places, strict=True)
    ]


def _getitem(reader: _Reader, node: Any) -> Any:
    return reader.names[node.args[0]][node.args[1]]


def _slice(reader: _Reader, node: Any) -> str:
    source, axis = node.args[0], node.args[1] if len(node.args) > 1 else 0
    begin = node.args[2] if len(node.args) > 2 else None
    step = node.args[4] if len(node.args) > 4 else 1
    name, shape = str(_operand(reader, source)), _shape(node)
    if axis == 0 and shape[0] == reader.batch:
        return name
    if step != 1:
        raise NoRowError(f"{_spelled(node)}{_line(node)}: a slice with steps")
    unit, size = _unit(reader, node, source, axis), _shape(source)[axis]
    begin = int(begin or 0)
    begin = max(0, begin + size) if begin < 0 else begin
    return reader.add("slice", (name,), shape[axis] * unit, _line(node), at=begin * unit)


def _unit(reader: _Reader, node: Any, source: Any, axis: Any) -> int:
    """How many columns one step along an axis is; steps along it must lie one behind the other."""
    shape = _shape(source)
    axis = axis % len(shape)
    if axis == 0 or shape[0] != reader.batch or (len(shape) == 3 and axis == 2 and shape[1] > 1):
        raise NoRowError(f"{_spelled(node)}{_line(node)}: taken apart along axis {axis} of {shape}")
    return math.prod(shape[axis + 1 :])


def _select(reader: _Reader, node: Any) -> str:
    source, axis, index = node.args
    unit, size = _unit(reader, node, source, axis), _shape(source)[axis]
    place = int(index) % size * unit
    return reader.add("slice", (str(_operand(reader, source)),), unit, _line(node), at=place)


def _slice_scatter(reader: _Reader, node: Any) -> str:
    """Columns begin:end replaced: what is left of it, the new ones, what is right of it."""
    source, new, axis = node.args[0], node.args[1], node.args[2] if len(node.args) > 2 else 0
    begin = int(node.args[3] or 0) if len(node.args) > 3 else 0
    if len(node.args) > 5 and node.args[5] != 1:
        raise NoRowError(f"{_spelled(node)}{_line(node)}: written with steps")
    unit = _unit(reader, node, source, axis)
    width, inner = _width(reader, node), _width(reader, new)
    if inner == width and _shape(new) == _shape(node):
        return str(_operand(reader, new))
    begin = begin * unit + (width if begin < 0 else 0)
    name, line = _operand(reader, source), _line(node)
    parts: list[Input] = [_operand(reader, new)]
    if begin:
        parts.insert(0, reader.add("slice", (name,), begin, line))
    if begin + inner < width:
        parts.append(reader.add("slice", (name,), width - begin - inner, line, at=begin + inner))
    return reader.add("cat", tuple(parts), width, line, kind="rows")


def _cat(reader: _Reader, node: Any) -> str:
    parts, axis = node.args[0], node.args[1] if len(node.args) > 1 else 0
    _unit(reader, node, node, axis)
    inputs = tuple(_operand(reader, p) for p in parts)
    return reader.add("cat", inputs, _width(reader, node), _line(node), kind="rows")


def _reshaped(reader: _Reader, node: Any) -> Any:
    """Views that keep rows as rows: [B] as [B, 1], [n] as [1, n], [B, n] as it is, spread along an axis."""
    source = node.args[0]
    name = reader.names[source]
    old, shape = reader.table[name], _shape(node)
    rows = bool(shape) and shape[0] == reader.batch
    if old.kind == "matrix" and shape == (old.depth, old.width):
        return name
    width = _width(reader, node)
    if node.target is aten.expand.default and len(shape) == 3:
        return _spread(reader, source, shape)
    if old.width not in (1, width):
        raise NoRowError(f"{_spelled(node)}{_line(node)}: a view of {_shape(source)} as {shape}")
    return (
        name
        if old.width == width
        else reader.add("copy", (name,), width, _line(node), kind="rows" if rows else old.kind)
    )


def _row_sum(reader: _Reader, node: Any) -> str:
    return _reduced(reader, node, "rowsum")


def _row_mean(reader: _Reader, node: Any) -> str:
    source = node.args[0]
    total = _reduced(reader, node, "rowsum")
    share = _width(reader, node) / _width(reader, source)
    return reader.add("mul", (total, share), _width(reader, node), _line(node))


def _row_max(reader: _Reader, node: Any) -> str:
    return _reduced(reader, node, "rowmax")


def _reduced(reader: _Reader, node: Any, op: str) -> str:
    """Over the last axis, over an inner one, or over both."""
    source, line = node.args[0], _line(node)
    shape = _shape(source)
    axes = sorted(axis % len(shape) for axis in node.args[1]) if len(node.args) > 1 else [0]
    if not _is_rows(source, reader.batch) or 0 in axes:
        raise NoRowError(f"{_spelled(node)}{line}: reduces other axes than those of a row")
    name = str(_operand(reader, source))
    if axes == list(range(1, len(shape))):
        return reader.add(op, (name,), 1, line)
    blocks = [reader.add("slice", (name,), shape[2], line, at=n * shape[2]) for n in range(shape[1])]
    if axes == [2]:
        parts = tuple(reader.add(op, (block,), 1, line) for block in blocks)
        return reader.add("cat", parts, len(parts), line, kind="rows") if len(parts) > 1 else parts[0]
    result = blocks[0]
    for block in blocks[1:]:
        result = reader.add("add" if op == "rowsum" else "maximum", (result, block), shape[2], line)
    return result


def _power(reader: _Reader, node: Any) -> str:
    base, exponent = node.args
    name, width = _operand(reader, base), _width(reader, node)
    if exponent == 0:
        return reader.add("copy", (1.0,), width, _line(node), kind="rows")
    if exponent == -1:
        return reader.add("reciprocal", (name,), width, _line(node))
    if exponent == 0.5:
        return reader.add("sqrt", (name,), width, _line(node))
    if exponent == -0.5:
        return reader.add("rsqrt", (name,), width, _line(node))
    if exponent not in (1, 2, 3, 4):
        return reader.add("pow", (name, float(exponent)), width, _line(node))
    result = name
    for _ in range(int(exponent) - 1):
        result = reader.add("mul", (result, name), width, _line(node))
    return reader.add("copy", (name,), width, _line(node)) if exponent == 1 else str(result)


def _clamp(reader: _Reader, node: Any) -> str:
    name, width = _operand(reader, node.args[0]), _width(reader, node)
    low = node.args[1] if len(node.args) > 1 else node.kwargs.get("min")
    high = node.args[2] if len(node.args) > 2 else node.kwargs.get("max")
    for bound, op in ((low, "maximum"), (high, "minimum")):
        if bound is not None:
            name = reader.add(op, (name, _spread(reader, bound, _shape(node))), width, _line(node))
    return str(name)


def _lerp(reader: _Reader, node: Any) -> str:
    return _pointwise(reader, node, "lerp", node.args)


def _product_added(op: str) -> Callable[[_Reader, fx.Node], str]:
    """first + value · (second op third)."""

    def handler(reader: _Reader, node: Any) -> str:
        width, line = _width(reader, node), _line(node)
        first, *others = (_spread(reader, a, _shape(node)) for a in node.args[:3])
        both = reader.add(op, tuple(others), width, line)
        scaled = reader.add("mul", (both, float(node.kwargs.get("value", 1))), width, line)
        return reader.add("add", (first, scaled), width, line)

    return handler


def _constant(reader: _Reader, node: Any) -> str | None:
    """A tensor full of one number."""
    target, shape = node.target, _shape(node)
    if target in (aten.full.default, aten.full_like.default, aten.fill.Scalar):
        value = float(node.args[1])
    elif target is aten.scalar_tensor.default:
        value = float(node.args[0])
    else:
        value = 1.0 if "ones" in str(target) else 0.0
    value = float(torch.tensor(value, dtype=node.meta["val"].dtype))
    rows = bool(shape) and shape[0] == reader.batch
    if not rows and len(shape) > 1 and shape[0] > 1:
        return None  # a weight that gets no gradient: no row reads it
    return reader.add("copy", (value,), _width(reader, node), _line(node), kind="rows" if rows else "vector")


def _converted(reader: _Reader, node: Any) -> str:
    name = str(_operand(reader, node.args[0]))
    old, new = node.args[0].meta["val"].dtype, node.meta["val"].dtype
    if reader.table[name].truth and new != torch.bool:
        return reader.add("where", (name, 1.0, 0.0), reader.table[name].width, _line(node))
    if new == torch.bool and not reader.table[name].truth:
        return reader.add("ne", (name, 0.0), reader.table[name].width, _line(node), truth=True)
    if old.is_floating_point and not new.is_floating_point and new != torch.bool:
        return reader.add("trunc", (name,), reader.table[name].width, _line(node))
    return name


HANDLERS: dict[Any, Callable[[_Reader, fx.Node], Any]] = {
    operator.getitem: _getitem,
    aten.add.Tensor: _scaled("add"),
    aten.add.Scalar: _scaled("add"),
    aten.sub.Tensor: _scaled("sub"),
    aten.sub.Scalar: _scaled("sub"),
    aten.rsub.Scalar: _swapped,
    aten.mm.default: _product,
    aten.addmm.default: _product,
    aten.permute.default: _permute,
    aten.t.default: _permute,
    aten.split_with_sizes.default: _split,
    aten.slice.Tensor: _slice,
    aten.select.int: _select,
    aten.cat.default: _cat,
    aten.slice_scatter.default: _slice_scatter,
    aten.view.default: _reshaped,
    aten._unsafe_view.default: _reshaped,
    aten.expand.default: _reshaped,
    aten.unsqueeze.default: _reshaped,
    aten.squeeze.dim: _reshaped,
    aten.squeeze.dims: _reshaped,
    aten.sum.dim_IntList: _row_sum,
    aten.mean.dim: _row_mean,
    aten.amax.default: _row_max,
    aten.pow.Tensor_Scalar: _power,
    aten.clamp.default: _clamp,
    aten.clamp.Tensor: _clamp,
    aten.lerp.Tensor: _lerp,
    aten.lerp.Scalar: _lerp,
    aten.addcmul.default: _product_added("mul"),
    aten.addcdiv.default: _product_added("div"),
    aten.full.default: _constant,
    aten.full_like.default: _constant,
    aten.empty_permuted.default: _constant,  # its numbers are never read
    aten.empty.memory_format: _constant,
    aten.fill.Scalar: _constant,
    aten.zeros_like.default: _constant,
    aten.ones_like.default: _constant,
    aten.scalar_tensor.default: _constant,
    aten._to_copy.default: _converted,
}


def _spelled(node: Any) -> str:
    return str(node.target)
