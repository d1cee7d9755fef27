"""What a user's step says, as a digest under which its trace may be kept.

A step is Python and may read anything: a global, a file, the clock. Where everything that it can read is known (its
own code, functions of the user's that it calls, plain values, functions of torch), the digest holds it all, and two
steps of one digest are the same step. Where it is not, there is no digest, and the step is traced in every process.
"""

from __future__ import annotations

import builtins
import dis
import hashlib
import math
import operator
import types
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, NamedTuple

import torch
from torch.nn import functional

from undertow.cells.cell import Cell, set_by_hand

PLAIN = (bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device)
LIBRARIES = ("torch", "math", "operator")  # torch's version is part of the key
OURS = "undertow.cells"  # and so is the text of these
HOMES = (torch, functional, torch.Tensor, torch.special, math, operator)
NAMED = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
)  # functions without a code of their own
ANYTHING = {
    *("eval", "exec", "compile", "__import__", "globals", "locals", "vars", "__dict__", "open", "input"),
    *("getattr", "setattr", "delattr", "id", "hash", "load", "from_numpy", "from_file", "initial_seed"),
    *("get_default_dtype", "is_grad_enabled", "is_inference_mode_enabled", "is_autocast_enabled"),
    "get_num_threads",
}  # what leads to more than the code shows


class UnknownError(Exception):
    """The step can read something of which nothing is known."""


def digest_of(cell: Cell) -> str | None:
    """Of all that the cell's step and start can read; None where that is not known."""
    if set_by_hand(cell):
        return None
    reader = _Reader(type(cell))
    try:
        said = [reader.value(getattr(cell, f.name)) for f in fields(cell)]
        said += [reader.attribute(name) for name in ("step", "start", "State", "Weights")]
    except UnknownError:
        return None
    return hashlib.sha256(repr((said, [f.name for f in fields(cell)])).encode()).hexdigest()


class _Reader:
    """Spells values out; functions are followed into what they read."""

    def __init__(self, kind: type[Cell]) -> None:
        self.kind = kind
        self.seen: dict[
            int, int
        ] = {}  # functions spelled out, in what order: two of one code differ in what they hold

    def value(self, value: Any) -> Any:
        if type(value) in PLAIN:  # a subclass may have methods
            return type(value).__name__, repr(value)
        if type(value) in (tuple, list):
            return type(value).__name__, [self.value(v) for v in value]
        if isinstance(value, types.ModuleType):
            return "module", _of_a_library(value.__name__, value.__name__)
        if isinstance(value, type):
            return self.of_class(value)
        if isinstance(value, types.FunctionType):
            return self.function(value)
        if isinstance(value, property | staticmethod | classmethod):
            return type(value).__name__, self.value(
                value.fget if isinstance(value, property) else value.__func__
            )
        if isinstance(value, NAMED):
            return self.named(value)
        raise UnknownError(repr(value))

    def of_class(self, kind: type) -> Any:
        if kind in self.kind.__mro__:  # its attributes are spelled out where they are read
            return "own", kind.__qualname__
        if issubclass(kind, tuple) and hasattr(kind, "_fields"):
            return (
                "record",
                kind.__qualname__,
                [self.own_parts(k) for k in kind.__mro__ if k not in tuple.__mro__],
            )
        if getattr(builtins, kind.__name__, None) is kind:
            return "builtin", kind.__name__
        return "class", _of_a_library(kind.__module__, kind.__qualname__)

    def own_parts(self, kind: type) -> Any:
        """What a record's class has that a bare one has not."""
        own = {
            name: part for name, part in vars(kind).items() if name not in vars(_Bare) or name == "_fields"
        }
        return [(name, self.value(own[name])) for name in sorted(own) if not isinstance(own[name], _FIELD)]

    def named(self, function: Any) -> Any:
        name = function.__name__
        if name in ANYTHING:
            raise UnknownError(name)
        if getattr(builtins, name, None) is function:
            return "builtin", name
        for number, home in enumerate(HOMES):
            if getattr(home, name, None) is function:
                return "named", number, name
        raise UnknownError(name)

    def function(self, function: types.FunctionType) -> Any:
        if _library(function.__globals__.get("__name__", "")):  # of its own, not what a wrapper says it is
            if function.__name__ in ANYTHING:
                raise UnknownError(function.__name__)
            return "library", function.__globals__["__name__"], function.__qualname__
        if id(function) in self.seen:
            return "seen", self.seen[id(function)]
        self.seen[id(function)] = len(self.seen)
        given = [self.value(v) for v in function.__defaults__ or ()]
        by_name = [(k, self.value(v)) for k, v in sorted((function.__kwdefaults__ or {}).items())]
        held = [self.value(_content(c)) for c in function.__closure__ or ()]
        return "function", given, by_name, held, self.code(function.__code__, function.__globals__)

    def code(self, code: types.CodeType, known: dict[str, Any]) -> Any:
        constants = [
            self.code(c, known) if isinstance(c, types.CodeType) else (type(c).__name__, repr(c))
            for c in code.co_consts
        ]
        read = [self.name(name, known) for name in sorted(_globals_of(code))]
        attributes = [self.attribute(name) for name in sorted(_attributes_of(code))]
        shape = (code.co_argcount, code.co_kwonlyargcount, code.co_flags, code.co_varnames, code.co_freevars)
        return code.co_code.hex(), code.co_names, shape, constants, read, attributes

    def name(self, name: str, known: dict[str, Any]) -> Any:
        """A global name, as it stands now."""
        if name in ANYTHING:
            raise UnknownError(name)
        if name in known:
            return name, self.value(known[name])
        return name, "builtin" if hasattr(builtins, name) else "nothing"

    def attribute(self, name: str) -> Any:
        """What the cell's classes know by this name; whatever else has it is a tensor's, or a library's."""
        if name in ANYTHING:
            raise UnknownError(name)
        found = [vars(kind)[name] for kind in self.kind.__mro__ if name in vars(kind)]
        own = [f for f in found if not isinstance(f, types.MemberDescriptorType)]
        return name, [self.value(f) for f in own if not _of_object(f)]


class _Bare(NamedTuple):
    """A record with nothing of its own."""


_FIELD = type(vars(NamedTuple("_One", [("field", int)]))["field"])  # what gives a record's field


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError as error:  # nothing is in it yet
        raise UnknownError("a variable of a surrounding function") from error


def _of_object(thing: Any) -> bool:
    """Is it every class's, as __init__ is?"""
    return any(thing is other for other in vars(object).values())


def _library(module: str) -> bool:
    return module.partition(".")[0] in LIBRARIES or module.startswith(OURS)


def _of_a_library(module: str, name: str) -> str:
    if not _library(module):
        raise UnknownError(name)
    return f"{module}.{name}"


def _instructions(code: types.CodeType) -> Iterator[dis.Instruction]:
    for one in dis.get_instructions(code):
        if one.opname in ("IMPORT_NAME", "STORE_GLOBAL", "STORE_ATTR", "DELETE_ATTR", "LOAD_BUILD_CLASS"):
            raise UnknownError(one.opname)
        yield one


def _globals_of(code: types.CodeType) -> set[str]:
    return {str(one.argval) for one in _instructions(code) if one.opname in ("LOAD_GLOBAL", "LOAD_NAME")}


def _attributes_of(code: types.CodeType) -> set[str]:
    spelled = ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR")
    return {str(one.argval) for one in _instructions(code) if one.opname in spelled}
