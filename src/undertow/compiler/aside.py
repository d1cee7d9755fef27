"""A second process that compiles what a first call is about to need, while the first process goes on.

Compiling is Python's work, half a second to a second a function, so two processes take half the time. What the second
one makes goes to the folder of kernels, from which the first one loads it. Where no core is idle or the folder cannot
be written, there is no second process, and the first does it all.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Protocol

IDLE = 30.0  # seconds without work, after which the second process ends
LONGEST = 60.0  # seconds that the first process waits for a function
START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from undertow.compiler.aside import serve; serve()"


class Wanted(Protocol):
    """A function that may have to be compiled."""

    job: dict[str, str]  # how another process makes it; empty where it cannot

    @property
    def path(self) -> Path:
        """Where it is kept."""


class Aside:
    """The second process as the first one sees it: what it was asked for and has not answered yet, in order."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._home = os.getpid()
        self._asked: list[str] = []
        self._heard = b""
        self._lock = threading.RLock()

    def begin(self, wanted: Sequence[Wanted]) -> None:
        """Let it compile what is not there yet, if there is a core for it."""
        with self._lock:
            missing = [w for w in wanted if w.job and not w.path.exists() and str(w.path) not in self._asked]
            process = self._running() if missing and _can_be_written(missing[0].path.parent) else None
            if process is None or process.stdin is None:
                return
            lines = [json.dumps({**w.job, "path": str(w.path)}) + "\n" for w in missing]
            try:
                process.stdin.write("".join(lines).encode())
                process.stdin.flush()
            except OSError:  # it has ended: what it was asked for is compiled here
                self.stop()
                return
            self._asked += [str(w.path) for w in missing]

    def finished(self, wanted: Wanted) -> bool:
        """Wait for a function that it is at work on. False where it is not: then it is compiled here, and sooner."""
        with self._lock:
            if not self._asked:
                return False
            key = str(wanted.path)
            self._listen(0.0)
            if self._asked[:1] != [key]:
                return False
            while self._asked[:1] == [key] and self._listen(LONGEST):
                pass
            return key not in self._asked

    def _listen(self, seconds: float) -> bool:
        """Take its answers; False where none came in time, or none will come."""
        process = self._process
        if process is None or process.stdout is None or os.getpid() != self._home:
            return False
        if not select.select([process.stdout], [], [], seconds)[0]:
            return False
        text = os.read(process.stdout.fileno(), 1 << 16)
        if not text:
            self.stop()
            return False
        *lines, self._heard = (self._heard + text).split(b"\n")
        for line in lines:
            with contextlib.suppress(ValueError):
                self._asked.remove(line.decode())
        return True

    def _running(self) -> subprocess.Popen[bytes] | None:
        if self._process is not None and self._process.poll() is None and os.getpid() == self._home:
            return self._process
        self.stop()
        if not _has_room():
            return None
        self._home = os.getpid()
        command = [sys.executable, "-I", "-c", START, json.dumps(sys.path)]
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, start_new_session=True
            )
        except OSError:  # no memory, or no more processes allowed
            return None
        atexit.register(self.stop)
        return self._process

    def stop(self) -> None:
        """End it, if it is ours."""
        process, self._process, self._asked, self._heard = self._process, None, [], b""
        if process is None or os.getpid() != self._home:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # words that it will not read any more
                    pipe.close()


def _has_room() -> bool:
    """Is there a core that is idle, and a way to start a second process?"""
    if os.name != "posix" or not Path(sys.executable or "").name.startswith(("python", "pypy")):
        return False  # another program holds Python, and would be started a second time
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores > 1 and os.getloadavg()[0] < cores - 0.5


def _can_be_written(folder: Path) -> bool:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK)


ASIDE = Aside()


# ---- in the second process


def serve() -> None:
    """Compile one function after another, as lines come in; a line back for each."""
    gc.disable()  # it lives for seconds
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    for job in _jobs(sys.stdin.buffer):
        with contextlib.suppress(Exception):  # the first process will meet it, too, and say so
            _made(job).address  # noqa: B018 - compiles and keeps it
        answers.write(f"{job['path']}\n".encode())


def _jobs(lines: IO[bytes]) -> Any:
    """What is asked for, until nobody asks any more."""
    rest = b""
    while select.select([lines], [], [], IDLE)[0]:
        text = os.read(lines.fileno(), 1 << 16)
        if not text:
            return
        *whole, rest = (rest + text).split(b"\n")
        yield from map(json.loads, whole)


def _made(job: dict[str, str]) -> Any:
    from undertow.compiler.machine_code import of_module
    from undertow.compiler.source import of_source

    if "source" in job:
        return of_source(job["source"], job["name"])
    return of_module(job["module"], job["name"])
