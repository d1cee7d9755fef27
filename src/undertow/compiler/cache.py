"""A folder of files that are checked before they are used, shared by many processes: machine code, plans.

Numba's own cache is not used. It trusts its files, so a flipped bit is a crash; two processes that save at once can
pair one's index with the other's code; it does not see that a function it inlined from another module has changed;
where it can write nowhere, the import fails; and it reads pickles.

A file is named by a hash of all that its content depends on, so it is never stale and never changes. It holds a mark,
a digest, and the payload. Whoever can write it can run code as the user, so the folder must be the user's alone.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import time
import warnings
from functools import lru_cache
from pathlib import Path

from undertow.files import ASIDE, replace_file

VERSION = 3  # of the files; a new one leaves the old folder alone
MARK = b"undertow machine code\n"
ABANDONED = 3600  # seconds after which a file still being written has no writer


class CacheWarning(UserWarning):
    """The folder of compiled kernels cannot be read or written as it should; everything runs all the same."""


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
