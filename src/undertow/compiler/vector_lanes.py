"""What is computed lane by lane: operators, comparisons, functions of LLVM and of the C library; and over all lanes."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, lower_builtin, type_callable

from undertow.compiler.vector_type import (
    INT32,
    SCALARS,
    Mask,
    Vec,
    call_intrinsic,
    constant,
    llvm_type,
    suffix,
)

FLAGS = ("contract",)  # a·b + c may become one instruction; nothing else is rearranged


def _operator(
    symbol: Any, of: Any, count: int, gives: Callable[[Any], Any], emit: Callable[..., Any]
) -> None:
    """An operator of `count` operands, all Vecs or all Masks of one type: the type of its result, and its code."""

    @type_callable(symbol)
    def typed(context: Any) -> Any:
        def one(a: Any) -> Any:
            return gives(a) if isinstance(a, of) else None

        def two(a: Any, b: Any) -> Any:
            return gives(a) if isinstance(a, of) and a == b else None

        return one if count == 1 else two

    @lower_builtin(symbol, *[of] * count)
    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return emit(builder, *arguments)


def _same(kind: Any) -> Any:
    return kind


def _arithmetic(name: str) -> Callable[..., Any]:
    return lambda builder, a, b: getattr(builder, name)(a, b, flags=FLAGS)


def _comparison(spelled: str) -> Callable[..., Any]:
    def emit(builder: Any, a: Any, b: Any) -> Any:
        ask = builder.fcmp_unordered if spelled == "!=" else builder.fcmp_ordered
        return ask(spelled, a, b)

    return emit


def _logic(name: str) -> Callable[..., Any]:
    return lambda builder, *given: getattr(builder, name)(*given)


_operator(operator.add, Vec, 2, _same, _arithmetic("fadd"))
_operator(operator.sub, Vec, 2, _same, _arithmetic("fsub"))
_operator(operator.mul, Vec, 2, _same, _arithmetic("fmul"))
_operator(operator.truediv, Vec, 2, _same, _arithmetic("fdiv"))
_operator(operator.neg, Vec, 1, _same, lambda builder, a: builder.fneg(a))
_operator(operator.lt, Vec, 2, Mask, _comparison("<"))
_operator(operator.le, Vec, 2, Mask, _comparison("<="))
_operator(operator.gt, Vec, 2, Mask, _comparison(">"))
_operator(operator.ge, Vec, 2, Mask, _comparison(">="))
_operator(operator.eq, Vec, 2, Mask, _comparison("=="))
_operator(operator.ne, Vec, 2, Mask, _comparison("!="))
_operator(operator.and_, Mask, 2, _same, _logic("and_"))
_operator(operator.or_, Mask, 2, _same, _logic("or_"))
_operator(operator.xor, Mask, 2, _same, _logic("xor"))
_operator(operator.invert, Mask, 1, _same, _logic("not_"))


@intrinsic
def select(typing: Any, mask: Any, yes: Any, no: Any) -> Any:
    """Lane by lane, `yes` where the mask holds, else `no`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(*arguments)

    return yes(mask, yes, no), generate


def unary(name: str, emit: Callable[[Any, Vec, Any], Any]) -> Any:
    @intrinsic
    def made(typing: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return emit(builder, value, arguments[0])

        return value(value), generate

    made.__name__ = name
    return made


def by_llvm(name: str) -> Callable[[Any, Vec, Any], Any]:
    """An LLVM intrinsic of one argument; where the machine has no instruction it becomes a call a lane."""

    def emit(builder: Any, kind: Vec, value: Any) -> Any:
        return call_intrinsic(builder, f"llvm.{name}.{suffix(kind)}", llvm_type(kind), [value])

    return emit


def by_lane(name: str) -> Callable[[Any, Vec, Any], Any]:
    """A function of the C library, a call a lane."""

    def emit(builder: Any, kind: Vec, value: Any) -> Any:
        return _call_lanes(builder, kind, name, [value])

    return emit


def _call_lanes(builder: Any, kind: Vec, name: str, values: Any) -> Any:
    scalar = SCALARS[kind.scalar]
    spelled = name + ("f" if kind.scalar is types.float32 else "")
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(scalar, [scalar] * len(values)), spelled
    )
    result = ir.Constant(llvm_type(kind), ir.Undefined)
    for lane in range(kind.lanes):
        one = builder.call(function, [builder.extract_element(value, INT32(lane)) for value in values])
        result = builder.insert_element(result, one, INT32(lane))
    return result


def _binary_lanewise(name: str) -> Any:
    """A function of the C library of two numbers, a call a lane."""

    @intrinsic
    def made(typing: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return _call_lanes(builder, a, name, arguments)

        return a(a, b), generate

    made.__name__ = name
    return made


def _remainder() -> Any:
    """What is left of a after b is taken a whole number of times, with the sign of b, as torch and Python have it."""

    @intrinsic
    def remainder(typing: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            zero, b_value = constant(a, 0.0), arguments[1]
            rest = _call_lanes(builder, a, "fmod", arguments)
            signs = builder.xor(
                builder.fcmp_ordered("<", rest, zero), builder.fcmp_ordered("<", b_value, zero)
            )
            wrong = builder.and_(signs, builder.fcmp_unordered("!=", rest, zero))
            return builder.select(wrong, builder.fadd(rest, b_value), rest)

        return a(a, b), generate

    return remainder


def _reduced(name: str, start: float | None) -> Any:
    @intrinsic
    def made(typing: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            scalar = SCALARS[value.scalar]
            inputs = [arguments[0]] if start is None else [ir.Constant(scalar, start), arguments[0]]
            kind = ir.FunctionType(scalar, [a.type for a in inputs])
            function = cgutils.get_or_insert_function(
                builder.module, kind, f"llvm.vector.reduce.{name}.{suffix(value)}"
            )
            return builder.call(function, inputs, fastmath=("reassoc",))

        return value.scalar(value), generate

    return made


def _largest() -> Any:
    """The largest lane; a NaN wins."""

    @intrinsic
    def largest(typing: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            result, lanes = arguments[0], value.lanes
            while lanes > 1:
                lanes //= 2
                order = ir.Constant(
                    ir.VectorType(INT32, value.lanes), [n % lanes + lanes for n in range(value.lanes)]
                )
                other = builder.shuffle_vector(result, result, order)
                unknown = builder.fcmp_unordered("uno", other, other)
                wins = builder.or_(builder.fcmp_ordered(">", other, result), unknown)
                result = builder.select(wins, other, result)
            return builder.extract_element(result, INT32(0))

        return value.scalar(value), generate

    return largest


sqrt = unary("sqrt", by_llvm("sqrt"))
absolute = unary("absolute", by_llvm("fabs"))
log = unary("log", by_llvm("log"))
sin = unary("sin", by_llvm("sin"))
cos = unary("cos", by_llvm("cos"))
floor = unary("floor", by_llvm("floor"))
ceil = unary("ceil", by_llvm("ceil"))
trunc = unary("trunc", by_llvm("trunc"))
round_even = unary("round_even", by_llvm("nearbyint"))
log1p = unary("log1p", by_lane("log1p"))
expm1 = unary("expm1", by_lane("expm1"))
erf = unary("erf", by_lane("erf"))
exp2 = unary("exp2", by_lane("exp2"))
log2 = unary("log2", by_lane("log2"))
log10 = unary("log10", by_lane("log10"))
tan = unary("tan", by_lane("tan"))
atan = unary("atan", by_lane("atan"))
asin = unary("asin", by_lane("asin"))
acos = unary("acos", by_lane("acos"))
sinh = unary("sinh", by_lane("sinh"))
cosh = unary("cosh", by_lane("cosh"))
asinh = unary("asinh", by_lane("asinh"))
acosh = unary("acosh", by_lane("acosh"))
atanh = unary("atanh", by_lane("atanh"))
erfc = unary("erfc", by_lane("erfc"))
atan2 = _binary_lanewise("atan2")
hypot = _binary_lanewise("hypot")
fmod = _binary_lanewise("fmod")
power = _binary_lanewise("pow")
remainder = _remainder()
total = _reduced("fadd", -0.0)
largest = _largest()
