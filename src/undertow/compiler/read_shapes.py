"""ATen's views, slices and joints, read as columns of a row: an inner axis is laid out in the row."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from torch import fx

from undertow.compiler.graph import Input, NoRowError, place_of
from undertow.compiler.ops import aten
from undertow.compiler.reader import (
    Reader,
    columns,
    columns_a_step,
    is_rows,
    operand,
    shape_of,
    spread,
    told,
)


def _permute(reader: Reader, node: Any) -> Any:
    source = node.args[0]
    if is_rows(source, reader.batch):
        if len(shape_of(source)) > 2:
            raise NoRowError(f"{told(node)}: axes of a row exchanged")
        return None  # only ever the left side of a sum over the batch
    name = reader.names[source]
    old = reader.table[name]
    if old.kind != "matrix":
        return name
    if old.op == "transpose":
        return old.inputs[0]
    return reader.add("transpose", (name,), old.depth, place_of(node), kind="matrix", depth=old.width)


def _split(reader: Reader, node: Any) -> Any:
    source, sizes = node.args[:2]
    axis = node.args[2] if len(node.args) > 2 else node.kwargs.get("dim", 0)
    return _pieces(reader, node, source, sizes, axis)


def _pieces(reader: Reader, node: Any, source: Any, sizes: Any, axis: Any) -> Any:
    name, unit = operand(reader, source), columns_a_step(reader, node, source, axis)
    sizes = [size * unit for size in sizes]
    places = [sum(sizes[:n]) for n in range(len(sizes))]
    return [
        reader.add("slice", (name,), size, place_of(node), at=place)
        for size, place in zip(sizes, places, strict=True)
    ]


def _getitem(reader: Reader, node: Any) -> Any:
    return reader.names[node.args[0]][node.args[1]]


def _slice(reader: Reader, node: Any) -> str:
    source, axis = node.args[0], node.args[1] if len(node.args) > 1 else 0
    begin = node.args[2] if len(node.args) > 2 else None
    step = node.args[4] if len(node.args) > 4 else 1
    name, shape = str(operand(reader, source)), shape_of(node)
    if axis == 0 and shape[0] == reader.batch:
        return name
    if step != 1:
        raise NoRowError(f"{told(node)}: a slice with steps")
    unit, size = columns_a_step(reader, node, source, axis), shape_of(source)[axis]
    begin = int(begin or 0)
    begin = max(0, begin + size) if begin < 0 else begin
    return reader.add("slice", (name,), shape[axis] * unit, place_of(node), at=begin * unit)


def _select(reader: Reader, node: Any) -> str:
    source, axis, index = node.args
    unit, size = columns_a_step(reader, node, source, axis), shape_of(source)[axis]
    place = int(index) % size * unit
    return reader.add("slice", (str(operand(reader, source)),), unit, place_of(node), at=place)


def _slice_scatter(reader: Reader, node: Any) -> str:
    """Columns begin:end replaced: what is left of it, the new ones, what is right of it."""
    source, new, axis = node.args[0], node.args[1], node.args[2] if len(node.args) > 2 else 0
    begin = int(node.args[3] or 0) if len(node.args) > 3 else 0
    if len(node.args) > 5 and node.args[5] != 1:
        raise NoRowError(f"{told(node)}: written with steps")
    unit = columns_a_step(reader, node, source, axis)
    width, inner = columns(reader, node), columns(reader, new)
    if inner == width and shape_of(new) == shape_of(node):
        return str(operand(reader, new))
    begin = begin * unit + (width if begin < 0 else 0)
    name, line = operand(reader, source), place_of(node)
    parts: list[Input] = [operand(reader, new)]
    if begin:
        parts.insert(0, reader.add("slice", (name,), begin, line))
    if begin + inner < width:
        parts.append(reader.add("slice", (name,), width - begin - inner, line, at=begin + inner))
    return reader.add("cat", tuple(parts), width, line, kind="rows")


def _cat(reader: Reader, node: Any) -> str:
    parts, axis = node.args[0], node.args[1] if len(node.args) > 1 else 0
    columns_a_step(reader, node, node, axis)
    inputs = tuple(operand(reader, p) for p in parts)
    return reader.add("cat", inputs, columns(reader, node), place_of(node), kind="rows")


def _reshaped(reader: Reader, node: Any) -> Any:
    """Views that keep rows as rows: [B] as [B, 1], [n] as [1, n], [B, n] as it is, spread along an axis."""
    source = node.args[0]
    name = reader.names[source]
    old, shape = reader.table[name], shape_of(node)
    rows = bool(shape) and shape[0] == reader.batch
    if old.kind == "matrix" and shape == (old.depth, old.width):
        return name
    width = columns(reader, node)
    if node.target is aten.expand.default and len(shape) == 3:
        return spread(reader, source, shape)
    if old.width not in (1, width):
        raise NoRowError(f"{told(node)}: a view of {shape_of(source)} as {shape}")
    return (
        name
        if old.width == width
        else reader.add("copy", (name,), width, place_of(node), kind="rows" if rows else old.kind)
    )


SHAPES: dict[Any, Callable[[Reader, fx.Node], Any]] = {
    operator.getitem: _getitem,
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
}
