"""From a plan to machine code, kept on disk.

A kernel's file is named by a hash of its source, which holds all that it depends on but the machine; Numba keeps the
machine code beside it, by machine. Written aside and renamed, so many processes may build at once.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from undertow.compiler.emit_numba import emit
from undertow.compiler.plan import Plan

VERSION = 1  # of what generated files may call; a new one builds everything anew


def cache_folder() -> Path:
    """$UNDERTOW_CACHE, else the user's cache folder; a folder of this process where neither can be written."""
    given = os.environ.get("UNDERTOW_CACHE")
    base = (
        Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "undertow"
    )
    folder = base / f"kernels-{VERSION}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return _own_folder()


@lru_cache(1)
def _own_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="undertow-kernels-"))


def build(plan: Plan, half: str, bits: int) -> Callable[..., None]:
    """The compiled function of one half of a plan."""
    return _load(emit(plan, half, bits), half)


@lru_cache(256)
def _load(source: str, half: str) -> Callable[..., None]:
    name = f"{half}_{hashlib.sha256(source.encode()).hexdigest()[:24]}"
    path = cache_folder() / f"{name}.py"
    if not path.exists() or path.read_text(encoding="utf-8") != source:
        handle, aside = tempfile.mkstemp(dir=path.parent, suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(source)
        Path(aside).replace(path)
    spec = importlib.util.spec_from_file_location(f"undertow_kernels.{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    kernel: Callable[..., None] = getattr(module, half)
    return kernel
