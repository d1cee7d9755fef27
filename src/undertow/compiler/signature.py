"""What a kernel is called with: the names of its addresses, in order, and the room that it needs."""

from __future__ import annotations

from undertow.compiler.graph import Input, Node
from undertow.compiler.plan import Plan
from undertow.compiler.stages import Half, Product
from undertow.compiler.sums import Outer


def arguments(plan: Plan, half: str) -> list[str]:
    """The names of the addresses in `p`, in order, those of functions among them; `slots...` are plain numbers."""
    masks = [f"m{n}" for n in range(len(plan.masks))]
    starts = [f"start{n}" for n in range(len(plan.states))]
    news = [f"a{n}" for n in range(len(plan.states))]
    kept = [f"q{n}" for n in range(len(plan.saved))]
    weights = [*weight_names(plan, half), *functions(plan, half)]
    feeds = [f"u{n}" for n in range(len(plan.sequences)) if f"u{n}" in reads(plan, half)]
    if half != "backward":
        kept = kept if half == "forward" else []
        slots = [f"slots{n}" for n in range(len(plan.states))]
        return [*feeds, *masks, *starts, *news, *slots, *kept, *weights]
    incoming = [f"y{n}" for n in range(len(plan.states))]
    lasts = [f"last{n}" for n in range(len(plan.states))]
    olds = [f"old{n}" for n in range(len(plan.states))]
    given = [f"g{n}" for n in range(len(plan.sequences))] + [f"o{n}" for n in range(len(plan.operands))]
    gauges = [f"gauge{n}" for n in range(len(plan.states))]
    return [*feeds, *masks, *starts, *news, *kept, *weights, *incoming, *lasts, *given, *olds, *gauges]


def functions(plan: Plan, half: str) -> list[str]:
    """Those that a half calls by their address."""
    part: Half = getattr(plan, half)
    if not any(isinstance(s, Product) for s in part.stages):
        return []
    return ["rounding", "product"] if plan.rounded else ["product"]


def weight_names(plan: Plan, half: str) -> list[str]:
    """Derived weights a half reads: `k2` a vector, `k2n` or `k2t` a matrix packed as it is or transposed."""
    part: Half = getattr(plan, half)
    table = part.graph.table()
    names: dict[str, None] = {}
    for stage in part.stages:
        if isinstance(stage, Product):
            names[packed_name(stage)] = None
        else:
            for node in stage.nodes:
                for name in node.inputs:
                    source = root_of(table, name)
                    if source is not None and source[0] == "k":
                        names[source] = None
    return list(names)


def packed_name(stage: Product) -> str:
    """The name of a product's matrix, packed."""
    return stage.matrix + ("t" if stage.transposed else "n")


def scratch_size(plan: Plan, half: str, rows: int) -> int:
    """Numbers of scratch that one shard of so many rows needs."""
    per_row, fixed = scratch_widths(plan, half)
    return rows * sum(w for _, w in per_row) + sum(w for _, w in fixed)


def rounded_depth(plan: Plan, half: str) -> int:
    """The longest row that a half's products round."""
    part: Half = getattr(plan, half)
    return max((s.depth for s in part.stages if isinstance(s, Product)), default=0)


def scratch_widths(plan: Plan, half: str) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """What lies in scratch, by name and width: once a row, and once a thread."""
    part: Half = getattr(plan, half)
    rows = list(part.scratch)
    if half != "backward":
        return rows, []
    rows += [(f"carry{n}_{side}", w) for n, w in enumerate(plan.states) for side in (0, 1)]
    return rows, [(f"c{n}", w) for n, w in enumerate(w for widths in plan.accumulated for w in widths)]


def root_of(table: dict[str, Node], name: Input) -> str | None:
    """The input that a name reads, through slices."""
    if not isinstance(name, str):
        return None
    node = table.get(name)
    while node is not None and node.op in ("slice", "transpose"):
        node = table[str(node.inputs[0])]
    return node.name if node is not None and node.op == "input" else None


def reads(plan: Plan, half: str) -> set[str]:
    """The inputs that a half reads."""
    part: Half = getattr(plan, half)
    table = part.graph.table()
    found = {r for n in part.graph.nodes for i in n.inputs if (r := root_of(table, i)) is not None}
    if half == "backward":
        found |= {name for s in plan.sums for name in (s.names if isinstance(s, Outer) else (s.value,))}
    return found
