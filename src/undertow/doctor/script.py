"""Runs a script as Python would, and listens."""

from __future__ import annotations

import contextlib
import linecache
import os
import runpy
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from undertow.doctor.case import Case
from undertow.doctor.evidence import Crash
from undertow.doctor.seen.bedside import EVERY, Bedside, Enough
from undertow.doctor.seen.lines import PACKAGE, Line, of_user
from undertow.errors import DataError


@contextlib.contextmanager
def _as_main(script: Path, arguments: Sequence[str]) -> Iterator[None]:
    """The script's world: its words, its folder's modules; where it goes and where it prints ends with it."""
    words, path, main = sys.argv, list(sys.path), sys.modules.get("__main__")
    folder, out, errors, known = Path.cwd(), sys.stdout, sys.stderr, set(sys.modules)
    anomaly = torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()
    sys.argv = [str(script), *arguments]
    sys.path[0:1] = [str(script.parent)]
    try:
        with warnings.catch_warnings():
            yield
    finally:
        sys.argv, sys.path[:] = words, path
        sys.stdout, sys.stderr = out, errors
        os.chdir(folder)
        torch.set_anomaly_enabled(*anomaly)
        if main is not None:
            sys.modules["__main__"] = main
        for name in set(sys.modules) - known:
            if name.partition(".")[0] != "undertow" and _stands_in(sys.modules[name], script.parent):
                del sys.modules[name]


def _stands_in(module: Any, folder: Path) -> bool:
    """Is it one of the script's own? Another script may call another thing so."""
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and folder in Path(file).parents and "site-packages" not in file


Beside = Callable[[Bedside], contextlib.AbstractContextManager[None]]


def run(
    script: Path,
    arguments: Sequence[str],
    enough: Callable[[Bedside], bool] | None = None,
    beside: Beside | None = None,
    every: int = EVERY,
) -> Case:
    """Run it to its end, or until enough was seen, or until it crashes (its traceback goes to stderr).

    Args:
        script: a Python file.
        arguments: its own.
        enough: asked after every step.
        beside: what else lasts as long as the script runs.
        every: steps between two measurements of gradients.

    Raises:
        DataError: there is no such script, or Python cannot read it.
    """
    readable(script)
    seen, crash, stopped = Bedside(enough, every=every), None, False
    also = beside(seen) if beside is not None else contextlib.nullcontext()
    with seen, also, _as_main(script.resolve(), arguments):
        try:
            runpy.run_path(str(script.resolve()), run_name="__main__")
        except Enough:
            pass
        except KeyboardInterrupt:  # what was seen so far is judged
            stopped = True
        except SystemExit as leaving:
            if leaving.code not in (None, 0):
                print(f"{script.name} left with status {leaving.code}.", file=sys.stderr)
        except Exception as error:  # noqa: BLE001 - it is the user's: shown as Python would, and judged
            _show(error)
            crash = Crash(type(error).__name__, str(error), _line_of(error))
    return Case(seen, crash, stopped)


def readable(script: Path) -> None:
    """Would Python read it?

    Raises:
        DataError: there is no such script, or it is no Python.
    """
    if not script.is_file():
        raise DataError(f"{script}: there is no such script.")
    try:
        compile(script.read_bytes(), str(script), "exec")
    except SyntaxError as error:
        raise DataError(f"{script}, line {error.lineno}: SyntaxError: {error.msg}.") from None
    except ValueError as error:  # null bytes
        raise DataError(f"{script}: this is no Python: {error}.") from None


def _show(error: Exception) -> None:
    """The script's own traceback, without our frames above it and between."""
    linecache.checkcache()
    told = traceback.TracebackException.from_exception(error)
    waiting: list[traceback.TracebackException | None] = [told]
    while waiting:
        one = waiting.pop()
        if one is not None:
            frames = list(one.stack)
            first = next((n for n, f in enumerate(frames) if of_user(f.filename)), len(frames))
            own = [f for f in frames[first:] if not f.filename.startswith(str(PACKAGE))]
            one.stack = traceback.StackSummary.from_list(own)
            waiting += [one.__cause__, one.__context__]
    print("".join(told.format()), end="", file=sys.stderr)


def _line_of(error: Exception) -> Line:
    found = [f for f in traceback.extract_tb(error.__traceback__) if of_user(f.filename)]
    return Line(found[-1].filename, found[-1].lineno or 0) if found else Line()
