"""The compiler's own graph: one step of a recurrence as rows of numbers.

A value is `rows` [B, width], a `vector` [width] that every row shares, or a `matrix` [K, N]. Nodes are in order; each
names its op, its inputs (names, or numbers), and the line of the user's file it came from.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx

from undertow.errors import UndertowError

Input = str | float


class NoRowError(UndertowError):
    """A step uses what the compiler has no row for."""


@dataclass(frozen=True)
class Node:
    """One value."""

    name: str
    op: str
    inputs: tuple[Input, ...] = ()
    width: int = 1
    kind: str = "rows"  # rows, vector or matrix
    truth: bool = False  # of a comparison, to be used by where and logic
    at: int = 0  # first column, of a slice
    depth: int = 0  # K of a matrix
    line: str = ""

    def __str__(self) -> str:
        shown = ", ".join(f"{i:g}" if isinstance(i, float) else i for i in self.inputs)
        place = f"[{self.at}:{self.at + self.width}]" if self.op == "slice" else ""
        size = f"{self.depth}×{self.width}" if self.kind == "matrix" else f"{self.width}"
        return f"{self.name:<8} {self.kind:>6} {size:<9} = {self.op}({shown}){place}"


@dataclass(frozen=True)
class Graph:
    """Inputs, nodes in order, and the names that come out."""

    inputs: tuple[Node, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"  {node}" for node in (*self.inputs, *self.nodes)]
        return "\n".join([*lines, f"  return {', '.join(self.outputs)}"])

    def table(self) -> dict[str, Node]:
        """Every value by its name."""
        return {node.name: node for node in (*self.inputs, *self.nodes)}


def place_of(node: fx.Node) -> str:
    """` (file.py:12)`, the line of the user's file that a traced node comes from."""
    file, comma, rest = (node.stack_trace or "").removeprefix('File "').partition('", line ')
    return f" ({file.replace(chr(92), '/').rpartition('/')[2]}:{rest.partition(',')[0]})" if comma else ""


def hold(condition: bool, text: str) -> None:
    """A plan that is wrong is no plan: the step runs on the eager loop then, and says why.

    Raises:
        NoRowError: the condition does not hold.
    """
    if not condition:
        raise NoRowError(f"a fault of the planner, please report it: {text}")


def verify(graph: Graph) -> None:
    """Every name is defined once and before it is used; widths fit.

    Raises:
        NoRowError: it is not so.
    """
    known: dict[str, Node] = {}
    for node in (*graph.inputs, *graph.nodes):
        hold(node.name not in known, f"{node.name} is defined twice")
        for name in node.inputs:
            hold(not isinstance(name, str) or name in known, f"{node.name} uses {name} before it is there")
        if node.op not in ("slice", "cat", "mm", "rowsum", "rowmax", "transpose", "input"):
            widths = {known[i].width for i in node.inputs if isinstance(i, str)} - {1}
            hold(widths <= {node.width}, f"{node.name}: widths {widths} do not make {node.width}")
        known[node.name] = node
    hold(all(name in known for name in graph.outputs), "an output is no value")


def prune(graph: Graph) -> Graph:
    """Without what no output needs."""
    needed: set[str] = set(graph.outputs)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if node.name in needed:
            kept.append(node)
            needed.update(i for i in node.inputs if isinstance(i, str))
    return Graph(graph.inputs, tuple(reversed(kept)), graph.outputs)


def users(graph: Graph) -> dict[str, list[Node]]:
    """Who reads each value?"""
    found: dict[str, list[Node]] = {name: [] for name in graph.table()}
    for node in graph.nodes:
        for name in node.inputs:
            if isinstance(name, str):
                found[name].append(node)
    return found
