"""Functions of torch that are listened to for a while, and put back."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

Listener = Callable[[tuple[Any, ...], dict[str, Any]], Callable[[Any], None] | None]


class Patches:
    """Replaces attributes; `undo` puts the old ones back."""

    def __init__(self) -> None:
        self._old: list[tuple[Any, str, Any, bool]] = []

    def hear(self, owner: Any, name: str, listener: Listener) -> None:
        """Let `listener` know of every call before it happens; what it gives back, if anything, hears the result."""
        original = getattr(owner, name)

        @functools.wraps(original)
        def heard(*args: Any, **named: Any) -> Any:
            after = listener(args, named)
            result = original(*args, **named)
            if after is not None:
                after(result)
            return result

        self._old.append((owner, name, original, name in vars(owner)))
        setattr(owner, name, heard)

    def undo(self) -> None:
        """In the opposite order."""
        while self._old:
            owner, name, original, own = self._old.pop()
            if own:
                setattr(owner, name, original)
            else:
                delattr(owner, name)
