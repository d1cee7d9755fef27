"""Rewrites that cost nothing at run time: slices sink to where the numbers lie, copies and repeats go."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import accumulate

from undertow.compiler.graph import Graph, Input, Node, prune
from undertow.compiler.ops import POINTWISE


def simplify(graph: Graph) -> Graph:
    """An equal graph whose slices read inputs, products or sums only, without copies and repeats."""
    work = _Work(
        {node.name: node for node in graph.inputs}, widths={n: v.width for n, v in graph.table().items()}
    )
    for node in graph.nodes:
        work.names[node.name] = work.rewrite(node)
    outputs = tuple(work.output(name) for name in graph.outputs)
    return prune(Graph(graph.inputs, tuple(work.nodes), outputs))


@dataclass
class _Work:
    table: dict[str, Node]
    widths: dict[str, int]
    names: dict[str, Input] = field(default_factory=dict)  # old name -> new name, or a number
    nodes: list[Node] = field(default_factory=list)
    known: dict[tuple[object, ...], str] = field(default_factory=dict)

    def resolve(self, name: Input) -> Input:
        return self.names.get(name, name) if isinstance(name, str) else name

    def rewrite(self, node: Node) -> Input:
        inputs = tuple(self.resolve(i) for i in node.inputs)
        if node.op == "copy" and (
            not isinstance(inputs[0], str) or self.table[inputs[0]].width == node.width
        ):
            return inputs[0]
        if node.op in ("cat", "mm", "rowsum", "rowmax"):
            inputs = tuple(self.filled(i, old) for i, old in zip(inputs, node.inputs, strict=True))
        if node.op == "add" and all(isinstance(i, str) and self.table[i].op == "cat" for i in inputs):
            return self.added(node, *(str(i) for i in inputs))
        if node.op == "slice":
            if not isinstance(inputs[0], str):
                return inputs[0]
            return self.slice(inputs[0], node.at, node.width, node.line)
        return self.add(replace(node, inputs=inputs))

    def added(self, node: Node, left: str, right: str) -> str:
        """A sum of cats is a cat of sums: slices' gradients, zeros elsewhere, meet without an addition."""
        ends = sorted({e for side in (left, right) for e in self.ends(side)})
        parts: list[Input] = []
        for at, end in zip([0, *ends], ends, strict=False):
            pair = [self.slice(side, at, end - at, node.line) for side in (left, right)]
            kept = [p for p in pair if not self.nothing(p)] or pair[:1]
            both = Node("", "add", tuple(kept), end - at, node.kind, line=node.line)
            parts.append(self.add(both) if len(kept) == 2 else kept[0])
        return self.add(Node("", "cat", tuple(parts), node.width, "rows", line=node.line))

    def ends(self, cat: str) -> list[int]:
        """Where each part of a cat ends."""
        return list(accumulate(self.table[str(part)].width for part in self.table[cat].inputs))

    def nothing(self, name: str) -> bool:
        """Is it zeros?"""
        return self.table[name].op == "copy" and self.table[name].inputs == (0.0,)

    def filled(self, value: Input, old: Input) -> Input:
        """A part of a cat has a width: a number becomes a column block of it."""
        if isinstance(value, str):
            return value
        assert isinstance(old, str)
        return self.add(Node("", "copy", (value,), self.widths[old]))

    def slice(self, source: str, at: int, width: int, line: str) -> str:
        node = self.table[source]
        if at == 0 and width == node.width:
            return source
        if node.op == "slice":
            return self.slice(str(node.inputs[0]), node.at + at, width, line)
        if node.op == "cat":
            place = 0
            for part in node.inputs:
                size = self.table[part].width if isinstance(part, str) else 1
                if place <= at and at + width <= place + size and isinstance(part, str):
                    return self.slice(part, at - place, width, line)
                place += size
        if node.op in POINTWISE:
            inputs = tuple(self.part(i, at, width, line) for i in node.inputs)
            return self.add(replace(node, name="", inputs=inputs, width=width))
        return self.add(Node("", "slice", (source,), width, node.kind, at=at, line=line))

    def part(self, value: Input, at: int, width: int, line: str) -> Input:
        if not isinstance(value, str) or self.table[value].width == 1:
            return value
        return self.slice(value, at, width, line)

    def add(self, node: Node) -> str:
        key = (node.op, node.inputs, node.width, node.kind, node.truth, node.at, node.depth)
        if key in self.known:
            return self.known[key]
        name = f"t{len(self.nodes)}"
        self.known[key] = name
        self.table[name] = replace(node, name=name)
        self.nodes.append(self.table[name])
        return name

    def output(self, name: str) -> str:
        """A number that comes out becomes rows."""
        value = self.resolve(name)
        if isinstance(value, str):
            return value
        return self.add(Node("", "copy", (value,), self.widths[name]))
