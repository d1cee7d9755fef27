"""The types of vectors and of masks in Numba, and what every operation of theirs is made of in LLVM."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import models, register_model

BYTES = 64
INT32, INT64 = ir.IntType(32), ir.IntType(64)
SCALARS = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}


class Vec(types.Type):
    """A register of `lanes` numbers."""

    def __init__(self, scalar: Any) -> None:
        self.scalar = scalar
        self.lanes = BYTES * 8 // scalar.bitwidth
        super().__init__(name=f"Vec({scalar})")


class Mask(types.Type):
    """A register of `lanes` truths, of a comparison of two Vecs."""

    def __init__(self, vec: Vec) -> None:
        self.vec = vec
        super().__init__(name=f"Mask({vec.scalar})")


@register_model(Vec)
class _VecModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Vec) -> None:
        super().__init__(manager, kind, ir.VectorType(SCALARS[kind.scalar], kind.lanes))


@register_model(Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Mask) -> None:
        super().__init__(manager, kind, ir.VectorType(ir.IntType(1), kind.vec.lanes))


def llvm_type(kind: Vec) -> ir.VectorType:
    """The LLVM type of a Vec."""
    return ir.VectorType(SCALARS[kind.scalar], kind.lanes)


def suffix(kind: Vec) -> str:
    """How LLVM spells the type in the name of an intrinsic: v16f32."""
    return f"v{kind.lanes}f{kind.scalar.bitwidth}"


def constant(kind: Vec, value: float) -> ir.Constant:
    """The same number in every lane."""
    return ir.Constant(llvm_type(kind), [value] * kind.lanes)


def broadcast(builder: Any, kind: Vec, scalar: Any) -> Any:
    """A scalar in every lane."""
    empty = ir.Constant(llvm_type(kind), ir.Undefined)
    first = builder.insert_element(empty, scalar, INT32(0))
    return builder.shuffle_vector(
        first, empty, ir.Constant(ir.VectorType(INT32, kind.lanes), [0] * kind.lanes)
    )


def call_intrinsic(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    """Call an LLVM intrinsic by its full name."""
    kind = ir.FunctionType(result, [a.type for a in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)
