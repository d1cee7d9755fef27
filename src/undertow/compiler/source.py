"""From generated source to a function that can be compiled: a module of its own, named by a hash of its text and of
the machine's tiles."""

from __future__ import annotations

import hashlib
import linecache
import sys
from functools import lru_cache
from types import ModuleType
from typing import Any

from undertow.compiler.machine_code import Function, Stored
from undertow.compiler.panels import REGISTERS, ROWS


@lru_cache(256)
def of_source(source: str, name: str) -> Stored:
    """The function `share` that a source defines; the source is run only where it has to be compiled."""
    digest = hashlib.sha256(repr((source, REGISTERS, ROWS)).encode()).hexdigest()[:32]
    module = f"undertow_kernels.{name}_{digest}"
    return Stored(lambda: _share(source, module), module, name, {"source": source, "name": name})


def _share(source: str, name: str) -> Function:
    module: Any = ModuleType(name)
    sys.modules[name] = module
    lines = source.splitlines(keepends=True)
    linecache.cache[name] = (len(source), None, lines, name)  # so that a traceback shows its lines
    exec(compile(source, name, "exec"), vars(module))
    found: Function = module.share
    return found
