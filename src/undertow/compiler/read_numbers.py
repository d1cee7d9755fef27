"""ATen's products, sums and numbers, read as the compiler's own ops where one of theirs is not one of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import fx

from undertow.compiler.graph import NoRowError, place_of
from undertow.compiler.ops import aten
from undertow.compiler.reader import (
    Reader,
    columns,
    is_rows,
    operand,
    pointwise,
    shape_of,
    spread,
    told,
)


def _scaled(op: str) -> Callable[[Reader, fx.Node], str]:
    """add and sub take a factor for their second input."""

    def handler(reader: Reader, node: Any) -> str:
        left, right = node.args[:2]
        alpha = node.kwargs.get("alpha", 1)
        if alpha != 1:
            right = spread(reader, right, shape_of(node))
            right = reader.add("mul", (right, float(alpha)), reader.width(right), "")
        shape = shape_of(node)
        inputs = (
            spread(reader, left, shape),
            right if isinstance(right, str) else spread(reader, right, shape),
        )
        truths = node.meta["val"].dtype == torch.bool
        name = "or" if truths else op
        return reader.add(name, inputs, columns(reader, node), place_of(node), truth=truths)

    return handler


def _swapped(reader: Reader, node: Any) -> str:
    return reader.add(
        "sub",
        (operand(reader, node.args[1]), operand(reader, node.args[0])),
        columns(reader, node),
        place_of(node),
    )


def _product(reader: Reader, node: Any) -> str:
    left, right = node.args[-2:]
    a, matrix, shape = reader.names[left], reader.names[right], shape_of(node)
    if a is None or matrix is None or reader.table[matrix].kind != "matrix" or reader.table[a].kind != "rows":
        raise NoRowError(f"{told(node)}: a product that is not rows times weights")
    result = reader.add("mm", (a, matrix), shape[1], place_of(node), kind="rows")
    if node.target is aten.addmm.default:
        result = reader.add("add", (result, operand(reader, node.args[0])), shape[1], place_of(node))
    return result


def _row_sum(reader: Reader, node: Any) -> str:
    return _reduced(reader, node, "rowsum")


def _row_mean(reader: Reader, node: Any) -> str:
    source = node.args[0]
    total = _reduced(reader, node, "rowsum")
    share = columns(reader, node) / columns(reader, source)
    return reader.add("mul", (total, share), columns(reader, node), place_of(node))


def _row_max(reader: Reader, node: Any) -> str:
    return _reduced(reader, node, "rowmax")


def _reduced(reader: Reader, node: Any, op: str) -> str:
    """Over the last axis, over an inner one, or over both."""
    source, line = node.args[0], place_of(node)
    shape = shape_of(source)
    axes = sorted(axis % len(shape) for axis in node.args[1]) if len(node.args) > 1 else [0]
    if not is_rows(source, reader.batch) or 0 in axes:
        raise NoRowError(f"{told(node)}: reduces other axes than those of a row")
    name = str(operand(reader, source))
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


def _power(reader: Reader, node: Any) -> str:
    base, exponent = node.args
    name, width = operand(reader, base), columns(reader, node)
    if exponent == 0:
        return reader.add("copy", (1.0,), width, place_of(node), kind="rows")
    if exponent == -1:
        return reader.add("reciprocal", (name,), width, place_of(node))
    if exponent == 0.5:
        return reader.add("sqrt", (name,), width, place_of(node))
    if exponent == -0.5:
        return reader.add("rsqrt", (name,), width, place_of(node))
    if exponent not in (1, 2, 3, 4):
        return reader.add("pow", (name, float(exponent)), width, place_of(node))
    result = name
    for _ in range(int(exponent) - 1):
        result = reader.add("mul", (result, name), width, place_of(node))
    return reader.add("copy", (name,), width, place_of(node)) if exponent == 1 else str(result)


def _clamp(reader: Reader, node: Any) -> str:
    name, width = operand(reader, node.args[0]), columns(reader, node)
    low = node.args[1] if len(node.args) > 1 else node.kwargs.get("min")
    high = node.args[2] if len(node.args) > 2 else node.kwargs.get("max")
    for bound, op in ((low, "maximum"), (high, "minimum")):
        if bound is not None:
            name = reader.add(op, (name, spread(reader, bound, shape_of(node))), width, place_of(node))
    return str(name)


def _lerp(reader: Reader, node: Any) -> str:
    return pointwise(reader, node, "lerp", node.args)


def _product_added(op: str) -> Callable[[Reader, fx.Node], str]:
    """first + value · (second op third)."""

    def handler(reader: Reader, node: Any) -> str:
        width, line = columns(reader, node), place_of(node)
        first, *others = (spread(reader, a, shape_of(node)) for a in node.args[:3])
        both = reader.add(op, tuple(others), width, line)
        scaled = reader.add("mul", (both, float(node.kwargs.get("value", 1))), width, line)
        return reader.add("add", (first, scaled), width, line)

    return handler


def constant(reader: Reader, node: Any) -> str | None:
    """A tensor full of one number."""
    target, shape = node.target, shape_of(node)
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
    return reader.add(
        "copy", (value,), columns(reader, node), place_of(node), kind="rows" if rows else "vector"
    )


def _converted(reader: Reader, node: Any) -> str:
    name = str(operand(reader, node.args[0]))
    old, new = node.args[0].meta["val"].dtype, node.meta["val"].dtype
    if reader.table[name].truth and new != torch.bool:
        return reader.add("where", (name, 1.0, 0.0), reader.table[name].width, place_of(node))
    if new == torch.bool and not reader.table[name].truth:
        return reader.add("ne", (name, 0.0), reader.table[name].width, place_of(node), truth=True)
    if old.is_floating_point and not new.is_floating_point and new != torch.bool:
        return reader.add("trunc", (name,), reader.table[name].width, place_of(node))
    return name


NUMBERS: dict[Any, Callable[[Reader, fx.Node], Any]] = {
    aten.add.Tensor: _scaled("add"),
    aten.add.Scalar: _scaled("add"),
    aten.sub.Tensor: _scaled("sub"),
    aten.sub.Scalar: _scaled("sub"),
    aten.rsub.Scalar: _swapped,
    aten.mm.default: _product,
    aten.addmm.default: _product,
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
    aten.full.default: constant,
    aten.full_like.default: constant,
    aten.empty_permuted.default: constant,  # its numbers are never read
    aten.empty.memory_format: constant,
    aten.fill.Scalar: constant,
    aten.zeros_like.default: constant,
    aten.ones_like.default: constant,
    aten.scalar_tensor.default: constant,
    aten._to_copy.default: _converted,
}
