"""The vector-Jacobian product of the core, traced: its formulas are PyTorch's, not ours."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.traceback import preserve_node_meta

from undertow.compiler.decompose import table
from undertow.compiler.trace import Traced, to_fx


def differentiate(traced: Traced) -> fx.GraphModule:
    """(*inputs of core, *cotangents of the states) → (*new states, *gradients of sequences, states and derived)."""
    examples = [n.meta["val"] for n in traced.core.graph.nodes if n.op == "placeholder"]
    examples = [torch.zeros(v.shape, dtype=v.dtype) for v in examples]
    first = traced.sequences + traced.masks
    states = examples[first : first + traced.states]

    def joint(*arguments: Tensor) -> tuple[Tensor, ...]:
        inputs, cotangents = arguments[: len(examples)], arguments[len(examples) :]
        outside = inputs[traced.sequences : first]

        def core(*free: Tensor) -> Any:
            walker = fx.Interpreter(traced.core)  # node by node, so that each keeps the line it came from
            return tuple(walker.run(*free[: traced.sequences], *outside, *free[traced.sequences :]))

        found: Any = torch.func.vjp(core, *inputs[: traced.sequences], *inputs[first:])
        new, pull = found
        return (*new, *pull(tuple(cotangents)))

    with preserve_node_meta():
        return to_fx(joint, [*examples, *(torch.zeros_like(s) for s in states)], table())
