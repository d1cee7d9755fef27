"""The ops a kernel may hold: one row an op.

A row says how PyTorch spells it, how it is written in a kernel (with {0}, {1} for its inputs), and what it costs in
floating point operations an element. An op that is not here sends its cell to the eager loop, with a word.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

aten = torch.ops.aten


@dataclass(frozen=True)
class Op:
    """A pointwise op."""

    name: str
    text: str
    cost: int = 1
    truth: bool = False  # gives a comparison's answer


POINTWISE = {
    op.name: op
    for op in (
        Op("add", "{0} + {1}"),
        Op("sub", "{0} - {1}"),
        Op("mul", "{0} * {1}"),
        Op("div", "{0} / {1}", 4),
        Op("neg", "-{0}"),
        Op("abs", "absolute({0})"),
        Op("copy", "{0}", 0),
        Op("exp", "exp({0})", 12),
        Op("expm1", "expm1({0})", 40),
        Op("log", "log({0})", 40),
        Op("log1p", "log1p({0})", 40),
        Op("sin", "sin({0})", 40),
        Op("cos", "cos({0})", 40),
        Op("erf", "erf({0})", 40),
        Op("erfc", "erfc({0})", 40),
        Op("atan2", "atan2({0}, {1})", 60),
        Op("hypot", "hypot({0}, {1})", 40),
        Op("floor", "floor({0})"),
        Op("ceil", "ceil({0})"),
        Op("trunc", "trunc({0})"),
        Op("round", "round_even({0})"),
        Op("sign", "select({0} > zero, one, zero) - select({0} < zero, one, zero)", 3),
        Op("fmod", "fmod({0}, {1})", 60),
        Op("remainder", "remainder({0}, {1})", 62),
        Op("pow", "power({0}, {1})", 80),
        Op("exp2", "exp2({0})", 40),
        Op("log2", "log2({0})", 40),
        Op("log10", "log10({0})", 40),
        Op("tan", "tan({0})", 40),
        Op("atan", "atan({0})", 40),
        Op("asin", "asin({0})", 40),
        Op("acos", "acos({0})", 40),
        Op("sinh", "sinh({0})", 40),
        Op("cosh", "cosh({0})", 40),
        Op("asinh", "asinh({0})", 40),
        Op("acosh", "acosh({0})", 40),
        Op("atanh", "atanh({0})", 40),
        Op("sqrt", "sqrt({0})", 6),
        Op("rsqrt", "one / sqrt({0})", 10),
        Op("reciprocal", "one / {0}", 4),
        Op("sigmoid", "sigmoid({0})", 18),
        Op("tanh", "tanh({0})", 16),
        Op("relu", "select({0} < zero, zero, {0})", 1),
        Op("maximum", "select(({0} > {1}) | ({0} != {0}), {0}, {1})"),
        Op("minimum", "select(({0} < {1}) | ({0} != {0}), {0}, {1})"),
        Op("where", "select({0}, {1}, {2})"),
        Op("lerp", "{0} + {2} * ({1} - {0})", 3),
        Op("lt", "{0} < {1}", truth=True),
        Op("le", "{0} <= {1}", truth=True),
        Op("gt", "{0} > {1}", truth=True),
        Op("ge", "{0} >= {1}", truth=True),
        Op("eq", "{0} == {1}", truth=True),
        Op("ne", "{0} != {1}", truth=True),
        Op("and", "{0} & {1}", truth=True),
        Op("or", "{0} | {1}", truth=True),
        Op("xor", "{0} ^ {1}", truth=True),
        Op("not", "~{0}", truth=True),
        Op("isnan", "{0} != {0}", truth=True),
        Op("isinf", "absolute({0}) == infinity", truth=True),
    )
}

TARGETS = {
    aten.neg.default: "neg",
    aten.abs.default: "abs",
    aten.clone.default: "copy",
    aten.alias.default: "copy",
    aten.detach.default: "copy",
    aten.exp.default: "exp",
    aten.expm1.default: "expm1",
    aten.log.default: "log",
    aten.log1p.default: "log1p",
    aten.sin.default: "sin",
    aten.cos.default: "cos",
    aten.erf.default: "erf",
    aten.erfc.default: "erfc",
    aten.atan2.default: "atan2",
    aten.hypot.default: "hypot",
    aten.floor.default: "floor",
    aten.ceil.default: "ceil",
    aten.trunc.default: "trunc",
    aten.round.default: "round",
    aten.sign.default: "sign",
    aten.fmod.Tensor: "fmod",
    aten.fmod.Scalar: "fmod",
    aten.remainder.Tensor: "remainder",
    aten.remainder.Scalar: "remainder",
    aten.pow.Tensor_Tensor: "pow",
    aten.pow.Scalar: "pow",
    aten.exp2.default: "exp2",
    aten.log2.default: "log2",
    aten.log10.default: "log10",
    aten.tan.default: "tan",
    aten.atan.default: "atan",
    aten.asin.default: "asin",
    aten.acos.default: "acos",
    aten.sinh.default: "sinh",
    aten.cosh.default: "cosh",
    aten.asinh.default: "asinh",
    aten.acosh.default: "acosh",
    aten.atanh.default: "atanh",
    aten.sqrt.default: "sqrt",
    aten.rsqrt.default: "rsqrt",
    aten.reciprocal.default: "reciprocal",
    aten.sigmoid.default: "sigmoid",
    aten.tanh.default: "tanh",
    aten.relu.default: "relu",
    aten.mul.Tensor: "mul",
    aten.mul.Scalar: "mul",
    aten.div.Tensor: "div",
    aten.div.Scalar: "div",
    aten.maximum.default: "maximum",
    aten.minimum.default: "minimum",
    aten.where.self: "where",
    aten.lt.Scalar: "lt",
    aten.lt.Tensor: "lt",
    aten.le.Scalar: "le",
    aten.le.Tensor: "le",
    aten.gt.Scalar: "gt",
    aten.gt.Tensor: "gt",
    aten.ge.Scalar: "ge",
    aten.ge.Tensor: "ge",
    aten.eq.Scalar: "eq",
    aten.eq.Tensor: "eq",
    aten.ne.Scalar: "ne",
    aten.ne.Tensor: "ne",
    aten.logical_and.default: "and",
    aten.logical_or.default: "or",
    aten.logical_xor.default: "xor",
    aten.logical_not.default: "not",
    aten.bitwise_and.Tensor: "and",
    aten.bitwise_or.Tensor: "or",
    aten.bitwise_xor.Tensor: "xor",
    aten.bitwise_not.default: "not",
    aten.isnan.default: "isnan",
    aten.isinf.default: "isinf",
}

LOGIC = ("and", "or", "xor", "not")  # of truths
CHEAP = 6  # a backward pass computes anew what costs no more than this, rather than keeping it
