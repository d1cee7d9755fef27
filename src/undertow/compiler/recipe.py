"""What tracing found, kept on disk: a process that meets a cell again need not load torch's tracer, a second's work.

undertow's own cells change with the package alone, whose text is in the key. A user's step is kept under a digest of
all that it can read (`said`), or, where that is not known, is traced in every process.
"""

from __future__ import annotations

import hashlib
import operator
import pkgutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor, fx

from undertow import cells, compiler
from undertow.cells.cell import Cell
from undertow.compiler.cache import cache_folder, keep_payload, kept_payload
from undertow.compiler.graph import Graph, Node
from undertow.compiler.hoist import product
from undertow.compiler.plan import Plan
from undertow.compiler.said import digest_of
from undertow.compiler.stages import Half, Loop, Product
from undertow.compiler.sums import Columns, Outer, Sum

FUNCTIONS: dict[str, Callable[..., Any]] = {"product": product, "getitem": operator.getitem}
KINDS = (torch.dtype, torch.device, torch.layout, torch.memory_format)


@dataclass(frozen=True)
class Ref:
    """An earlier value of a program, by its place."""

    place: int


@dataclass(frozen=True)
class Named:
    """torch.float32, torch.strided and their like; a device by its name."""

    name: str
    device: bool = False


@dataclass(frozen=True)
class Array:
    """A constant."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


@dataclass(frozen=True)
class Call:
    """One value of a program: an input, a constant, or a function of earlier ones."""

    op: str
    target: Any = None
    arguments: tuple[Any, ...] = ()
    named: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Program:
    """A torch.fx graph as plain data."""

    calls: tuple[Call, ...]
    outputs: tuple[Any, ...]


@dataclass(frozen=True)
class Recipe:
    """All that a compiled recurrence is made of, but its machine code."""

    plan: Plan
    prologue: Program
    hoisted: Program
    pull: Program
    epilogue: Program
    inner: tuple[bool, ...]
    used: tuple[bool, ...]


class NotPlainError(Exception):
    """A graph holds what has no plain form, and so is not kept."""


# ---- torch.fx graphs


def program(module: fx.GraphModule) -> Program:
    """A graph as plain data.

    Raises:
        NotPlainError: it holds what has no plain form.
    """
    places: dict[fx.Node, int] = {}
    calls: list[Call] = []
    for node in module.graph.nodes:
        if node.op == "output":
            return Program(tuple(calls), tuple(_plain(a, places) for a in node.args[0]))
        places[node] = len(calls)
        calls.append(_call(module, node, places))
    raise NotPlainError("no output")


def _call(module: fx.GraphModule, node: fx.Node, places: dict[fx.Node, int]) -> Call:
    if node.op == "placeholder":
        return Call("input")
    if node.op == "get_attr":
        constant = getattr(module, str(node.target))
        if not isinstance(constant, Tensor):
            raise NotPlainError(str(node.target))
        array = constant.detach().numpy()
        return Call("constant", Array(str(array.dtype), tuple(array.shape), array.tobytes()))
    named = tuple((k, _plain(v, places)) for k, v in node.kwargs.items())
    return Call("call", _spelled(node.target), tuple(_plain(a, places) for a in node.args), named)


def _spelled(target: Any) -> str:
    for name, function in FUNCTIONS.items():
        if target is function:
            return name
    if isinstance(target, torch._ops.OpOverload) and _resolved(str(target)) is target:
        return str(target)
    raise NotPlainError(str(target))


def _resolved(name: str) -> Any:
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    found: Any = torch.ops
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _plain(value: Any, places: dict[fx.Node, int]) -> Any:
    if isinstance(value, fx.Node):
        return Ref(places[value])
    if isinstance(value, list | tuple):
        return tuple(_plain(v, places) for v in value)
    if isinstance(value, torch.device):
        return Named(str(value), device=True)
    if isinstance(value, KINDS):
        return Named(str(value).removeprefix("torch."))
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise NotPlainError(repr(value))


def module(made: Program) -> fx.GraphModule:
    """The graph that a program was made of."""
    graph, root, values = fx.Graph(), torch.nn.Module(), list[fx.Node]()
    for call in made.calls:
        if call.op == "input":
            values.append(graph.placeholder(f"in_{len(values)}"))
        elif call.op == "constant":
            name = f"constant_{len(values)}"
            array = np.frombuffer(call.target.data, call.target.dtype).reshape(call.target.shape)
            root.register_buffer(name, torch.from_numpy(array.copy()))
            values.append(graph.get_attr(name))
        else:
            arguments = tuple(_live(a, values) for a in call.arguments)
            named = {k: _live(v, values) for k, v in call.named}
            values.append(graph.call_function(_resolved(call.target), arguments, named))
    graph.output(tuple(_live(o, values) for o in made.outputs))
    return fx.GraphModule(root, graph)


def _live(value: Any, values: Sequence[fx.Node]) -> Any:
    if isinstance(value, Ref):
        return values[value.place]
    if isinstance(value, Named):
        return torch.device(value.name) if value.device else getattr(torch, value.name)
    return [_live(v, values) for v in value] if isinstance(value, tuple) else value


# ---- to bytes and back

RECORDS: dict[str, Any] = {
    r.__name__: r
    for r in (
        *(Recipe, Program, Call, Ref, Named, Array),
        *(Plan, Half, Graph, Node, Product, Loop, Outer, Columns, Sum),
    )
}


def encoded(value: Any) -> Any:
    """Records as their names and fields."""
    if is_dataclass(value):
        kind = type(value).__name__
        return {"record": kind, "fields": [encoded(getattr(value, f.name)) for f in fields(value)]}
    return [encoded(v) for v in value] if isinstance(value, list | tuple) else value


def decoded(value: Any) -> Any:
    """Records again; what lay in sequences lies in tuples."""
    if isinstance(value, dict):
        return RECORDS[value["record"]](*(decoded(v) for v in value["fields"]))
    return tuple(decoded(v) for v in value) if isinstance(value, list) else value


# ---- the disk


def load(cell: Cell, *key: Any) -> Recipe | None:
    """What was kept of this cell, for these sizes."""
    path = _path(cell, key)
    payload = None if path is None else kept_payload(path)
    return None if payload is None else decoded(msgspec.msgpack.decode(payload))


def store(made: Callable[[], Recipe], cell: Cell, *key: Any) -> None:
    """Keep it, if it can be kept."""
    path = _path(cell, key)
    if path is None:
        return
    try:
        keep_payload(path, msgspec.msgpack.encode(encoded(made())))
    except NotPlainError:  # it is traced in every process, as a user's cell is
        return


def _path(cell: Cell, key: tuple[Any, ...]) -> Path | None:
    kind, spelled = type(cell), repr(cell)
    own = kind.__module__.startswith("undertow.cells.") and kind.step.__module__.startswith("undertow.cells.")
    if not own:  # another's class, or another's step in ours
        spelled = digest_of(cell) or ""
    if not spelled or " at 0x" in spelled:
        return None
    parts = (kind.__qualname__, spelled, key, torch.__version__, sys.implementation.cache_tag, _package())
    return cache_folder() / f"plan_{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}.code"


@lru_cache(1)
def _package() -> str:
    """A digest of the text of every cell and of the compiler."""
    found = hashlib.sha256()
    for package in (cells, compiler):
        for entry in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
            found.update(pkgutil.get_data(package.__name__, f"{entry.name}.py") or b"")
    return found.hexdigest()
