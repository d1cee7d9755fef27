"""Numbers that threads share: taking the next, and meeting."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

WORD = ir.IntType(64)
SPINS = 4096  # looks at the counter before a waiting thread lets others run


@intrinsic
def integers(typing: Any, address: Any) -> Any:
    """An address as a pointer to int64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], WORD.as_pointer())

    return types.CPointer(types.int64)(address), generate


@intrinsic
def take(typing: Any, address: Any) -> Any:
    """The number at the address, which is one more afterwards, as one step that no thread can come between."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = builder.inttoptr(arguments[0], WORD.as_pointer())
        return builder.atomic_rmw("add", place, WORD(1), "seq_cst")

    return types.int64(address), generate


@intrinsic
def _look(typing: Any, address: Any) -> Any:
    """The number at the address, as another thread may just have left it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = builder.inttoptr(arguments[0], WORD.as_pointer())
        return builder.load_atomic(place, "acquire", 8)

    return types.int64(address), generate


@intrinsic
def _let_others_run(typing: Any) -> Any:
    """Give the core to another thread that wants it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])
        return context.get_dummy_value()

    return types.void(), generate


@njit(nogil=True, error_model="numpy")
def meet(address, parts):
    """Come back when all of a team's threads have come here equally often. The address counts who came."""
    mine = take(address)
    wanted = (mine // parts + 1) * parts
    spins = 0
    while _look(address) < wanted:
        spins += 1
        if spins > SPINS:
            _let_others_run()
