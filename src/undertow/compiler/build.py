"""From a plan to a compiled function.

The generated source is a module of its own, named by a hash of its text and of the machine's tiles; `cache` keeps the
machine code on disk under that name.
"""

from __future__ import annotations

import hashlib
import linecache
import sys
from functools import lru_cache
from types import ModuleType
from typing import Any

from undertow.compiler.cache import CacheWarning
from undertow.compiler.emit_numba import emit
from undertow.compiler.machine_code import Function, Stored
from undertow.compiler.panels import REGISTERS, ROWS
from undertow.compiler.plan import Plan


def build(plan: Plan, half: str, bits: int) -> Stored:
    """What a thread runs of one half of a plan."""
    return _load(emit(plan, half, bits), half)


@lru_cache(256)
def _load(source: str, half: str) -> Stored:
    digest = hashlib.sha256(repr((source, REGISTERS, ROWS)).encode()).hexdigest()[:32]
    name = f"undertow_kernels.{half}_{digest}"
    return Stored.later(lambda: _share(source, name), name, half)


def _share(source: str, name: str) -> Function:
    """The Python function that a source defines."""
    module: Any = ModuleType(name)
    sys.modules[name] = module
    lines = source.splitlines(keepends=True)
    linecache.cache[name] = (len(source), None, lines, name)  # so that a traceback shows its lines
    exec(compile(source, name, "exec"), vars(module))
    found: Function = module.share
    return found


__all__ = ["CacheWarning", "build"]
