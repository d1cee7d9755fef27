"""Marks for torch.compile, without its second of import.

torch.compiler.assume_constant_result and torch.compiler.disable set the same attributes, but load the whole of
torch._dynamo at the line where they decorate, whether anything is ever compiled or not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def seen_as_constant(function: F) -> F:
    """A traced program takes the function's answer for a constant."""
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function


def not_looked_into(function: F) -> F:
    """A traced program calls the function and does not trace it."""
    function._torchdynamo_disable = True  # type: ignore[attr-defined]
    return function
