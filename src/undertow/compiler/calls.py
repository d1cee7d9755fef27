"""Products called by their address: their machine code is one for all kernels, not built into each of them anew."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

WORD = ir.IntType(64)


def _call(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Hand the address of a row of whole numbers, pointers among them, to the function at the first argument."""
    function, *numbers = arguments
    room = cgutils.alloca_once(builder, WORD, size=len(numbers))
    for place, number in enumerate(numbers):
        whole = builder.ptrtoint(number, WORD) if isinstance(number.type, ir.PointerType) else number
        builder.store(whole, builder.gep(room, [WORD(place)]))
    kind = ir.FunctionType(ir.VoidType(), [WORD])
    builder.call(builder.inttoptr(function, kind.as_pointer()), [builder.ptrtoint(room, WORD)])
    return context.get_dummy_value()


def _typed(*arguments: Any) -> Any:
    """Pointers stay what they are; everything else is a whole number."""
    kinds = [a if isinstance(a, types.CPointer) else types.int64 for a in arguments]
    return types.void(*kinds)


@intrinsic
def product_at(
    typing: Any, function: Any, a: Any, pitch_a: Any, b: Any, c: Any, pitch: Any, m: Any, n: Any, depth: Any,
    part: Any, parts: Any,
) -> Any:  # fmt: skip
    """C = A·B, one part of the columns of several."""
    return _typed(function, a, pitch_a, b, c, pitch, m, n, depth, part, parts), _call


@intrinsic
def rounding_at(
    typing: Any, function: Any, a: Any, pitch: Any, out: Any, first: Any, last: Any, depth: Any
) -> Any:
    """Some rows of A, rounded."""
    return _typed(function, a, pitch, out, first, last, depth), _call


@intrinsic
def rounded_product_at(
    typing: Any, function: Any, rows: Any, b: Any, c: Any, pitch: Any, m: Any, n: Any, depth: Any, spare: Any,
    part: Any, parts: Any,
) -> Any:  # fmt: skip
    """C = A·B of rounded rows, one part of the columns of several."""
    return _typed(function, rows, b, c, pitch, m, n, depth, spare, part, parts), _call
