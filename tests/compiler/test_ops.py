"""Every pointwise op a step may use, forward and backward, against torch: a kernel holds a few, a block each."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import undertow as ut
from undertow.compiler.function import fused
from undertow.unroll.chain import chain

BLOCK = 11  # columns of each op: more than a register of float64, and not a whole number of them

SMOOTH = {
    "neg": lambda z: -z,
    "exp": torch.exp,
    "exp2": torch.exp2,
    "expm1": torch.expm1,
    "log": lambda z: torch.log(z.abs() + 0.1),
    "log2": lambda z: torch.log2(z.abs() + 0.1),
    "log10": lambda z: torch.log10(z.abs() + 0.1),
    "log1p": lambda z: torch.log1p(z.abs()),
    "logit": lambda z: torch.logit(z.sigmoid()),
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": lambda z: torch.tan(z * 0.3),
    "atan": torch.atan,
    "asin": lambda z: torch.asin(z.tanh() * 0.9),
    "acos": lambda z: torch.acos(z.tanh() * 0.9),
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "asinh": torch.asinh,
    "acosh": lambda z: torch.acosh(z.abs() + 1.1),
    "atanh": lambda z: torch.atanh(z.tanh() * 0.9),
    "erf": torch.erf,
    "erfc": torch.erfc,
    "sqrt": lambda z: torch.sqrt(z.abs() + 0.1),
    "rsqrt": lambda z: torch.rsqrt(z.abs() + 0.1),
    "reciprocal": lambda z: torch.reciprocal(z.abs() + 0.1),
    "square": torch.square,
    "power 1": lambda z: z**1,
    "power 3": lambda z: z**3,
    "power -1": lambda z: (z.abs() + 0.1) ** -1,
    "power 2.5": lambda z: (z.abs() + 0.1) ** 2.5,
    "power of two": lambda z: 2.0**z,
    "power of itself": lambda z: (z.abs() + 0.1) ** z.tanh(),
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softplus": F.softplus,
    "softplus steep": lambda z: F.softplus(z, beta=3.0, threshold=2.0),
    "logsigmoid": F.logsigmoid,
    "silu": F.silu,
    "mish": F.mish,
    "gelu": F.gelu,
    "gelu tanh": lambda z: F.gelu(z, approximate="tanh"),
    "softsign": F.softsign,
    "elu": lambda z: F.elu(z, alpha=1.3),
    "selu": F.selu,
    "celu": lambda z: F.celu(z, alpha=0.7),
    "logaddexp": lambda z: torch.logaddexp(z, z * 0.5),
    "atan2": lambda z: torch.atan2(z, z.abs() + 0.1),
    "hypot": lambda z: torch.hypot(z, z + 1),
    "addcmul": lambda z: torch.addcmul(z, z, z, value=0.5),
    "addcdiv": lambda z: torch.addcdiv(z, z, z.abs() + 1, value=0.5),
    "lerp": lambda z: torch.lerp(z, z * 2, z.sigmoid()),
    "lerp by a number": lambda z: torch.lerp(z, z * 2, 0.3),
    "div": lambda z: (z + 1) / (z.abs() + 1),
    "rsub": lambda z: 2 - z,
    "add alpha": lambda z: torch.add(z, z * z, alpha=-2),
}
KINKED = {
    "relu": torch.relu,
    "relu6": lambda z: F.relu6(z * 4),
    "leaky_relu": lambda z: F.leaky_relu(z, 0.1),
    "hardtanh": F.hardtanh,
    "hardsigmoid": lambda z: F.hardsigmoid(z * 3),
    "hardswish": lambda z: F.hardswish(z * 3),
    "hardshrink": F.hardshrink,
    "softshrink": F.softshrink,
    "threshold": lambda z: F.threshold(z, 0.1, 0.7),
    "abs": torch.abs,
    "sign": lambda z: torch.sign(z) * z,
    "clamp": lambda z: torch.clamp(z, -0.5, 0.7),
    "clamp min": lambda z: z.clamp(min=0.1),
    "clamp to tensors": lambda z: torch.clamp(z, -z.abs() / 2, z.abs() / 3),
    "maximum": lambda z: torch.maximum(z, z * z),
    "minimum": lambda z: torch.minimum(z, z * z),
    "where": lambda z: torch.where(z > 0.2, z * 2, z * z),
    "where not": lambda z: torch.where((z > 0.2).logical_not() & (z < 1), z * 2, 3.0),
    "where either": lambda z: torch.where((z > 0.2) | (z <= -1) ^ (z != 0), z * 2, 3.0),
    "masked_fill": lambda z: z.masked_fill(z < 0, -7.0),
    "floor": lambda z: torch.floor(z) * z,
    "ceil": lambda z: torch.ceil(z) * z,
    "round": lambda z: torch.round(z * 2) * z,
    "trunc": lambda z: torch.trunc(z * 2) * z,
    "frac": torch.frac,
    "remainder": lambda z: torch.remainder(z * 5, 1.5),
    "remainder negative": lambda z: torch.remainder(z * 5, -1.5),
    "remainder of two": lambda z: z % (z.cos() + 1.5),
    "fmod": lambda z: torch.fmod(z * 5, 1.5),
    "floor division": lambda z: torch.div(z * 5, 0.7, rounding_mode="floor") * z,
    "isnan": lambda z: torch.where(z.isnan(), 1.0, z),
    "as a number": lambda z: (z > 0).to(z.dtype) * z,
    "detach": lambda z: z * z.detach(),
}
ROWS = {
    "sum": lambda z: z * z.sum(-1, keepdim=True),
    "mean": lambda z: z - z.mean(dim=1, keepdim=True),
    "mean of all columns, unsqueezed": lambda z: z * z.mean(-1)[:, None],
    "amax": lambda z: z - z.amax(-1, keepdim=True),
    "amin": lambda z: z - z.amin(-1, keepdim=True),
    "var": lambda z: z / (z.var(-1, keepdim=True) + 1),
    "std": lambda z: z / (z.std(-1, keepdim=True, unbiased=False) + 1),
    "norm": lambda z: z / z.norm(dim=-1, keepdim=True),
    "normalize": lambda z: F.normalize(z, dim=-1),
    "layer_norm": lambda z: F.layer_norm(z, (BLOCK,)),
    "rms_norm": lambda z: F.rms_norm(z, (BLOCK,)),
    "softmax": lambda z: torch.softmax(z, -1),
    "log_softmax": lambda z: torch.log_softmax(z, -1),
    "logsumexp": lambda z: z - torch.logsumexp(z, -1, keepdim=True),
    "softmin": lambda z: F.softmin(z, dim=1),
    "slices": lambda z: torch.cat([z[:, 2:], z[:, :2] * 2], dim=-1),
    "narrow": lambda z: torch.cat([z.narrow(1, 4, 7), z.narrow(1, 0, 4) ** 2], -1),
    "roll": lambda z: torch.roll(z, 3, dims=-1) * z,
    "one column": lambda z: z * z[:, 3:4],
    "one column, selected": lambda z: z * z[:, -2].unsqueeze(-1),
    "pad": lambda z: F.pad(z[:, 1:-1], (1, 1)) + z,
    "glu": lambda z: torch.cat([F.glu(z[:, 1:], dim=-1), z[:, :6]], 1),
    "stack and sum": lambda z: torch.stack([z, z * z], 1).sum(1),
    "stack and mean": lambda z: torch.stack([z, z * z], dim=1).mean(dim=1),
    "inner axis": lambda z: torch.cat([z[:, :1], (z[:, 1:].view(-1, 2, 5) * z[:, None, 1:6]).flatten(1)], 1),
    "inner softmax": lambda z: torch.cat([z[:, :1], z[:, 1:].unflatten(1, (2, 5)).softmax(-1).flatten(1)], 1),
    "inner largest": lambda z: torch.cat([z[:, :6], z[:, 1:].reshape(-1, 2, 5).amax(1)], 1),
    "written in place": lambda z: _written(z),
    "zeros beside": lambda z: torch.cat([z[:, :8], torch.zeros(z.shape[0], 3, dtype=z.dtype)], 1),
    "ones": lambda z: z * z.new_ones(z.shape[0], BLOCK) + torch.full_like(z, 0.25),
}
ALL = SMOOTH | KINKED | ROWS
TOGETHER = 8  # ops of one kernel; building takes longer than twice as long for twice as many
GROUPS = [tuple(ALL)[n : n + TOGETHER] for n in range(0, len(ALL), TOGETHER)]


def _written(z: Tensor) -> Tensor:
    result = z.clone()
    result[:, :4] = z[:, 4:8] * 2
    result[:, 5] *= 3
    result.add_(1)
    return result


@dataclass(frozen=True)
class Each(ut.Cell):
    """h' = f(x + h), another f for every block of columns."""

    names: tuple[str, ...] = ()

    class State(NamedTuple):
        h: Tensor

    class Weights(NamedTuple):
        b: Tensor

    def init(self) -> Any:
        return self.Weights(torch.zeros(self.hidden_size))

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        blocks = (x + state.h * 0.5 + w.b).split(BLOCK, dim=-1)
        return self.State(torch.cat([ALL[n](z) for n, z in zip(self.names, blocks, strict=True)], dim=-1))


def walked(walk, cell, dtype):
    torch.manual_seed(0)
    size = cell.hidden_size
    x = torch.randn(2, 5, size, dtype=dtype).requires_grad_()
    w = cell.Weights(torch.randn(size, dtype=dtype).requires_grad_())
    start = cell.State(torch.randn(5, size, dtype=dtype).requires_grad_())
    states, _ = walk(cell, x, start, w)
    along = torch.randn(states.h.shape, dtype=dtype)
    return [states.h, *torch.autograd.grad((states.h * along).sum(), [x, start.h, w.b])]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("group", GROUPS, ids=lambda names: names[0])
def test_every_op_is_as_in_torch(group, dtype):
    cell = Each(BLOCK * len(group), BLOCK * len(group), names=tuple(group))
    got, wanted = walked(fused, cell, dtype), walked(chain, cell, dtype)
    limit = 1e-11 if dtype is torch.float64 else 2e-5
    loose = {"hardsigmoid": 1e-7}  # torch's own gradient holds 1/6 as float32
    wrong = {}
    for what, ours, theirs in zip(("h", "x", "start", "b"), got, wanted, strict=True):
        blocks = zip(group, ours.split(BLOCK, -1), theirs.split(BLOCK, -1), strict=True)
        for name, a, b in blocks:
            error = ((a - b).abs().max() / b.abs().max().clamp(min=1)).item()
            if not error < max(limit, loose.get(name, 0)):
                wrong[name, what] = error
    assert not wrong
