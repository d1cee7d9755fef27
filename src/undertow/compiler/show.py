"""A plan in words: what is hoisted, fused, kept and computed anew, with bytes and floating point operations."""

from __future__ import annotations

from typing import Any

from torch import fx

from undertow.compiler.emit_numba import emit
from undertow.compiler.ops import POINTWISE
from undertow.compiler.plan import Plan
from undertow.compiler.recurrence import Recurrence
from undertow.compiler.stages import Half, Product
from undertow.compiler.sums import Outer


def record(made: Recurrence) -> dict[str, Any]:
    """The plan as plain data, for --json. Bytes and operations are a step and a row of the batch."""
    plan, size = made.plan, made.bits // 8
    return {
        "prologue": _calls(made.around.prologue),
        "hoisted": _calls(made.around.hoisted),
        "sequences": list(plan.sequences),
        "states": list(plan.states),
        "forward": [_stage(s) for s in plan.forward.stages],
        "backward": [_stage(s) for s in plan.backward.stages],
        "kept": list(plan.saved),
        "kept_bytes": size * sum(plan.saved),
        "states_bytes": size * sum(plan.states),
        "recomputed": recomputed(plan),
        "forward_flops": flops(plan.forward),
        "backward_flops": flops(plan.backward),
        "weight_gradient_flops": sum(_outer_flops(plan, s) for s in plan.sums if isinstance(s, Outer)),
    }


def describe(made: Recurrence) -> str:
    """The plan as a page of text."""
    plan, facts = made.plan, record(made)
    lines = ["once a call, by torch (weights only):", *_indented(facts["prologue"] or ["nothing"])]
    if plan.rounded:
        lines = ["every product: factors rounded to bfloat16, sums in float32", "", *lines]
    lines += ["", "all steps at once, by torch (input only):", *_indented(facts["hoisted"] or ["nothing"])]
    lines += ["", f"forward, each step: {facts['forward_flops']:,} operations a row"]
    lines += _indented(facts["forward"])
    kept = ", ".join(f"q{n} [{w}]" for n, w in enumerate(plan.saved)) or "nothing but the states"
    lines += ["", f"kept for backward: {kept}; {facts['kept_bytes']:,} bytes a step and row"]
    lines += [f"computed anew: {', '.join(facts['recomputed']) or 'nothing'}"]
    lines += ["", f"backward, each step: {facts['backward_flops']:,} operations a row"]
    lines += _indented(facts["backward"])
    lines += [
        "",
        "weight gradients, all steps at once:",
        *_indented([_sum(s) for s in plan.sums] or ["none"]),
    ]
    return "\n".join(lines)


def sources(made: Recurrence) -> dict[str, str]:
    """The generated source of each half."""
    return {half: emit(made.plan, half, made.bits) for half in ("forward", "infer", "backward")}


def recomputed(plan: Plan) -> list[str]:
    """What backward computes again rather than reading it: values that depend on no gradient."""
    tangent = {n.name for n in plan.backward.graph.inputs if n.name[0] == "d"}
    found = []
    for node in plan.backward.graph.nodes:
        if any(i in tangent for i in node.inputs):
            tangent.add(node.name)
        elif node.kind == "rows" and node.op in POINTWISE and POINTWISE[node.op].cost:
            found.append(f"{node.name} = {node.op}")
    return found


def flops(half: Half) -> int:
    """Floating point operations a step and row; a multiply-add is two."""
    total = 0
    for stage in half.stages:
        if isinstance(stage, Product):
            total += 2 * stage.depth * stage.width
        else:
            total += stage.width * sum(POINTWISE[n.op].cost if n.op in POINTWISE else 1 for n in stage.nodes)
    return total


def _outer_flops(plan: Plan, item: Outer) -> int:
    widths = {f"s{n}": w for n, w in enumerate(plan.states)} | {f"a{n}": w for n, w in enumerate(plan.states)}
    widths |= {f"u{n}": w for n, w in enumerate(plan.sequences)} | {
        f"g{n}": w for n, w in enumerate(plan.sequences)
    }
    widths |= {f"q{n}": w for n, w in enumerate(plan.saved)} | {
        f"o{n}": w for n, w in enumerate(plan.operands)
    }
    columns = widths[item.b] if isinstance(item.b, str) else sum(c.width for c in item.b)
    return 2 * widths[item.a] * columns


def _calls(module: fx.GraphModule) -> list[str]:
    """A torch.fx module as lines; inputs are in0, in1, …, and values v0, v1, … in the order of the graph.

    The graph's own names would not do: they differ between one that was traced and one that was read from disk.
    """
    names: dict[fx.Node, str] = {}
    lines = []
    for node in module.graph.nodes:
        if node.op == "placeholder":
            names[node] = f"in{len(names)}"
            continue
        names[node] = f"v{sum(name[0] == 'v' for name in names.values())}"
        if node.op == "call_function":
            arguments = fx.node.map_arg(node.args, lambda n: _Word(names[n]))
            target = getattr(node.target, "__name__", str(node.target)).removesuffix(".default")
            lines.append(f"{names[node]} = {target}({', '.join(map(str, arguments))})")
    return lines


class _Word(str):
    """A name that is printed without quotes inside a tuple, too."""

    __repr__ = str.__str__


def _stage(stage: Any) -> str:
    if isinstance(stage, Product):
        turned = "ᵀ" if stage.transposed else ""
        return f"product  {stage.out} = {stage.a} · {stage.matrix}{turned}   [{stage.depth} × {stage.width}]"
    return f"loop     {stage.width} columns: " + ", ".join(
        f"{n.name}={n.op}" for n in stage.nodes if n.op != "put"
    )


def _sum(item: Any) -> str:
    if not isinstance(item, Outer):
        return f"Σ {item.value}"
    if isinstance(item.b, str):
        return f"Σ {item.a}ᵀ · {item.b}"
    parts = ", ".join(f"{c.name}[{c.first}:{c.first + c.width}]" for c in item.b)
    return f"Σ {item.a}ᵀ · [{parts}]"


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]
