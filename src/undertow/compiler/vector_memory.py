"""Vectors to and from memory: by raw pointers, whole or the first few lanes of them."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from undertow.compiler.vector_type import (
    INT32,
    Vec,
    broadcast,
    call_intrinsic,
    constant,
    llvm_type,
    suffix,
)


@intrinsic
def pointer32(typing: Any, address: Any) -> Any:
    """An address as a pointer to float32."""
    return types.CPointer(types.float32)(address), _to_pointer


@intrinsic
def pointer64(typing: Any, address: Any) -> Any:
    """An address as a pointer to float64."""
    return types.CPointer(types.float64)(address), _to_pointer


@intrinsic
def pointer16(typing: Any, address: Any) -> Any:
    """An address as a pointer to int16."""
    return types.CPointer(types.int16)(address), _to_pointer


def _to_pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))


@intrinsic
def at(typing: Any, pointer: Any, offset: Any) -> Any:
    """The pointer moved by `offset` elements."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.gep(arguments[0], [arguments[1]])

    return pointer(pointer, types.intp), generate


def _vector_pointer(builder: Any, kind: Vec, pointer: Any) -> Any:
    return builder.bitcast(pointer, llvm_type(kind).as_pointer())


@intrinsic
def load(typing: Any, pointer: Any) -> Any:
    """A full Vec from memory."""
    kind = Vec(pointer.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_vector_pointer(builder, kind, arguments[0]), align=kind.scalar.bitwidth // 8)

    return kind(pointer), generate


@intrinsic
def store(typing: Any, pointer: Any, value: Any) -> Any:
    """A full Vec to memory."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _vector_pointer(builder, value, arguments[0])
        builder.store(arguments[1], place, align=value.scalar.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(pointer, value), generate


def first_lanes(builder: Any, lanes: int, count: Any) -> Any:
    """The mask of the first `count` lanes."""
    kind = ir.VectorType(INT32, lanes)
    wide = builder.insert_element(ir.Constant(kind, ir.Undefined), builder.trunc(count, INT32), INT32(0))
    wide = builder.shuffle_vector(wide, ir.Constant(kind, ir.Undefined), ir.Constant(kind, [0] * lanes))
    return builder.icmp_signed("<", ir.Constant(kind, list(range(lanes))), wide)


def masked_load(builder: Any, kind: Vec, pointer: Any, mask: Any) -> Any:
    """The lanes of the mask from memory, zeros elsewhere."""
    place = _vector_pointer(builder, kind, pointer)
    arguments = [place, INT32(kind.scalar.bitwidth // 8), mask, constant(kind, 0.0)]
    return call_intrinsic(builder, f"llvm.masked.load.{suffix(kind)}.p0", llvm_type(kind), arguments)


def masked_store(builder: Any, kind: Vec, value: Any, pointer: Any, mask: Any) -> None:
    """The lanes of the mask to memory, nothing elsewhere."""
    place = _vector_pointer(builder, kind, pointer)
    arguments = [value, place, INT32(kind.scalar.bitwidth // 8), mask]
    call_intrinsic(builder, f"llvm.masked.store.{suffix(kind)}.p0", ir.VoidType(), arguments)


@intrinsic
def load_part(typing: Any, pointer: Any, count: Any) -> Any:
    """The first `count` lanes from memory, zeros in the rest."""
    kind = Vec(pointer.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        mask = first_lanes(builder, kind.lanes, arguments[1])
        return masked_load(builder, kind, arguments[0], mask)

    return kind(pointer, types.intp), generate


@intrinsic
def store_part(typing: Any, pointer: Any, value: Any, count: Any) -> Any:
    """The first `count` lanes to memory."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        mask = first_lanes(builder, value.lanes, arguments[2])
        masked_store(builder, value, arguments[1], arguments[0], mask)
        return context.get_dummy_value()

    return types.void(pointer, value, types.intp), generate


@intrinsic
def spread32(typing: Any, number: Any) -> Any:
    """One number in every lane of float32."""
    return _spread(Vec(types.float32), number)


@intrinsic
def spread64(typing: Any, number: Any) -> Any:
    """One number in every lane of float64."""
    return _spread(Vec(types.float64), number)


def _spread(kind: Vec, number: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        scalar = context.cast(builder, arguments[0], signature.args[0], kind.scalar)
        return broadcast(builder, kind, scalar)

    return kind(number), generate


@intrinsic
def load_all(typing: Any, pointer: Any) -> Any:
    """One number from memory, in every lane."""
    kind = Vec(pointer.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return broadcast(builder, kind, builder.load(arguments[0]))

    return kind(pointer), generate


@intrinsic
def put(typing: Any, pointer: Any, number: Any) -> Any:
    """One number to memory."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(context.cast(builder, arguments[1], signature.args[1], pointer.dtype), arguments[0])
        return context.get_dummy_value()

    return types.void(pointer, number), generate


@intrinsic
def get(typing: Any, pointer: Any) -> Any:
    """One number from memory."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(arguments[0])

    return pointer.dtype(pointer), generate


@intrinsic
def keep(typing: Any, value: Any, count: Any, other: Any) -> Any:
    """The first `count` lanes of a Vec, `other` in the rest."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        mask = first_lanes(
            builder, value.lanes, context.cast(builder, arguments[1], signature.args[1], types.intp)
        )
        rest = broadcast(builder, value, context.cast(builder, arguments[2], signature.args[2], value.scalar))
        return builder.select(mask, arguments[0], rest)

    return value(value, count, other), generate
