"""Which line of the user's own code is it that calls?"""

from __future__ import annotations

import linecache
import os
import re
import sys
import sysconfig
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch

PACKAGE = Path(__file__).parents[2]
SEEN = f"{Path(__file__).parent}{os.sep}"
FLOW = str(PACKAGE / "flow")
STAND_INS = tuple(
    str(PACKAGE / "doctor" / name) for name in ("remedies", "detaching.py", "arm.py", "seen/patches.py")
)
LIBRARIES = tuple(
    f"{Path(folder).resolve()}{os.sep}"
    for folder in {
        str(Path(torch.__file__).parent.parent),
        sysconfig.get_path("stdlib"),
        sysconfig.get_path("platstdlib"),
        str(PACKAGE),
    }
)
FRAME = re.compile(r'File "(?P<file>[^"]*)", line (?P<line>\d+)')


class Line(NamedTuple):
    """Of a file; nothing where no line of the user's is known."""

    file: str = ""
    line: int = 0

    def __bool__(self) -> bool:
        return bool(self.file)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.file else ""


@lru_cache(4096)
def of_user(file: str) -> bool:
    """Is it no file of Python, of a library or of ours?"""
    return not file.startswith((*LIBRARIES, "<"))


def calling() -> Line:
    """The innermost frame of the user's."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if of_user(file):
            return Line(file, frame.f_lineno)
        frame = frame.f_back  # type: ignore[assignment]
    return Line()


def calling_itself() -> Line:
    """The line that calls what is listened to, if it is the user's own and no library's."""
    return _behind(SEEN)


def calling_past_us() -> Line:
    """The user's own line that calls what stands in the place of one of torch's functions; nothing where a library
    calls it, or we ourselves."""
    return _behind(STAND_INS)


def _behind(ours: str | tuple[str, ...]) -> Line:
    """The first frame that is none of these files', if it is the user's own."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith(ours):
        frame = frame.f_back  # type: ignore[assignment]
    if frame is None or not of_user(frame.f_code.co_filename):
        return Line()
    return Line(frame.f_code.co_filename, frame.f_lineno)


def ours() -> bool:
    """Is it our watch that calls, which walks torch's layers again?"""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(FLOW):
            return True
        if of_user(file):
            return False
        frame = frame.f_back  # type: ignore[assignment]
    return False


def names_of_caller() -> list[dict[str, object]]:
    """What the user's frames call things, the innermost first."""
    frame, found = sys._getframe(1), []
    while frame is not None:
        if of_user(frame.f_code.co_filename):
            found.append({**frame.f_locals})
            if frame.f_globals is not frame.f_locals:
                found.append(frame.f_globals)
        frame = frame.f_back  # type: ignore[assignment]
    return found


def stack() -> list[str]:
    """The innermost frame of the user's behind the one that calls, as torch keeps frames of every operation when asked.

    Its own function keeps all of them and looks up the source of each, which costs twenty times what an operation does.
    """
    frame = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if of_user(code.co_filename):
            return [_told(code.co_filename, frame.f_lineno, code.co_name)]
        frame = frame.f_back  # type: ignore[assignment]
    return []


@lru_cache(4096)
def _told(file: str, line: int, name: str) -> str:
    return f'  File "{file}", line {line}, in {name}\n    {linecache.getline(file, line).strip()}\n'


def in_traceback(lines: list[str]) -> Line:
    """The innermost line of the user's in what autograd kept of a call."""
    found = (FRAME.search(line) for line in reversed(lines))
    for frame in found:
        if frame and of_user(frame["file"]):
            return Line(frame["file"], int(frame["line"]))
    return Line()
