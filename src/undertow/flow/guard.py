"""A guard around listeners: what goes wrong in listening is not for who is listened to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch


@dataclass
class Guard:
    """`failed` is told of what goes wrong; None: it is raised, as where a person has laid the watch."""

    failed: Callable[[Exception], None] | None = None

    def __call__(self, listener: Callable[..., Any]) -> Callable[..., Any]:
        """The same listener, guarded; while torch.compile makes a graph nothing is computed, and it hears nothing."""

        def heard(*given: Any) -> Any:
            if torch.compiler.is_compiling():
                return None
            if self.failed is None:
                return listener(*given)
            try:
                return listener(*given)
            except Exception as error:  # noqa: BLE001 - ours, and no fault of the script's
                self.failed(error)
                return None

        return heard
