"""What a remedy is, and which there are: one file each in `remedies`.

A remedy's file holds `REMEDY`; its docstring says why it helps. One that can be applied to a script that runs, from
outside, has `apply`; of the others only the edit is known, and a person must make it.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module

from undertow.doctor import remedies
from undertow.doctor.hand import Hand


@dataclass(frozen=True)
class Remedy:
    """One thing that can be done about a fault."""

    says: str  # the edit, for a person
    apply: Callable[[Hand, float], None] | None = None  # to a run that has not begun, at a strength
    strengths: tuple[float, ...] = (1.0,)  # each is an arm of the trial
    unit: str = ""  # of a strength: what it is, with {} for the number
    name: str = ""
    page: str = ""

    def called(self, strength: float) -> str:
        """For a table."""
        shown = self.name.replace("_", " ")
        return f"{shown}, {self.unit.format(f'{strength:g}')}" if self.unit else shown


@lru_cache(1)
def every_remedy() -> dict[str, Remedy]:
    """By name."""
    found = {}
    for info in sorted(pkgutil.iter_modules(remedies.__path__), key=lambda info: info.name):
        module = import_module(f"{remedies.__name__}.{info.name}")
        page = (module.__doc__ or "").strip()
        found[info.name] = replace(module.REMEDY, name=info.name, page=page)
    return found


def sentence(name: str) -> str:
    """What a person should do."""
    return every_remedy()[name].says
