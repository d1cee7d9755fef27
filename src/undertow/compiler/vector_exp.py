"""exp, tanh and sigmoid of vectors: polynomials and rationals of our own for float32, where a call a lane would cost
more than a product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types

from undertow.compiler.processor import has_avx512
from undertow.compiler.vector_lanes import by_lane, by_llvm, unary
from undertow.compiler.vector_type import INT32, Vec, call_intrinsic, constant, llvm_type, suffix


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
    n = by_llvm("floor")(builder, kind, scaled)
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
    half = by_llvm("floor")(
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
    return builder.fdiv(one, builder.fadd(one, by_llvm("exp")(builder, kind, builder.fneg(x))))


def _by_width(narrow: Callable[[Any, Vec, Any], Any], wide: Callable[[Any, Vec, Any], Any]) -> Any:
    def emit(builder: Any, kind: Vec, value: Any) -> Any:
        return (narrow if kind.scalar is types.float32 else wide)(builder, kind, value)

    return emit


exp = unary("exp", _by_width(_exp32, by_llvm("exp")))
tanh = unary("tanh", _by_width(_tanh32, by_lane("tanh")))
sigmoid = unary("sigmoid", _by_width(_sigmoid32, _sigmoid64))
