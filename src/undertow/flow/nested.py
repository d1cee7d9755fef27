"""Tensors within tuples, lists, dictionaries and records."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor


def tensors(value: Any) -> Iterator[Tensor]:
    """All of them, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from tensors(tuple(value.values()))
    elif isinstance(value, tuple | list):
        for part in value:
            yield from tensors(part)
    elif is_dataclass(value) and not isinstance(value, type):
        yield from tensors([getattr(value, f.name) for f in fields(value)])


def differentiable(value: Any) -> Iterator[Tensor]:
    """Those that a gradient comes back to, in order."""
    return (t for t in tensors(value) if t.requires_grad)


def dense(tensor: Tensor) -> Tensor:
    """The numbers that a sparse tensor holds; another tensor as it is."""
    return tensor.coalesce().values() if tensor.is_sparse else tensor


def mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same, each tensor changed; what is no plain container stays what it is."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, dict):
        made = copy.copy(value)
        for key, part in value.items():
            made[key] = mapped(part, change)
        return made
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(mapped(part, change) for part in value))
    if type(value) in (tuple, list):
        return type(value)(mapped(part, change) for part in value)
    return value
