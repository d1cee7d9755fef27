"""The plan of a kernel: what runs forward, what is kept, what runs backward, and what weight gradients are made of."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace

from undertow.compiler.graph import Graph, Input, Node, prune
from undertow.compiler.ops import CHEAP, POINTWISE
from undertow.compiler.simplify import simplify
from undertow.compiler.stages import Half, half
from undertow.compiler.sums import Columns, Joint, Outer, Sum

RECOMPUTE = 20  # floating point operations an element that backward spends rather than reading a kept value


@dataclass(frozen=True)
class Plan:
    """One recurrence, ready to be emitted."""

    forward: Half
    infer: Half  # forward where nothing is kept
    backward: Half
    states: tuple[int, ...]  # widths
    sequences: tuple[int, ...]  # widths of what is computed from x before the loop
    saved: tuple[int, ...]  # widths of what forward keeps for backward
    operands: tuple[int, ...]  # widths of what backward leaves for weight gradients
    sums: tuple[
        Outer | Sum, ...
    ]  # operands by name: s0 old state, u0 sequence, a0 new state, q0 kept, o0 operand
    accumulated: tuple[tuple[int, ...], ...]  # column sums: widths of what stands side by side in each
    masks: tuple[tuple[int, bool], ...] = ()  # width, and whether it changes in time
    rounded: bool = False  # factors of products are rounded to bfloat16; sums stay float32


def plan(joint: Joint, masks: tuple[bool, ...], rounded: bool = False) -> Plan:
    """Decide what is kept and what is computed anew, and lay out both halves."""
    widths = joint.graph.table()
    forward, backward, kept, places = _cut(joint)
    table = forward.table()
    states = tuple(widths[f"s{n}"].width for n in range(len(joint.states)))
    sequences = _widths(joint.graph, "u")
    operands, sums, accumulated, backward = _sums(joint, backward, places)
    mask_widths = _widths(joint.graph, "m")
    return Plan(
        forward=half(forward),
        infer=half(prune(Graph(forward.inputs, forward.nodes, forward.outputs[: len(states)]))),
        backward=half(backward),
        states=states,
        sequences=sequences,
        saved=tuple(table[name].width for name in kept),
        operands=operands,
        sums=sums,
        accumulated=accumulated,
        masks=tuple(zip(mask_widths, masks, strict=True)),
        rounded=rounded,
    )


def _widths(graph: Graph, letter: str) -> tuple[int, ...]:
    return tuple(n.width for n in graph.inputs if n.name[0] == letter)


def _cut(joint: Joint) -> tuple[Graph, Graph, list[str], dict[str, str]]:
    """Forward and backward graphs; what is kept; and the backward graph's name for each value of the joint one."""
    simple = simplify(joint.graph)
    renamed = dict(zip(joint.graph.outputs, simple.outputs, strict=True))
    table = simple.table()
    states = [renamed[name] for name in joint.states]
    gradients = [renamed[n] for n in (*joint.sequence_gradients, *joint.state_gradients)]
    summed = [renamed[v] for s in joint.sums for v in (s.names if isinstance(s, Outer) else (s.value,))]
    tangent = _tangent(simple)
    cutter = _Cutter(table, states, tangent)
    wanted = dict.fromkeys([*gradients, *summed])
    places = {name: cutter.resolve(name) for name in wanted}
    forward_outputs = (*states, *cutter.kept)
    forward = _outputs(
        prune(Graph(_only(simple.inputs, "umsk"), simple.nodes, forward_outputs)), forward_outputs
    )
    inputs = (*simple.inputs, *cutter.inputs)
    outputs = tuple(dict.fromkeys(places[name] for name in wanted))
    backward = prune(Graph(inputs, tuple(cutter.nodes), outputs))
    named = {old: places[new] for old, new in renamed.items() if new in places}
    return forward, backward, cutter.kept, named


def _only(inputs: tuple[Node, ...], letters: str) -> tuple[Node, ...]:
    return tuple(n for n in inputs if n.name[0] in letters)


def _tangent(graph: Graph) -> set[str]:
    """What depends on the gradients that come in."""
    found = {n.name for n in graph.inputs if n.name[0] == "d"}
    for node in graph.nodes:
        if any(i in found for i in node.inputs):
            found.add(node.name)
    return found


def _compared(table: dict[str, Node]) -> set[str]:
    """What the largest of a row is taken of. Backward asks which equals it, and what is computed anew may just not."""
    found: set[str] = set()
    stack = [i for node in table.values() if node.op == "rowmax" for i in node.inputs]
    while stack:
        name = stack.pop()
        if isinstance(name, str) and name not in found:
            found.add(name)
            stack += table[name].inputs if table[name].op in ("slice", "cat", "copy") else ()
    return found


class _Cutter:
    """Walks back from what backward must give, and decides for each forward value: at hand, computed anew, or kept."""

    def __init__(self, table: dict[str, Node], states: list[str], tangent: set[str]) -> None:
        self.table, self.tangent = table, tangent
        self.compared = _compared(table)
        self.inputs: list[Node] = []
        self.nodes: list[Node] = []
        self.kept: list[str] = []
        self.done: dict[str, str] = {}
        for number, name in enumerate(states):
            self.inputs.append(Node(f"a{number}", "input", width=table[name].width))
            self.done[name] = f"a{number}"

    def resolve(self, name: str) -> str:
        if name in self.done:
            return self.done[name]
        node = self.table[name]
        if node.op == "input":
            return name
        if name not in self.tangent and self.dear(node):
            return self.keep(node)
        inputs = tuple(self.resolve(i) if isinstance(i, str) else i for i in node.inputs)
        self.nodes.append(replace(node, inputs=inputs))
        self.done[name] = name
        return name

    def keep(self, node: Node) -> str:
        label = f"q{len(self.kept)}"
        self.kept.append(node.name)
        self.inputs.append(Node(label, "input", width=node.width))
        self.done[node.name] = label
        return label

    def dear(self, node: Node) -> bool:
        """Is it better kept? Products and sums over a row are; so is what costs more than reading it back."""
        if node.kind != "rows" or node.truth or node.op in ("cat", "copy"):
            return False
        if node.op == "slice":  # only the columns that are asked for are kept
            return not self.at_hand(node.inputs[0])
        if node.op not in POINTWISE or node.name in self.compared:
            return True
        cost = POINTWISE[node.op].cost
        return cost > CHEAP and not (cost <= RECOMPUTE and all(self.at_hand(i) for i in node.inputs))

    def at_hand(self, name: Input) -> bool:
        return not isinstance(name, str) or name in self.done or self.table[name].op == "input"


def _sums(
    joint: Joint, backward: Graph, places: dict[str, str]
) -> tuple[tuple[int, ...], tuple[Outer | Sum, ...], tuple[tuple[int, ...], ...], Graph]:
    """Name what the weight gradients are made of: an input of backward as it is, else an output."""
    labels = _Labels(backward.table(), [places[name] for name in joint.sequence_gradients])
    sums: list[Outer | Sum] = []
    columns: dict[
        str, tuple[str, ...]
    ] = {}  # a value that is summed over rows -> what stands side by side in it
    for item in joint.sums:
        if isinstance(item, Outer):
            sums.append(Outer(labels.whole(places[item.a]), labels.side_by_side(places[str(item.b)])))
        else:
            value = places[item.value]
            columns.setdefault(value, labels.parts(value))
            sums.append(Sum(f"c{list(columns).index(value)}", item.shape))
    gradients = [places[n] for n in (*joint.sequence_gradients, *joint.state_gradients)]
    parts = [part for found in columns.values() for part in found]
    outputs = (*gradients, *labels.extra, *parts)
    graph = _outputs(backward, outputs, summed=set(parts) - set(gradients) - set(labels.extra))
    table = labels.table
    return (
        tuple(table[v].width for v in labels.extra),
        tuple(sums),
        tuple(tuple(table[v].width for v in found) for found in columns.values()),
        graph,
    )


class _Labels:
    """Sequences by name: those that backward leaves anyway come before new ones."""

    def __init__(self, table: dict[str, Node], sequence_gradients: list[str]) -> None:
        self.table = table
        self.extra: list[str] = []  # values that are left for weight gradients alone
        self.outputs: dict[str, str] = {}
        for number, name in enumerate(sequence_gradients):
            self.outputs.setdefault(name, f"g{number}")
        self.within = {part: spot for name in sequence_gradients for part, spot in self._spots(name)}

    def whole(self, value: str) -> str:
        """The sequence that holds a value."""
        if self.table[value].op == "input" and value[0] in "suaq":
            return value
        if value not in self.outputs:
            self.outputs[value] = f"o{len(self.extra)}"
            self.extra.append(value)
        return self.outputs[value]

    def side_by_side(self, value: str) -> str | tuple[Columns, ...]:
        """The same; where some of its columns lie in a sequence gradient, only the others are left apart."""
        parts = self.parts(value)
        if value in self.outputs or not any(part in self.within for part in parts):
            return self.whole(value)
        found: list[Columns] = []
        for part in parts:
            spot = self.within.get(part) or Columns(self.whole(part), 0, self.table[part].width)
            last = found[-1] if found else None
            if last is not None and (last.name, last.first + last.width) == (spot.name, spot.first):
                found[-1] = replace(last, width=last.width + spot.width)
            else:
                found.append(spot)
        return tuple(found)

    def parts(self, value: str) -> tuple[str, ...]:
        """What stands side by side in a value."""
        node = self.table[value]
        names = tuple(part for part in node.inputs if isinstance(part, str))
        whole = node.op != "cat" or len(names) < len(node.inputs)
        return (value,) if whole else names

    def _spots(self, value: str) -> list[tuple[str, Columns]]:
        """Where each part of a sequence gradient lies."""
        found, first = [], 0
        for part in self.parts(value):
            width = self.table[part].width
            found.append((part, Columns(self.outputs[value], first, width)))
            first += width
        return found if len(found) > 1 else []


def _outputs(graph: Graph, values: tuple[str, ...], summed: Set[str] = frozenset()) -> Graph:
    """Let every output be a node of its own, in this order; a copy where one value goes to two places.

    What is summed over rows as it is made can not be read back, so it is a copy too.
    """
    nodes = list(graph.nodes)
    table = graph.table()
    taken: set[str] = set()
    final: list[str] = []
    for value in values:
        if value in taken or value in summed or _no_node(table[value]):
            copy = Node(f"c_{len(nodes)}", "copy", (value,), table[value].width)
            nodes.append(copy)
            final.append(copy.name)
        else:
            taken.add(value)
            final.append(value)
    return Graph(graph.inputs, tuple(nodes), tuple(final))


def _no_node(node: Node) -> bool:
    return node.op in ("input", "slice") or node.kind != "rows"
