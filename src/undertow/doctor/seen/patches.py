"""Functions of torch that are listened to for a while, and put back."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

Listener = Callable[[tuple[Any, ...], dict[str, Any]], Callable[[Any], None] | None]


class Patches:
    """Replaces attributes; `undo` puts the old ones back."""

    def __init__(self, failed: Callable[[Exception], None] | None = None) -> None:
        """`failed` is told of what goes wrong in listening, for whoever calls must not feel it; None: it is raised."""
        self.failed = failed
        self._old: list[tuple[Any, str, Any, bool]] = []

    def hear(self, owner: Any, name: str, listener: Listener) -> None:
        """Let `listener` know of every call before it happens; what it gives back, if anything, hears the result."""
        original = getattr(owner, name)

        @functools.wraps(original)
        def heard(*args: Any, **named: Any) -> Any:
            if torch.compiler.is_compiling():
                return original(*args, **named)
            after = self._heard(listener, args, named)
            result = original(*args, **named)
            if after is not None:
                self._heard(after, result)
            return result

        self._put(owner, name, heard)

    def replace(
        self, owner: Any, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]
    ) -> None:
        """Another function in the place of one; `make` is handed the old one."""
        self._put(owner, name, make(getattr(owner, name)))

    def _put(self, owner: Any, name: str, new: Callable[..., Any]) -> None:
        self._old.append((owner, name, getattr(owner, name), name in vars(owner)))
        setattr(owner, name, new)

    def _heard(self, listener: Callable[..., Any], *given: Any) -> Any:
        try:
            return listener(*given)
        except Exception as error:
            if self.failed is None:
                raise
            self.failed(error)
            return None

    def paused_in(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, while which nothing is replaced."""

        @functools.wraps(function)
        def paused(*args: Any, **named: Any) -> Any:
            ours = [(owner, name, getattr(owner, name)) for owner, name, _, _ in self._old]
            for owner, name, original, _ in reversed(self._old):
                setattr(owner, name, original)
            try:
                return function(*args, **named)
            finally:
                for owner, name, new in ours:
                    setattr(owner, name, new)

        return paused

    def undo(self) -> None:
        """In the opposite order."""
        while self._old:
            owner, name, original, own = self._old.pop()
            if own:
                setattr(owner, name, original)
            else:
                delattr(owner, name)
