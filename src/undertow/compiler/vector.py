"""Vectors in Numba: explicit SIMD, so that generated kernels are fast by construction, not by luck.

A `Vec` is 64 bytes of float32 or float64; on a machine with narrower registers LLVM splits it. Loads and stores take
a raw pointer; the last few columns of a row go through a mask, so no buffer needs padding and nothing beyond its end
is ever touched. Arithmetic is written with Python's operators.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, lower_builtin, models, register_model, type_callable

from undertow.compiler.processor import has_avx512

BYTES = 64
FLAGS = ("contract",)  # a·b + c may become one instruction; nothing else is rearranged
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


# ---- memory


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


# ---- arithmetic


def _binary(symbol: Any, emit: Callable[..., Any]) -> None:
    @type_callable(symbol)
    def typed(context: Any) -> Any:
        def typer(a: Any, b: Any) -> Any:
            return a if isinstance(a, Vec) and a == b else None

        return typer

    @lower_builtin(symbol, Vec, Vec)
    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return emit(builder)(*arguments, flags=FLAGS)


_binary(operator.add, lambda b: b.fadd)
_binary(operator.sub, lambda b: b.fsub)
_binary(operator.mul, lambda b: b.fmul)
_binary(operator.truediv, lambda b: b.fdiv)


def _compare(symbol: Any, spelled: str) -> None:
    @type_callable(symbol)
    def typed(context: Any) -> Any:
        def typer(a: Any, b: Any) -> Any:
            return Mask(a) if isinstance(a, Vec) and a == b else None

        return typer

    @lower_builtin(symbol, Vec, Vec)
    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        ask = builder.fcmp_unordered if spelled == "!=" else builder.fcmp_ordered
        return ask(spelled, *arguments)


for _symbol, _spelled in (
    (operator.lt, "<"),
    (operator.le, "<="),
    (operator.gt, ">"),
    (operator.ge, ">="),
    (operator.eq, "=="),
    (operator.ne, "!="),
):
    _compare(_symbol, _spelled)


@type_callable(operator.neg)
def _type_neg(context: Any) -> Any:
    def typer(a: Any) -> Any:
        return a if isinstance(a, Vec) else None

    return typer


@lower_builtin(operator.neg, Vec)
def _neg(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.fneg(arguments[0])


def _logic(symbol: Any, name: str) -> None:
    @type_callable(symbol)
    def typed(context: Any) -> Any:
        def typer(a: Any, b: Any) -> Any:
            return a if isinstance(a, Mask) and a == b else None

        return typer

    @lower_builtin(symbol, Mask, Mask)
    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return getattr(builder, name)(*arguments)


_logic(operator.and_, "and_")
_logic(operator.or_, "or_")
_logic(operator.xor, "xor")


@type_callable(operator.invert)
def _type_invert(context: Any) -> Any:
    def typer(a: Any) -> Any:
        return a if isinstance(a, Mask) else None

    return typer


@lower_builtin(operator.invert, Mask)
def _invert(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.not_(arguments[0])


@intrinsic
def select(typing: Any, mask: Any, yes: Any, no: Any) -> Any:
    """Lane by lane, `yes` where the mask holds, else `no`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(*arguments)

    return yes(mask, yes, no), generate


def _unary(name: str, emit: Callable[[Any, Vec, Any], Any]) -> Any:
    @intrinsic
    def made(typing: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return emit(builder, value, arguments[0])

        return value(value), generate

    made.__name__ = name
    return made


def _llvm(name: str) -> Callable[[Any, Vec, Any], Any]:
    """An LLVM intrinsic of one argument; where the machine has no instruction it becomes a call a lane."""

    def emit(builder: Any, kind: Vec, value: Any) -> Any:
        return call_intrinsic(builder, f"llvm.{name}.{suffix(kind)}", llvm_type(kind), [value])

    return emit


def _lanewise(name: str) -> Callable[[Any, Vec, Any], Any]:
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


sqrt = _unary("sqrt", _llvm("sqrt"))
absolute = _unary("absolute", _llvm("fabs"))
log = _unary("log", _llvm("log"))
sin = _unary("sin", _llvm("sin"))
cos = _unary("cos", _llvm("cos"))
floor = _unary("floor", _llvm("floor"))
ceil = _unary("ceil", _llvm("ceil"))
trunc = _unary("trunc", _llvm("trunc"))
round_even = _unary("round_even", _llvm("nearbyint"))
log1p = _unary("log1p", _lanewise("log1p"))
expm1 = _unary("expm1", _lanewise("expm1"))
erf = _unary("erf", _lanewise("erf"))
exp2 = _unary("exp2", _lanewise("exp2"))
log2 = _unary("log2", _lanewise("log2"))
log10 = _unary("log10", _lanewise("log10"))
tan = _unary("tan", _lanewise("tan"))
atan = _unary("atan", _lanewise("atan"))
asin = _unary("asin", _lanewise("asin"))
acos = _unary("acos", _lanewise("acos"))
sinh = _unary("sinh", _lanewise("sinh"))
cosh = _unary("cosh", _lanewise("cosh"))
asinh = _unary("asinh", _lanewise("asinh"))
acosh = _unary("acosh", _lanewise("acosh"))
atanh = _unary("atanh", _lanewise("atanh"))
erfc = _unary("erfc", _lanewise("erfc"))
atan2 = _binary_lanewise("atan2")
hypot = _binary_lanewise("hypot")
fmod = _binary_lanewise("fmod")
power = _binary_lanewise("pow")
remainder = _remainder()
total = _reduced("fadd", -0.0)
largest = _largest()


# ---- exp, tanh, sigmoid


def _clamped(builder: Any, kind: Vec, value: Any, low: float, high: float) -> Any:
    """Into [low, high]; a NaN stays."""
    below = builder.fcmp_ordered("<", value, constant(kind, low))
    value = builder.select(below, constant(kind, low), value)
    above = builder.fcmp_ordered(">", value, constant(kind, high))
    return builder.select(above, constant(kind, high), value)


def _horner(builder: Any, kind: Vec, x: Any, coefficients: list[float]) -> Any:
    """A polynomial, highest power first."""
    result = constant(kind, coefficients[0])
    for coefficient in coefficients[1:]:
        result = _fma(builder, kind, result, x, constant(kind, coefficient))
    return result


def _fma(builder: Any, kind: Vec, a: Any, b: Any, c: Any) -> Any:
    return call_intrinsic(builder, f"llvm.fma.{suffix(kind)}", llvm_type(kind), [a, b, c])


def _exp32_parts(builder: Any, kind: Vec, safe: Any) -> tuple[Any, Any]:
    """n and p of exp(x) = 2^n · p."""
    scaled = _fma(builder, kind, safe, constant(kind, 1.44269504088896341), constant(kind, 0.5))
    n = _llvm("floor")(builder, kind, scaled)
    r = _fma(builder, kind, n, constant(kind, -0.693359375), safe)
    r = _fma(builder, kind, n, constant(kind, 2.12194440e-4), r)
    p = _horner(
        builder,
        kind,
        r,
        [
            1.9875691500e-4,
            1.3981999507e-3,
            8.3334519073e-3,
            4.1665795894e-2,
            1.6666665459e-1,
            5.0000001201e-1,
        ],
    )
    p = builder.fadd(_fma(builder, kind, p, builder.fmul(r, r), r), constant(kind, 1.0))
    return n, p


def _exp32(builder: Any, kind: Vec, x: Any) -> Any:
    """2^n · p(r), x = n·ln 2 + r (Cephes expf, S. Moshier): below 1 ULP of float32 in the middle, 2 at the ends."""
    over = builder.fcmp_ordered(">", x, constant(kind, 88.7228394))
    under = builder.fcmp_ordered("<", x, constant(kind, -103.972084))
    unknown = builder.fcmp_unordered("uno", x, x)
    safe = _clamped(builder, kind, x, -103.972084, 88.7228394)
    n, p = _exp32_parts(builder, kind, safe)
    half = _llvm("floor")(
        builder, kind, builder.fmul(n, constant(kind, 0.5))
    )  # two halves: 2^128 and 2^-149 are no powers by exponent
    result = builder.fmul(
        builder.fmul(p, _power_of_two(builder, kind, half)),
        _power_of_two(builder, kind, builder.fsub(n, half)),
    )
    result = builder.select(over, constant(kind, float("inf")), result)
    result = builder.select(under, constant(kind, 0.0), result)
    return builder.select(unknown, x, result)


def _power_of_two(builder: Any, kind: Vec, n: Any) -> Any:
    """2^n for whole n, by writing the exponent."""
    integers = ir.VectorType(INT32, kind.lanes)
    bits = builder.add(builder.fptosi(n, integers), ir.Constant(integers, [127] * kind.lanes))
    return builder.bitcast(builder.shl(bits, ir.Constant(integers, [23] * kind.lanes)), llvm_type(kind))


# The 13/6 rational of Eigen's ptanh (MPL 2.0 project; the coefficients are facts): 3.4e-7 of relative error.
TANH_TOP = [
    -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08,
    1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03,
]  # fmt: skip
TANH_BOTTOM = [1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03]


def _reciprocal32(builder: Any, kind: Vec, x: Any) -> Any:
    """1 / x of a plain number, to the last bit or two: an estimate of 14 bits, then one step of Newton's.

    A division of 16 numbers keeps AVX-512 machines busy for 16 cycles, this for 4.
    """
    if not has_avx512():
        return builder.fdiv(constant(kind, 1.0), x)
    every = ir.Constant(ir.IntType(16), 0xFFFF)
    name = "llvm.x86.avx512.rcp14.ps.512"
    estimate = call_intrinsic(builder, name, llvm_type(kind), [x, constant(kind, 0.0), every])
    error = _fma(builder, kind, builder.fneg(x), estimate, constant(kind, 1.0))
    return _fma(builder, kind, estimate, error, estimate)


def _quotient32(builder: Any, kind: Vec, a: Any, b: Any) -> Any:
    """a / b of plain numbers, as a division rounds it but for rare last bits: a·(1/b), and what that leaves of a."""
    if not has_avx512():
        return builder.fdiv(a, b)
    reciprocal = _reciprocal32(builder, kind, b)
    first = builder.fmul(a, reciprocal)
    left = _fma(builder, kind, builder.fneg(b), first, a)
    return _fma(builder, kind, left, reciprocal, first)


def _tanh32(builder: Any, kind: Vec, x: Any) -> Any:
    """x·(P(x²)/Q(x²)), exact for denormals, clamped to ±1 so that 1 − y² is never negative."""
    safe = _clamped(builder, kind, x, -7.99881172180175781, 7.99881172180175781)
    square = builder.fmul(safe, safe)
    top, bottom = (_horner(builder, kind, square, part) for part in (TANH_TOP, TANH_BOTTOM))
    share = _quotient32(builder, kind, top, bottom)
    return _clamped(builder, kind, builder.fmul(safe, share), -1.0, 1.0)


SIGMOID_ENDS = (-88.0, 87.0)  # beyond the first it is no normal number, beyond the second it is 1


def _sigmoid32(builder: Any, kind: Vec, x: Any) -> Any:
    """1 / (1 + exp(−x)): right to the last bits on both sides, where a shifted tanh loses the small ones.

    Between its ends exp needs no care: one power of two, no overflow.
    """
    low, high = SIGMOID_ENDS
    safe = _clamped(builder, kind, x, low, high)
    n, p = _exp32_parts(builder, kind, builder.fneg(safe))
    e = builder.fmul(p, _power_of_two(builder, kind, n))
    result = _reciprocal32(builder, kind, builder.fadd(constant(kind, 1.0), e))
    under = builder.fcmp_ordered("<", x, constant(kind, low))
    return builder.select(under, constant(kind, 0.0), result)


def _sigmoid64(builder: Any, kind: Vec, x: Any) -> Any:
    one = constant(kind, 1.0)
    return builder.fdiv(one, builder.fadd(one, _llvm("exp")(builder, kind, builder.fneg(x))))


def _by_width(narrow: Callable[[Any, Vec, Any], Any], wide: Callable[[Any, Vec, Any], Any]) -> Any:
    def emit(builder: Any, kind: Vec, value: Any) -> Any:
        return (narrow if kind.scalar is types.float32 else wide)(builder, kind, value)

    return emit


exp = _unary("exp", _by_width(_exp32, _llvm("exp")))
tanh = _unary("tanh", _by_width(_tanh32, _lanewise("tanh")))
sigmoid = _unary("sigmoid", _by_width(_sigmoid32, _sigmoid64))
