"""The stages of a walk: in which loops a step's graph runs, and which values lie in scratch.

A stage is a matrix product over all rows, or one fused loop over the columns of a row. A value that crosses from one
stage to another lies in a buffer; within a loop it lies in registers.
"""

from __future__ import annotations

from dataclasses import dataclass

from undertow.compiler.graph import Graph, Node, hold, users, verify
from undertow.compiler.ops import POINTWISE


@dataclass(frozen=True)
class Product:
    """out = a · matrix, for all rows."""

    out: str
    a: str
    matrix: str  # an input's name
    transposed: bool
    depth: int
    width: int


@dataclass(frozen=True)
class Loop:
    """One fused loop over `width` columns of every row."""

    width: int
    nodes: tuple[Node, ...]


Stage = Product | Loop


@dataclass(frozen=True)
class Half:
    """Forward or backward: its graph, its stages, and which values lie in scratch."""

    graph: Graph
    stages: tuple[Stage, ...]
    scratch: tuple[tuple[str, int], ...]  # name and width


def half(graph: Graph) -> Half:
    """Stages of a graph, each after all that it reads."""
    verify(graph)
    levels = _levels(graph)
    stages = _stages(graph, levels)
    verify_order(graph, stages)
    return Half(graph, stages, _scratch(graph, stages))


def verify_order(graph: Graph, stages: tuple[Stage, ...]) -> None:
    """Every stage reads only what earlier stages have finished, or what its own loop has made of the same columns.

    Raises:
        NoRowError: it is not so.
    """
    table = graph.table()
    ready = {n.name for n in (*graph.inputs, *graph.nodes) if n.op in ("input", "transpose")}
    missing = {n.name: len(n.inputs) for n in graph.nodes if n.op == "cat"}  # parts that are not in place yet
    for stage in stages:
        here = set(ready)
        for node in (stage,) if isinstance(stage, Product) else stage.nodes:
            for name in _read(node):
                source = table[name]
                root = source.inputs[0] if source.op == "slice" else name
                there = ready if source.op == "slice" else here
                hold(root in there, f"{node} reads {name} before it is there")
            if isinstance(node, Node) and node.op in POINTWISE:
                here.add(node.name)
        for node in () if isinstance(stage, Product) else stage.nodes:
            if node.op != "put":
                ready.add(node.name)
                continue
            whole = str(node.inputs[1])
            missing[whole] -= 1
            if not missing[whole]:
                ready.add(whole)
        if isinstance(stage, Product):
            ready.add(stage.out)


def _read(node: Node | Product) -> list[str]:
    if isinstance(node, Product):
        return [node.a]
    inputs = node.inputs[:1] if node.op == "put" else node.inputs
    return [i for i in inputs if isinstance(i, str)]


def _levels(graph: Graph) -> dict[str, int]:
    """How many stages lie before each value; pointwise work is then moved down to where it is read."""
    table = graph.table()
    level = {n.name: 0 for n in graph.inputs}
    for node in graph.nodes:
        level[node.name] = max(
            (_step(table, level, node, i) for i in node.inputs if isinstance(i, str)), default=0
        )
    readers = users(graph)
    outputs = set(graph.outputs)
    for node in reversed(graph.nodes):
        own = readers[node.name]
        if (
            node.op in POINTWISE
            and own
            and node.name not in outputs
            and all(_same_loop(node, r) for r in own)
        ):
            level[node.name] = max(level[node.name], min(level[r.name] for r in own))
    return level


def _same_loop(source: Node, reader: Node) -> bool:
    return reader.op in (*POINTWISE, "rowsum", "rowmax") and _loop_width(reader, source) == source.width


def _loop_width(node: Node, source: Node | None = None) -> int:
    """Columns of the loop a node belongs to: a row's sum belongs to the loop over what it sums."""
    if node.op in ("rowsum", "rowmax"):
        return source.width if source is not None else node.at
    return node.width


def _step(table: dict[str, Node], level: dict[str, int], node: Node, name: str) -> int:
    source = table[name]
    if source.op in ("input", "transpose"):
        return 0
    crosses = (
        source.op in ("mm", "rowsum", "rowmax", "cat")
        or node.op in ("mm", "slice", "cat")
        or (source.op in POINTWISE and source.width != _loop_width(node, source))
    )
    if source.op == "slice":
        return level[name]
    if node.op == "cat":  # parts are put beside the loop that makes them; what ends with its loop, after it
        return level[name] + (1 if source.op in ("rowsum", "rowmax", "cat") else 0)
    return level[name] + (1 if crosses else 0)


def _stages(graph: Graph, level: dict[str, int]) -> tuple[Stage, ...]:
    table = graph.table()
    stages: list[tuple[int, int, Stage]] = []
    loops: dict[tuple[int, int], list[Node]] = {}
    for node in graph.nodes:
        if node.op == "mm":
            matrix = table[str(node.inputs[1])]
            transposed = matrix.op == "transpose"
            source = str(matrix.inputs[0]) if transposed else matrix.name
            product = Product(node.name, str(node.inputs[0]), source, transposed, matrix.depth, node.width)
            stages.append((level[node.name], 0, product))
        elif node.op in POINTWISE:
            loops.setdefault((level[node.name], node.width), []).append(node)
        elif node.op in ("rowsum", "rowmax"):
            loops.setdefault((level[node.name], table[str(node.inputs[0])].width), []).append(node)
        elif node.op == "cat":
            place = 0
            for part in node.inputs:
                width = table[part].width if isinstance(part, str) else 1
                put = Node(f"{node.name}@{place}", "put", (part, node.name), width, at=place)
                at = level[node.name] if not isinstance(part, str) else max(level[node.name], level[part])
                loops.setdefault((at, width), []).append(put)
                place += width
    stages += [(at, 1, Loop(width, tuple(nodes))) for (at, width), nodes in loops.items()]
    return tuple(stage for _, _, stage in sorted(stages, key=lambda s: s[:2]))


def _scratch(graph: Graph, stages: tuple[Stage, ...]) -> tuple[tuple[str, int], ...]:
    """Values read in another stage than their own, or by a product or a slice, and not an output."""
    table, home = graph.table(), {}
    for number, stage in enumerate(stages):
        for node in stage.nodes if isinstance(stage, Loop) else ():
            home[node.name] = number
    needed: dict[str, int] = {}
    outputs = set(graph.outputs)

    def need(name: object, number: int, always: bool) -> None:
        if not isinstance(name, str):
            return
        node = table[name]
        if node.op == "slice":
            need(node.inputs[0], number, True)
        elif (
            node.op not in ("input", "transpose")
            and name not in outputs
            and (always or home.get(name) != number)
        ):
            needed[name] = node.width

    for number, stage in enumerate(stages):
        if isinstance(stage, Product):
            need(stage.a, number, True)
            need(stage.out, number, True)
        else:
            for node in stage.nodes:
                for name in node.inputs:
                    need(name, number, node.op == "put" and name == node.inputs[1])
    return tuple(needed.items())
