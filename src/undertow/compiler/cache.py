"""Machine code kept on disk: one file a function, checked before it is used, shared by many processes.

Numba's own cache is not used. It trusts its files, so a flipped bit is a crash; two processes that save at once can
pair one's index with the other's code; it does not see that a function it inlined from another module has changed;
where it can write nowhere, the import fails; and it reads pickles.

A file is named by a hash of all that its code depends on, so it is never stale and never changes. It holds a mark, a
digest, and object code with the name of its entry. Whoever can write it can run code as the user, so the folder must
be the user's alone.
"""

from __future__ import annotations

import hashlib
import os
import pkgutil
import shutil
import stat
import sys
import time
import warnings
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import llvmlite
import msgspec
import numba
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys

from undertow.files import ASIDE, replace_file

VERSION = 2  # of the files; a new one leaves the old folder alone
MARK = b"undertow machine code\n"
HELPERS = (
    "alive.py",
    "atomic.py",
    "calls.py",
    "drop.py",
    "lengths.py",
    "rounded.py",
    "rounded_pack.py",
    "rounded_product.py",
    "tile.py",
    "tiles.py",
    "vector.py",
)  # whose functions are built into kernels, or called by them
ABANDONED = 3600  # seconds after which a file still being written has no writer


class CacheWarning(UserWarning):
    """The folder of compiled kernels cannot be read or written as it should; everything runs all the same."""


class Stored:
    """A compiled function of one address, a C function; built or loaded when its own address is first asked for."""

    def __init__(self, function: Callable[[Any], None], name: str) -> None:
        # Machine code from many processes meets in one, where a symbol must mean one thing: so every name is its own.
        function.__qualname__ = name
        self.function, self.name = function, name
        self._held: Any = None  # the code lives as long as this does
        self._address = 0

    @property
    def address(self) -> int:
        """Where the machine code is."""
        with global_compiler_lock:
            if not self._address:
                self._address = self._load() or self._compile()
            return self._address

    def _load(self) -> int:
        """The address of what the disk holds, or 0."""
        context = cpu_target.target_context
        payload = kept_payload(self._path())
        if payload is None:
            return 0
        rtsys.initialize(
            context
        )  # the symbols that code may need; all else that Numba sets up is for compiling
        entry, *code = msgspec.msgpack.decode(payload, type=tuple[str, str, bytes, bytes])
        name, machine_code, bitcode = code
        self._held = context.codegen().unserialize_library((name, "object", (machine_code, bitcode)))
        return int(self._held.get_pointer_to_function(entry))

    def _compile(self) -> int:
        self._held = numba.cfunc("void(int64)", error_model="numpy")(self.function)
        name, _, (machine_code, bitcode) = self._held._library.serialize_using_object_code()
        entry = self._held.native_name
        keep_payload(self._path(), msgspec.msgpack.encode((entry, name, machine_code, bitcode)))
        return int(self._held.address)

    def _path(self) -> Path:
        machine = (
            cpu_target.target_context.codegen().magic_tuple()
        )  # processor and features that Numba compiles for
        parts = (self.function.__module__, self.name, built_with(), machine)
        digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
        return cache_folder() / f"{self.name}_{digest}.code"


@lru_cache(1)
def built_with() -> tuple[str, ...]:
    """What all machine code depends on beside its own source and the processor."""
    texts = [pkgutil.get_data("undertow.compiler", name) or b"" for name in HELPERS]
    helpers = hashlib.sha256(b"\0".join(texts)).hexdigest()
    versions = (str(sys.implementation.cache_tag), numba.__version__, llvmlite.__version__)
    return (*versions, str(int(numba.config.OPT)), helpers)


# ---- the folder


def cache_folder() -> Path:
    """$UNDERTOW_CACHE, else the user's cache folder; it need not be there."""
    given = os.environ.get("UNDERTOW_CACHE")
    base = Path(given).absolute() if given else Path(_users_cache()) / "undertow"
    return base / f"kernels-{VERSION}"


def _users_cache() -> str:
    given = os.environ.get("XDG_CACHE_HOME", "")
    return given if Path(given).is_absolute() else os.path.expanduser("~/.cache")  # noqa: PTH111 - never raises


def _refusal(folder: Path) -> str:
    """Why a folder's files cannot be trusted, or nothing."""
    if not hasattr(os, "geteuid") or not (found := _found(folder)):
        return ""
    if found.st_uid != os.geteuid():
        return "it belongs to another user"
    return "others can write to it" if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) else ""


def _found(path: Path) -> os.stat_result | None:
    """What is at a path; nothing where none is, or none within reach, of which the first write will tell."""
    try:
        return path.stat()
    except OSError:
        return None


def kept_payload(path: Path) -> bytes | None:
    """The checked payload of a file, or nothing where there is none that can be used."""
    folder, found = path.parent, _found(path)
    if refused := _refusal(folder):
        _warn_once(
            f"{folder} is not used for compiled kernels: {refused}. They are built anew in every process. "
            f"Make the folder yours alone, or set UNDERTOW_CACHE to a folder that is."
        )
        return None
    if found is None:
        return None
    try:
        text = path.read_bytes() if stat.S_ISREG(found.st_mode) else b""
    except FileNotFoundError:  # deleted a moment ago
        return None
    except OSError as error:
        _damaged(path, error.strerror or str(error))
        return None
    payload = text[len(MARK) + 32 :]
    if text != _sealed(payload):
        _damaged(path, "its digest is wrong")
        return None
    return payload


def keep_payload(path: Path, payload: bytes) -> None:
    """Keep a payload, if the folder lets us."""
    folder = path.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _refusal(folder):
            return  # said when it was read
        _sweep(folder)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        replace_file(path, _sealed(payload), mode=0o600)
    except OSError as error:
        _warn_once(
            f"Compiled kernels cannot be kept in {folder} ({error.strerror or error}): they are built anew in every "
            f"process. Set UNDERTOW_CACHE to a folder that can be written."
        )


def _sealed(payload: bytes) -> bytes:
    return MARK + hashlib.sha256(payload).digest() + payload


def _sweep(folder: Path) -> None:
    """Remove what killed processes left half written."""
    for path in folder.glob(f".*{ASIDE}"):
        found = _found(path)  # its writer may have renamed it by now
        if found and time.time() - found.st_mtime > ABANDONED:
            path.unlink(missing_ok=True)


def _damaged(path: Path, reason: str) -> None:
    _warn_once(f"{path} was damaged ({reason}); this kernel is built anew and the file replaced.")


@lru_cache(256)
def _warn_once(text: str) -> None:
    warnings.warn(text, CacheWarning, stacklevel=2)
