"""Compiled functions: loaded from the disk where they are kept, else compiled by Numba and kept.

What is kept needs nothing of Python, so loading it takes LLVM's linker alone: Numba, a quarter of a second to load, is
loaded only where something is compiled.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import pkgutil
import sys
import threading
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import msgspec

from undertow.compiler import processor
from undertow.compiler.aside import ASIDE
from undertow.compiler.cache import cache_folder, keep_payload, kept_payload
from undertow.compiler.uncollected import uncollected
from undertow.errors import MissingExtraError

HELPERS = (
    "alive.py",
    "atomic.py",
    "calls.py",
    "drop.py",
    "lengths.py",
    "rounded.py",
    "rounded_pack.py",
    "rounded_product.py",
    "sign_product.py",
    "tile.py",
    "tiles.py",
    "vector.py",
    "vector_exp.py",
    "vector_lanes.py",
    "vector_memory.py",
    "vector_type.py",
)  # whose functions are built into kernels, or called by them
ON_ERROR_ALONE = (
    "NRT_Free",
    "NRT_MemInfo_call_dtor",
    "numba_do_raise",
    "numba_gil_ensure",
    "numba_gil_release",
    "numba_runtime_build_excinfo_struct",
    "numba_unpickle",
)  # what Numba's code would call to raise an exception, which no kernel does
LOADING = threading.RLock()
Function = Callable[[Any], None]


class Stored:
    """A compiled function of one address, a C function; built or loaded when its own address is first asked for."""

    def __init__(
        self, make: Callable[[], Function], module: str, name: str, job: dict[str, str] | None = None
    ) -> None:
        """Of the Python function that `make` gives, asked for only where it has to be compiled.

        Its module and name stand for it on the disk; `job` tells another process how to make it.
        """
        self.make, self.module, self.name, self.job = make, module, name, job or {}
        self._held: Any = None  # the code lives as long as this does
        self._address = 0

    @classmethod
    def of(cls, function: Function, name: str) -> Stored:
        """A function that is there."""
        return cls(lambda: function, function.__module__, name)

    @property
    def address(self) -> int:
        """Where the machine code is."""
        with LOADING:
            if not self._address:
                self._address = self._load() or self._load_from_aside() or self._compile()
            return self._address

    def _load(self) -> int:
        """The address of what the disk holds, or 0."""
        payload = kept_payload(self.path)
        if payload is None:
            return 0
        entry, code = msgspec.msgpack.decode(payload, type=tuple[str, bytes])
        self._held = linked(code)
        return int(self._held.get_function_address(entry))

    def _load_from_aside(self) -> int:
        """The address of what another process is compiling, or 0."""
        return self._load() if ASIDE.finished(self) else 0

    @uncollected
    def _compile(self) -> int:
        numba = _numba()
        function = self.make()
        # Machine code from many processes meets in one, where a symbol must mean one thing: so every name is its own.
        function.__qualname__ = self.name
        self._held = numba.cfunc("void(int64)", error_model="numpy")(function)
        code = self._held._library.serialize_using_object_code()[2][0]
        keep_payload(self.path, msgspec.msgpack.encode((self._held.native_name, code)))
        return int(self._held.address)

    @property
    def path(self) -> Path:
        """Where it is kept."""
        parts = (self.module, self.name, built_with(), processor.identity())
        digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
        return cache_folder() / f"{self.name}_{digest}.code"


def _numba() -> Any:
    try:
        return import_module("numba")
    except ImportError as error:  # it is there, but what it stands on is not
        raise MissingExtraError(
            f"Kernels need Numba, which cannot be loaded ({error}). "
            f"Install it anew: pip install --force-reinstall numba"
        ) from error


def of_module(module: str, name: str) -> Stored:
    """A function in the table SHARES of a module that is loaded only where the function has to be compiled."""

    def make() -> Function:
        found: Function = import_module(module).SHARES[name]
        return found

    return Stored(make, module, name, {"module": module, "name": name})


def linked(code: bytes) -> Any:
    """An engine of LLVM that holds object code, ready to run."""
    engine = _engine(_target())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine


def _engine(target: Any) -> Any:
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), target.create_target_machine(jit=True))


@lru_cache(1)
def _target() -> Any:
    """Of this machine, LLVM made ready and every symbol that code may need made known to it."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    _engine(target)  # the first one lets LLVM find what this process has loaded: the C library, Python
    end = llvm.address_of_symbol("abort")
    if "numba" in sys.modules or not end:
        context = import_module("numba.core.registry").cpu_target.target_context
        import_module("numba.core.runtime").rtsys.initialize(context)
    for symbol in ON_ERROR_ALONE:
        if not llvm.address_of_symbol(symbol):
            llvm.add_symbol(symbol, end)
    return target


@lru_cache(1)
def built_with() -> tuple[str, ...]:
    """What all machine code depends on beside its own source and the processor."""
    texts = [pkgutil.get_data("undertow.compiler", name) or b"" for name in HELPERS]
    helpers = hashlib.sha256(b"\0".join(texts)).hexdigest()
    versions = (
        str(sys.implementation.cache_tag),
        *(importlib.metadata.version(name) for name in ("numba", "llvmlite")),
    )
    return (*versions, processor.level(), helpers)
