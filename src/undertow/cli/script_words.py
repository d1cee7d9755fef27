"""The words of a command whose last one is somebody's script: ours before it, the script's own after it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from undertow.errors import SettingError


def split(words: list[str], kind: type) -> tuple[list[str], list[str]]:
    """Our words, the script among them, and the script's own; `kind` is the dataclass of our options."""
    valued = {f"--{f.name.replace('_', '-')}" for f in fields(kind) if f.type not in ("bool", bool)}
    for number, word in enumerate(words):
        if not word.startswith("-") and not (number and words[number - 1] in valued):
            return words[: number + 1], words[number + 1 :]
    return words, []


def writable(out: str) -> Path:
    """Where the page will stand, whatever folder the script goes to; asked before anything is run.

    Raises:
        SettingError: it could not be written there.
    """
    path = Path(out).absolute()
    if path.is_dir():
        raise SettingError(f"--out {out} is a folder. Name a file in it.")
    if not path.parent.is_dir():
        raise SettingError(f"--out {out}: there is no folder {path.parent}. Make it, or take another.")
    if not os.access(path.parent, os.W_OK):
        raise SettingError(f"--out {out}: the folder {path.parent} cannot be written to.")
    return path


@contextlib.contextmanager
def only_document(as_json: bool) -> Iterator[None]:
    """Meanwhile whatever is printed goes to stderr, by Python or by a process that it starts: on stdout stands one
    document."""
    if not as_json:
        yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
