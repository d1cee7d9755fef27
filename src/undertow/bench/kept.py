"""A result as it is kept: command, machine, versions, settings, rows; whole at every instant, and read again."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec
import torch

from undertow.errors import DataError
from undertow.training.run import surroundings
from undertow.training.storage import make_folder, write_json

PACKAGES = ("numba", "llvmlite", "jax", "jaxlib", "triton")
SETTINGS = (  # of the environment that change what is measured
    "OMP_WAIT_POLICY",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "GOMP_SPINCOUNT",
    "NUMBA_CPU_NAME",
    "NUMBA_CPU_FEATURES",
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
    "MKL_ENABLE_INSTRUCTIONS",
    "XLA_FLAGS",
)
SAME = ("benchmark", "command", "commit", "threads", "busy", "environment", "versions", "machine")
CPU = Path("/sys/devices/system/cpu/cpu0/cache")


def document(benchmark: str, words: Sequence[str], busy: bool) -> dict[str, Any]:
    """What is known before the first row: everything that is needed to run it again."""
    facts = surroundings()
    return {
        "benchmark": benchmark,
        "command": shlex.join(["undertow", "bench", *words]),
        "commit": _commit(),
        "threads": torch.get_num_threads(),
        "busy": busy,
        "environment": {name: os.environ[name] for name in SETTINGS if name in os.environ},
        **facts,
        "versions": facts["versions"] | _versions(),
        "machine": facts["machine"] | machine(),
    }


def machine() -> dict[str, Any]:
    """Cores this process may use, caches, vector instructions that torch uses, load when it began."""
    return {
        "cores_allowed": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "caches": _caches(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "features": _features(),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
    }


def keep(path: Path, facts: dict[str, Any], rows: Sequence[Any]) -> None:
    """Write the rows there are.

    Raises:
        StorageError: the file cannot be written.
    """
    make_folder(path.parent)
    write_json(path, facts | {"rows": [asdict(row) for row in rows]})


def read(path: Path) -> dict[str, Any]:
    """A kept result.

    Raises:
        DataError: the file is missing, damaged, or holds no result.
    """
    try:
        found = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}. Give one that --keep has written.") from error
    except (OSError, msgspec.DecodeError) as error:
        raise DataError(
            f"{path} cannot be read as JSON ({error}). Give one that --keep has written."
        ) from error
    if not isinstance(found, dict) or "benchmark" not in found or not isinstance(found.get("rows"), list):
        raise DataError(f"{path} holds no result of `undertow bench`. Give one that --keep has written.")
    return found


def continued(path: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """A kept result that was broken off, if it may be gone on with: measured as `facts` say.

    Raises:
        DataError: the file is no result, or one of another command, commit, machine or environment.
    """
    found = read(path)
    for name in SAME:
        if _compared(name, found) != _compared(name, facts):
            raise DataError(
                f"{path} cannot be gone on with: it was measured with another {name}"
                f" ({_compared(name, found)}; now {_compared(name, facts)}). Measure again without --go-on."
            )
    return found


def _compared(name: str, facts: dict[str, Any]) -> Any:
    told = facts.get(name)
    if name == "command":
        return shlex.join(word for word in shlex.split(told or "") if word != "--go-on")
    return {key: value for key, value in told.items() if key != "load"} if isinstance(told, dict) else told


def rows_in(found: dict[str, Any], kind: type[Any], path: Path) -> list[Any]:
    """The rows of a kept result as records.

    Raises:
        DataError: they are of another version.
    """
    try:
        return list(msgspec.convert(found["rows"], list[kind]))  # type: ignore[valid-type]
    except msgspec.ValidationError as error:
        raise DataError(
            f"{path} was kept by another version of undertow ({error}). Measure again."
        ) from error


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _caches() -> dict[str, str]:
    """L1 data, L2 and so on, as the system spells their sizes; nothing where it does not."""
    try:
        indexes = sorted(CPU.glob("index*"))
        facts = [[(i / name).read_text().strip() for name in ("level", "type", "size")] for i in indexes]
    except OSError:
        return {}
    return {f"L{level} {kind.lower()}": size for level, kind, size in facts}


def _features() -> list[str]:
    """The vector features that the processor lists."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return []
    lines = info.read_text(errors="replace").splitlines()
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    return [flag for flag in flags if flag.startswith(("avx", "fma", "amx", "sse4"))]


def _commit() -> str | None:
    """Of the checkout that this runs from, if it is one; "-dirty" where files differ from it."""
    root = Path(__file__).parents[3]
    if not (root / ".git").exists():
        return None
    asked = ["git", "-C", str(root), "describe", "--always", "--abbrev=40", "--dirty", "--match", ""]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return told.stdout.strip() or None
