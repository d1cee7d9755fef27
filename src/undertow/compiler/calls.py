"""Products called by their address: their machine code is one for all kernels, not built into each of them anew."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

WORD = ir.IntType(64)


def _call(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    function, together = arguments
    numbers = cgutils.unpack_tuple(builder, together)
    room = cgutils.alloca_once(builder, WORD, size=len(numbers))
    for place, number in enumerate(numbers):
        whole = builder.ptrtoint(number, WORD) if isinstance(number.type, ir.PointerType) else number
        builder.store(whole, builder.gep(room, [WORD(place)]))
    kind = ir.FunctionType(ir.VoidType(), [WORD])
    builder.call(builder.inttoptr(function, kind.as_pointer()), [builder.ptrtoint(room, WORD)])
    return context.get_dummy_value()


@intrinsic
def call_at(typing: Any, function: Any, arguments: Any) -> Any:
    """Hand the address of a row of whole numbers, pointers among them, to the function at an address."""
    kinds = [a if isinstance(a, types.CPointer) else types.int64 for a in arguments]
    return types.void(types.int64, types.Tuple(kinds)), _call
