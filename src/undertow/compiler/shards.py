"""How rows get to threads: a call is cut into shards, and whoever is free takes the next.

Where the weights are too many for a core's cache, or the rows too few, the threads walk together as a team instead:
each takes some columns of every product and some rows of every loop, and they meet after each.

The threads are torch's own OpenMP team, so that there is one pool, already awake, and not two that fight for the
cores. A thread that comes late, because something else runs on its core, finds its work done by the others. Where
torch has no OpenMP that can be reached, and in a forked child, whose OpenMP is broken, a pool of our own steps in.
"""

from __future__ import annotations

import ctypes
import os
import threading
from array import array
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import torch

Shares = Callable[[int], None]  # a thread's share of a call, given the address of its numbers


class Share:
    """A compiled function that works through a call's shards until none is left."""

    def __init__(self, address: int) -> None:
        self.address = address
        self.alone: Shares = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)

    def run(self, call: array[int], threads: int) -> None:
        """Let so many threads work through the call; back when all shards are done."""
        place = call.buffer_info()[0]
        if threads < 2:
            self.alone(place)
            return
        team = _openmp()
        if team is not None and os.getpid() == _HOME:
            team(self.address, place, threads, 0)
            return
        waiting = [_workers(os.getpid(), threads - 1).submit(self.alone, place) for _ in range(threads - 1)]
        self.alone(place)
        for one in waiting:
            one.result()


class Compiled(Protocol):
    """What has machine code, built or loaded when it is first asked for."""

    @property
    def address(self) -> int:
        """Where that is."""


@lru_cache
def share_of(compiled: Compiled) -> Share:
    """Of one function that all calls have in common; asked for at its first call."""
    return Share(compiled.address)


_HOME = os.getpid()
_LOCK = threading.Lock()
NAMES = ("libgomp.so.1", "libomp.so", "libiomp5.so", "libomp.dylib", "libiomp5.dylib")


@lru_cache(1)
def _library() -> ctypes.CDLL | None:
    """The OpenMP library that torch has loaded, or None."""
    if "OpenMP" not in torch.__config__.parallel_info().partition("ATen parallel backend")[2]:
        return None
    folder = Path(torch.__file__).parent
    for name in (*(str(folder / "lib" / n) for n in NAMES), *NAMES):
        try:
            library = ctypes.CDLL(name, mode=os.RTLD_NOW | os.RTLD_NOLOAD)
            _ = library.GOMP_parallel  # LLVM's and Intel's libraries have it too
        except (OSError, AttributeError):  # not this one; without any, there is the pool of our own
            continue
        return library
    return None


@lru_cache(1)
def _openmp() -> Callable[[int, int, int, int], None] | None:
    """Its entry: function, the function's argument, threads, flags."""
    library = _library()
    if library is None:
        return None
    entry = library.GOMP_parallel
    entry.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    entry.restype = None
    found: Callable[[int, int, int, int], None] = entry
    return found


def team_is_whole(threads: int) -> bool:
    """Will OpenMP give so many threads at once, here and now? Who waits for one that never comes waits for ever."""
    library = _library()
    return bool(
        library is not None
        and os.getpid() == _HOME
        and not library.omp_in_parallel()
        and not library.omp_get_dynamic()
        and library.omp_get_thread_limit() >= threads
    )


_POOLS: dict[tuple[int, int], ThreadPoolExecutor] = {}


def _workers(process: int, count: int) -> ThreadPoolExecutor:
    """Threads that sleep until they are needed; a forked child makes its own."""
    with _LOCK:
        if (process, count) not in _POOLS:
            _POOLS[process, count] = ThreadPoolExecutor(count, thread_name_prefix="undertow")
        return _POOLS[process, count]
