"""From a plan to a compiled function: its source is generated, and `machine_code` finds or makes what runs."""

from __future__ import annotations

from undertow.compiler.emit_numba import emit
from undertow.compiler.machine_code import Stored
from undertow.compiler.plan import Plan
from undertow.compiler.source import of_source


def build(plan: Plan, half: str, bits: int) -> Stored:
    """What a thread runs of one half of a plan."""
    return of_source(emit(plan, half, bits), half)
