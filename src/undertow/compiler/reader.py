"""What reading an ATen graph writes to: nodes of the compiler's own graph, and how shapes become columns of a row."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx

from undertow.compiler.graph import Input, Node, NoRowError, place_of
from undertow.compiler.ops import LOGIC, POINTWISE


@dataclass
class Reader:
    """Nodes that were read so far, and what each of ATen's is called among them."""

    batch: int
    dtype: torch.dtype
    names: dict[fx.Node, Any] = field(default_factory=dict)  # a name, or a list of names for a split
    nodes: list[Node] = field(default_factory=list)
    table: dict[str, Node] = field(default_factory=dict)
    count: int = 0

    def add(self, op: str, inputs: tuple[Input, ...], width: int, line: str, **more: Any) -> str:
        """One more node, of numbers or truths as its op wants them; its name."""
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
        """A value as truths: is it not 0?"""
        if isinstance(value, str) and self.table[value].truth:
            return value
        width = self.width(value)
        return self.add("ne", (value, 0.0), width, "", truth=True)

    def number(self, value: Input) -> Input:
        """A value as numbers: 1 where it is true."""
        if not isinstance(value, str) or not self.table[value].truth:
            return value
        return self.add("where", (value, 1.0, 0.0), self.width(value), "")

    def width(self, value: Input) -> int:
        """Its columns."""
        return self.table[value].width if isinstance(value, str) else 1


def is_rows(node: Any, batch: int) -> bool:
    """Has it a row for each of the batch?"""
    value = node.meta.get("val") if isinstance(node, fx.Node) else None
    return isinstance(value, torch.Tensor) and value.dim() > 0 and value.shape[0] == batch


def shape_of(node: Any) -> tuple[int, ...]:
    """As it was traced; () of what is no tensor."""
    value = node.meta.get("val")
    return tuple(value.shape) if isinstance(value, torch.Tensor) else ()


def columns(reader: Reader, node: Any) -> int:
    """Columns of a row: an inner axis is laid out in the row, too."""
    shape = shape_of(node)
    if (len(shape) > 1 and shape[0] not in (1, reader.batch)) or len(shape) > 3:
        raise NoRowError(f"{told(node)}: of shape {shape}, not rows [B, n]")
    return math.prod(shape if len(shape) == 1 and shape[0] != reader.batch else shape[1:])


def columns_a_step(reader: Reader, node: Any, source: Any, axis: Any) -> int:
    """How many columns one step along an axis is; steps along it must lie one behind the other."""
    shape = shape_of(source)
    axis = axis % len(shape)
    if axis == 0 or shape[0] != reader.batch or (len(shape) == 3 and axis == 2 and shape[1] > 1):
        raise NoRowError(f"{told(node)}: taken apart along axis {axis} of {shape}")
    return math.prod(shape[axis + 1 :])


def spread(reader: Reader, value: Any, shape: tuple[int, ...]) -> Input:
    """A value as wide as rows of this shape need it; along an inner axis it is repeated."""
    name = operand(reader, value)
    own = shape_of(value) if isinstance(value, fx.Node) else ()
    if len(shape) < 3 or own == shape or math.prod(own[-2:]) == 1 or (own == (reader.batch, 1, 1)):
        return name
    blocks, last = shape[1], own[-1]
    middle = own[-2] if len(own) == 3 else 1
    parts: list[Input] = []
    for block in range(blocks):
        part = reader.add("slice", (name,), last, "", at=block * last if middle > 1 else 0)
        parts.append(part if last == shape[2] else reader.add("copy", (part,), shape[2], ""))
    return reader.add("cat", tuple(parts), blocks * shape[2], "", kind="rows")


def operand(reader: Reader, value: Any) -> Input:
    """A value that is used number by number."""
    if isinstance(value, fx.Node):
        if reader.names.get(value) is None:
            raise NoRowError(told(value))
        name: str = reader.names[value]
        if reader.table[name].kind == "matrix":
            raise NoRowError(f"{told(value)}: a matrix used number by number")
        return name
    return float(value)


def pointwise(reader: Reader, node: Any, op: str, arguments: Any) -> str:
    """One of our own ops, number by number."""
    inputs = tuple(spread(reader, a, shape_of(node)) for a in arguments)
    return reader.add(op, inputs, columns(reader, node), place_of(node), truth=POINTWISE[op].truth)


def op_name(node: Any) -> str:
    """As ATen spells it."""
    return str(node.target)


def told(node: Any) -> str:
    """The op of a node, and the line of the step that it comes from, for an error."""
    return f"{op_name(node)}{place_of(node)}"
