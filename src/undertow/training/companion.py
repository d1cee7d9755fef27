"""Whoever sits beside a training: told when it begins, asked when validation is looked at."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

from undertow.flow.watch import Watch


class Companion(AbstractContextManager[Any], Protocol):
    """Changes nothing of what is trained."""

    def begin(self, watch: Watch | None) -> None:
        """Training begins; `watch`, where there is one, measures its gradients."""

    def looked(self, step: int) -> bool:
        """Validation was looked at; should training stop?"""


class Nobody(AbstractContextManager[None]):
    """Sits there and says nothing."""

    def __exit__(self, *given: object) -> None:
        """Nothing."""

    def begin(self, watch: Watch | None) -> None:
        """Nothing."""

    def looked(self, step: int) -> bool:
        """No."""
        return False
