"""Runs a script as Python would, and listens."""

from __future__ import annotations

import contextlib
import linecache
import runpy
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from undertow.doctor.case import Case, Crash
from undertow.doctor.seen.bedside import EVERY, Bedside, Enough
from undertow.doctor.seen.lines import Line, of_user
from undertow.errors import DataError


@contextlib.contextmanager
def _as_main(script: Path, arguments: Sequence[str]) -> Iterator[None]:
    words, path, main = sys.argv, list(sys.path), sys.modules.get("__main__")
    sys.argv = [str(script), *arguments]
    sys.path[0:1] = [str(script.parent)]
    try:
        yield
    finally:
        sys.argv, sys.path[:] = words, path
        if main is not None:
            sys.modules["__main__"] = main


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
    """The script's own traceback, without our frames above it."""
    trace = error.__traceback__
    while trace is not None and not of_user(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    linecache.checkcache()
    traceback.print_exception(type(error), error, trace)


def _line_of(error: Exception) -> Line:
    found = [f for f in traceback.extract_tb(error.__traceback__) if of_user(f.filename)]
    return Line(found[-1].filename, found[-1].lineno or 0) if found else Line()
