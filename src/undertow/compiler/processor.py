"""What machine code is made for here: the processor and its features, as Numba will see them, without loading Numba."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from functools import lru_cache
from pathlib import Path

import llvmlite.binding

ARCH_PRCTL, ASK, TILE_DATA = 158, 0x1023, 18  # Linux: a process must ask before its threads may use tiles


def setting(name: str) -> str | None:
    """One of Numba's own settings (NUMBA_...), or None where nobody set it."""
    if sys.modules.get("numba") or Path(".numba_config.yaml").exists():  # a file that only Numba reads
        from numba import config

        value = getattr(config, name)
        return None if value is None else str(int(value)) if isinstance(value, int) else str(value)
    return os.environ.get(f"NUMBA_{name}")


def level() -> str:
    """How far Numba lets LLVM optimise: 0 to 3."""
    given = setting("OPT") or "3"
    return "3" if given == "max" else given


def name() -> str:
    """Of the processor that is compiled for."""
    given = setting("CPU_NAME")
    return given if given and given != "host" else str(llvmlite.binding.get_host_cpu_name())


def features() -> str:
    """What the processor can, with commas between: "+avx2,+fma,-avx512f"; nothing where only its name is given."""
    given = setting("CPU_FEATURES")
    if given is not None:
        return given
    host = name() == llvmlite.binding.get_host_cpu_name()
    return str(llvmlite.binding.get_host_cpu_features().flatten()) if host else ""


def has_avx512() -> bool:
    """Does Numba compile for 512-bit registers here?"""
    found = features()
    if found or setting("CPU_FEATURES") is not None:
        return "+avx512f" in found
    return any(part in name() for part in ("avx512", "icelake", "sapphire", "znver4", "znver5"))


@lru_cache(1)
def has_tiles() -> bool:
    """Has this processor a tile unit for bfloat16, does Numba compile for it, and does the system let us use it?"""
    if not sys.platform.startswith("linux") or platform.machine() != "x86_64":
        return False
    if not {"+amx-tile", "+amx-bf16", "+avx512bf16"} <= set(features().split(",")):
        return False
    return bool(ctypes.CDLL(None).syscall(ARCH_PRCTL, ASK, TILE_DATA) == 0)


def identity() -> tuple[str, str, str]:
    """What machine code depends on beside its source and who compiled it."""
    return str(llvmlite.binding.get_process_triple()), name(), features()
